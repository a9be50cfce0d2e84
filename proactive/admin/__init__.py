"""The back office: plain pages over both apps."""

from proactive.admin import log, people, policy, schedule, switches, templates, texts

__all__ = ["log", "people", "policy", "schedule", "switches", "templates", "texts"]
