"""The back office: pages over both apps."""

from proactive.admin import (
    accounts,
    alerts,
    api_tokens,
    audit,
    home,
    people,
    policy,
    schedule,
    sign_ins,
    simulations,
    sweeps,
    switches,
    templates,
    texts,
    webhooks_out,
    weekly,
)

__all__ = [
    "accounts",
    "alerts",
    "api_tokens",
    "audit",
    "home",
    "people",
    "policy",
    "schedule",
    "sign_ins",
    "simulations",
    "sweeps",
    "switches",
    "templates",
    "texts",
    "webhooks_out",
    "weekly",
]
