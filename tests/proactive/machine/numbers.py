"""The policy's numbers, written once more: from the design and not from the declarations.

Durations are exact, a day is 24 hours; windows are local hours of the recipient.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.proactive.people import DAY, HOUR

GATE = timedelta(hours=24)
LIVE = timedelta(minutes=60)  # a conversation, which alone holds up a crisis follow-up
RESERVED = timedelta(hours=12)
CHURNED_AFTER = timedelta(days=31)
CASCADE = timedelta(days=42)
RECENT = timedelta(days=7)
# From the mark to the submission: so long what was asked is taken as still true.
GRACE = timedelta(seconds=2)

# Highest priority first; hours from which and up to which it may send.
WINDOWS = {
    "crisis_followup": (8, 21),
    "wellness": (9, 20),
    "dormant_reactivation": (11, 20),
    "assessment_reminder": (9, 20),
    "onboarding_nudge": (9, 20),
}
# When each stage falls due after its occasion; the last is the late limit of the last stage.
STAGES = {
    "crisis_followup": tuple(n * DAY for n in (1, 3, 7, 14, 21, 28, 35, 42)),
    "dormant_reactivation": tuple(n * DAY for n in (7, 14, 30, 31)),
    "assessment_reminder": tuple(n * DAY for n in (7, 14, 21)),
    "onboarding_nudge": (48 * HOUR, 5 * DAY, 6 * DAY),
}
COUNTERS = {
    "crisis_followup": "crisis_followup_count",
    "dormant_reactivation": "reactivation_message_count",
    "assessment_reminder": "assessment_reminder_count",
    "onboarding_nudge": "onboarding_nudge_count",
}
# (every, silence), by tier
TIERS = {
    "crisis_recent": (1 * DAY, 2 * DAY),
    "crisis": (7 * DAY, 3 * DAY),
    "high": (3 * DAY, 2 * DAY),
    "moderate": (7 * DAY, 3 * DAY),
    "well": (14 * DAY, 3 * DAY),
}


def is_open(cadence: str, zones: list[str], now: datetime) -> bool:
    """Whether it is within the window of `cadence` in each of the zones, by the wall clock."""
    opens, closes = WINDOWS[cadence]
    return all(opens <= now.astimezone(ZoneInfo(zone)).hour < closes for zone in zones)


def occasion(cadence: str, row: dict) -> datetime | None:
    """The event that earns the stages of `cadence`, of a row of Caregiver."""
    if cadence == "crisis_followup":
        return row["last_crisis_event_at"]
    if cadence == "dormant_reactivation":
        return row["last_contact_at"] or row["created_at"]
    if cadence == "assessment_reminder":
        return row["last_assessment_at"]
    return row["created_at"]


def stage_at(cadence: str, since: timedelta) -> int:
    """The stage that is current so long after the occasion; 0 before the first, and at the end."""
    dues = STAGES[cadence]
    if not dues[0] <= since < dues[-1]:
        return 0
    return sum(due <= since for due in dues)
