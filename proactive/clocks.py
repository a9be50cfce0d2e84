"""Time as a policy needs it: since when, within which local hours, and how to say it.

Zones decide, UTC subtracts: a day is 24 hours, a window is what the wall clock of the person shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from caregiving import zones
from caregiving.models import Caregiver

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Anchor:
    """The instant from which a cadence counts: the first of `fields` that is set."""

    fields: tuple[str, ...]
    words: str

    def of(self, caregiver: Caregiver) -> datetime | None:
        values: Iterator[datetime | None] = (getattr(caregiver, field) for field in self.fields)
        return next((value for value in values if value is not None), None)

    def at_least(self, duration: timedelta, now: datetime) -> Q:
        """It was `duration` ago or longer."""
        return self._first_set("lte", now - duration)

    def less_than(self, duration: timedelta, now: datetime) -> Q:
        """It was more recent than `duration` ago."""
        return self._first_set("gt", now - duration)

    def unset(self) -> Q:
        """It never happened."""
        return Q(**{f"{field}__isnull": True for field in self.fields})

    def _first_set(self, lookup: str, bound: datetime) -> Q:
        condition = Q()
        for i, field in enumerate(self.fields):
            earlier_unset = {f"{earlier}__isnull": True for earlier in self.fields[:i]}
            condition |= Q(**earlier_unset, **{f"{field}__{lookup}": bound})
        return condition


CRISIS = Anchor(("last_crisis_event_at",), "crisis")
SILENCE = Anchor(("last_contact_at", "created_at"), "last heard from")
ASSESSMENT = Anchor(("last_assessment_at",), "assessment")
SIGN_UP = Anchor(("created_at",), "sign-up")
# What earns a check-in: the text before it, or for the first one the silence.
LAST_TEXT = Anchor(
    ("last_proactive_message_at", "last_contact_at", "created_at"), "last proactive message"
)


@dataclass(frozen=True)
class Window:
    """Local hours in which a cadence may send: from `opens` on, up to but not at `closes`."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{self.opens:02}:00-{self.closes:02}:00"

    def is_open(self, places: list[ZoneInfo], now: datetime) -> bool:
        """Whether it is open in every one of the places, and there is at least one."""
        return bool(places) and all(
            self.opens <= now.astimezone(zone).hour < self.closes for zone in places
        )

    def openings(self, places: list[ZoneInfo], now: datetime) -> Iterator[datetime]:
        """Openings of the next days. Where all places open together, one of them is the last to."""
        for zone in places:
            today = now.astimezone(zone).date()
            for days in range(3):
                wall = datetime.combine(today + timedelta(days=days), time(self.opens), zone)
                yield wall.astimezone(ZoneInfo("UTC"))

    def closing(self, places: list[ZoneInfo], now: datetime) -> datetime:
        """When an open window closes: the first closing among the places, in UTC."""
        return min(
            datetime.combine(now.astimezone(zone).date(), time(self.closes), zone).astimezone(
                ZoneInfo("UTC")
            )
            for zone in places
        )


def places(caregiver: Caregiver) -> list[ZoneInfo]:
    """The zones in which a person may be; all must be inside their window."""
    return zones.of(time_zone=caregiver.time_zone, derived_zones=caregiver.derived_zones)


def local(instant: datetime, caregiver: Caregiver) -> str:
    """`Tue 5 Jan 12:00`, on the person's clock (the first of their zones, if several remain)."""
    try:
        there = instant.astimezone(home(caregiver))
    except OverflowError:
        there = instant  # at the very end of what a date can be, where an hour more is too many
    # Not by strftime, which takes most of a sweep's time for words and asks the machine's locale.
    day, month = DAYS[there.weekday()], MONTHS[there.month - 1]
    return f"{day} {there.day} {month} {there.hour:02}:{there.minute:02}"


def home(caregiver: Caregiver) -> ZoneInfo:
    """The zone in which a person's times are told; UTC if theirs is misspelt."""
    return next(iter(places(caregiver)), ZoneInfo("UTC"))


def midnight(day: date) -> datetime:
    """The midnight at which `day` begins, where the service is."""
    return datetime.combine(day, time(), timezone.get_current_timezone())


def duration(length: timedelta) -> str:
    """`24 hours`, `7 days`, `1 day 5 hours`, `40 minutes`."""
    minutes = int(length.total_seconds() // 60)
    days, hours = divmod(minutes // 60, 24)
    if days == 0 and hours == 0:
        return _plural(minutes, "minute")
    if days <= 1 and length <= DAY:
        return _plural(minutes // 60, "hour")
    parts = [_plural(days, "day")] + ([_plural(hours, "hour")] if hours else [])
    return " ".join(parts)


def length(span: timedelta) -> str:
    """For tables: `25 min`, `2 h 05 min`, `3 d 4 h`; home.js says it likewise."""
    minutes = int(span.total_seconds() // 60)
    hours, days = minutes // 60, minutes // (24 * 60)
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} d {hours % 24} h"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
