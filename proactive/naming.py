"""Names of the declarations, and lengths of time, as people read them."""

from datetime import datetime

from proactive.cadences import BY_NAME
from proactive.clocks import DAY, MINUTE, duration


def in_words(cadence: str, stage: int | None) -> str:
    """`crisis_followup`, 3 -> "Crisis follow-up 3"; a cadence that is no more keeps its name."""
    label = BY_NAME[cadence].label if cadence in BY_NAME else cadence
    return f"{label} {stage}" if stage else label


def away(instant: datetime, now: datetime) -> str:
    """How far `instant` is from `now`: "in 1 day 3 hours", "5 days ago", "now" within a minute.

    From two days on in whole days.
    """
    length = abs(instant - now)
    if length < MINUTE:
        return "now"
    words = duration(length if length < 2 * DAY else length.days * DAY)
    return f"in {words}" if instant > now else f"{words} ago"
