"""The back office: pages over both apps."""

from proactive.admin import alerts, home, people, policy, schedule, sweeps, texts

__all__ = ["alerts", "home", "people", "policy", "schedule", "sweeps", "texts"]
