"""The back office: plain pages over both apps."""

from proactive.admin import log, people, policy, schedule

__all__ = ["log", "people", "policy", "schedule"]
