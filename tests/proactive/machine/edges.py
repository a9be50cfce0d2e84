"""The instants at which something begins or ends for one person."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.proactive.machine.consistency import Row
from tests.proactive.machine.drawing import CHANGES_OF_CLOCKS
from tests.proactive.machine.numbers import RESERVED, STAGES, WINDOWS, occasion
from tests.proactive.people import DAY, HOUR

HORIZON = 31 * DAY


def edges(row: Row, zones: list[str], now: datetime) -> list[datetime]:
    """Those after `now` and within HORIZON, soonest first; never empty."""
    found = set(CHANGES_OF_CLOCKS)
    if last := row["last_proactive_message_at"]:
        found |= {last + n * DAY for n in (1, 3, 7, 14)}
    silent = row["last_contact_at"] or row["created_at"]
    found |= {silent + HOUR} | {silent + n * DAY for n in (1, 2, 3, 31)}
    for cadence, dues in STAGES.items():
        if since := occasion(cadence, row):
            found |= {since + due for due in dues} | {since + dues[0] - RESERVED}
    if row["outreach_paused_until"]:
        found.add(row["outreach_paused_until"])
    hours = sorted({hour for window in WINDOWS.values() for hour in window})
    for zone in zones:
        today = now.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
        for days in (0, 1):
            for hour in hours:
                found.add((today + timedelta(days=days)).replace(hour=hour).astimezone(UTC))
    return sorted(at for at in found if now < at <= now + HORIZON)
