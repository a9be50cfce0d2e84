"""The back office: plain pages over both apps."""

from proactive.admin import accounts, audit, log, people, policy, schedule, sign_ins, texts

__all__ = ["accounts", "audit", "log", "people", "policy", "schedule", "sign_ins", "texts"]
