"""The back office: plain pages over both apps."""

from proactive.admin import home, log, people, policy, schedule, texts

__all__ = ["home", "log", "people", "policy", "schedule", "texts"]
