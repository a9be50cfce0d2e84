"""The back office: plain pages over both apps."""

from proactive.admin import alerts, people, policy, schedule, sweeps, texts

__all__ = ["alerts", "people", "policy", "schedule", "sweeps", "texts"]
