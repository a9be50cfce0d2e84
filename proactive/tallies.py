"""What became of the texts of each day: counted, and remembered where counting takes long.

A month of a large service is millions of texts. The tick counts each day as often as it may still
change, and the home page reads what it remembered. A day of few texts is counted whenever somebody
looks: that costs nothing, and is exact to the second.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, Count, DateField, Q, QuerySet, Value, When
from django.utils import timezone

from proactive.clocks import midnight
from proactive.models import DayTally, Message, Status
from proactive.prepared import prepared
from proactive.receiving import REPLY_WITHIN

DAYS = 30
# Fewer texts than this on a day are counted faster than anybody notices.
WORTH_REMEMBERING = 2_000
# How old a memory may get before the tick counts again: of today, of days whose texts may still be
# answered, and of older ones, where only staff or a late report change something.
EVERY_TICK = timedelta(seconds=30)
WHILE_ANSWERED = timedelta(minutes=5)
SETTLED = timedelta(days=1)
# The tick may be late or busy; after this long it does not run, and the page counts itself.
GRACE = timedelta(minutes=5)

# What is counted of the texts that were handed over on a day, as lookups on Message.
TALLIED: dict[str, dict[str, Any]] = {
    "sent": {"sent_at__isnull": False},
    "delivered": {"status__in": (Status.DELIVERED,)},
    "replied": {"replied_at__isnull": False},
    "failed": {"status__in": (Status.FAILED, Status.UNDELIVERED)},
}


@dataclass(frozen=True)
class Tally:
    """What became of texts: `sent` those that the provider took, `failed` those that did not
    arrive, whether the provider refused them or could not deliver them."""

    sent: int = 0
    delivered: int = 0
    replied: int = 0
    failed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Tally)))


def total(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, Tally())


def handed_over(
    *, now: datetime, days: int = DAYS, however_old: bool = False
) -> dict[tuple[date, str], Tally]:
    """What became of the texts of the last `days` days: by day (of the service's zone) and cadence.

    A text belongs to the day on which it was handed to the provider, also if its answer came on
    the next. Two queries: what is remembered, and a count of the other days over a range of an
    index; today is the last of the days. `however_old`: a memory is good enough even if no tick
    has renewed it, so that whoever asks again and again never counts a long day.
    """
    wanted = days_until(now, days)
    remembered = {
        one.day: one.by_cadence
        for one in _memory(wanted)
        if one.texts >= WORTH_REMEMBERING
        and (however_old or now - one.counted_at < _lasts(one.day, one.counted_at) + GRACE)
    }
    counted = _count([day for day in wanted if day not in remembered])
    return {
        (day, cadence): Tally(**tally)
        for day, by_cadence in remembered.items()
        for cadence, tally in by_cadence.items()
    } | {(day, cadence): tally for (day, cadence), (tally, _) in counted.items()}


def remember(*, now: datetime) -> int:
    """Count the days whose memory has become too old, for `handed_over`; returns how many.

    Two at once count the same: the later count stays.
    """
    wanted = days_until(now, DAYS)
    zone = _zone()
    fresh = {
        day
        for where, day, counted_at in _ages()
        if where == zone and now - counted_at < _lasts(day, counted_at)
    }
    stale = [day for day in wanted if day not in fresh]
    if not stale:
        return 0
    by_day: dict[date, dict[str, Tally]] = defaultdict(dict)
    texts: dict[date, int] = defaultdict(int)
    for (day, cadence), (tally, number) in _count(stale).items():
        by_day[day][cadence] = tally
        texts[day] += number
    DayTally.objects.filter(day__lt=wanted[0]).delete()
    DayTally.objects.bulk_create(
        [
            DayTally(
                time_zone=zone,
                day=day,
                by_cadence={name: asdict(tally) for name, tally in by_day[day].items()},
                texts=texts[day],
                counted_at=now,
            )
            for day in stale
        ],
        update_conflicts=True,
        unique_fields=["time_zone", "day"],
        update_fields=["by_cadence", "texts", "counted_at"],
    )
    return len(stale)


def days_until(now: datetime, days: int) -> list[date]:
    """The last `days` days of the service's zone, today as the last."""
    today = timezone.localdate(now)
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _memory(days: list[date]) -> list[DayTally]:
    return list(DayTally.objects.filter(time_zone=_zone(), day__range=(days[0], days[-1])))


@prepared
def _ages() -> QuerySet[Any, Any]:
    """Of whatever is remembered, which is never more than those days."""
    return DayTally.objects.values_list("time_zone", "day", "counted_at")


def _lasts(day: date, counted_at: datetime) -> timedelta:
    """How long a count is good: by what could still change when it was made."""
    ended = midnight(day + timedelta(days=1))
    if counted_at < ended:
        return EVERY_TICK
    return WHILE_ANSWERED if counted_at < ended + REPLY_WITHIN else SETTLED


def _count(days: Collection[date]) -> dict[tuple[date, str], tuple[Tally, int]]:
    """By day and cadence the tally and the number of texts; one query, none for no days."""
    if not days:
        return {}
    within = reduce(
        or_,
        (
            Q(
                attempt_started_at__gte=midnight(first),
                attempt_started_at__lt=midnight(last + timedelta(days=1)),
            )
            for first, last in _stretches(days)
        ),
    )
    rows = (
        Message.objects.filter(within)
        .annotate(day=_day_of("attempt_started_at", days))
        .order_by()
        .values_list("day", "cadence")
        .annotate(
            **{name: Count("pk", filter=Q(**one)) for name, one in TALLIED.items()},
            texts=Count("pk"),
        )
    )
    return {(day, cadence): (Tally(*numbers), texts) for day, cadence, *numbers, texts in rows}


def _day_of(field: str, days: Collection[date]) -> Case:
    """On which of `days` it was. By their midnights: a database that works out the date of each
    text, SQLite by a function of Python's, takes several times as long."""
    return Case(
        *(
            When(**{f"{field}__lt": midnight(day + timedelta(days=1))}, then=Value(day))
            for day in sorted(days)
        ),
        output_field=DateField(),
    )


def _stretches(days: Collection[date]) -> list[tuple[date, date]]:
    """Days that follow each other as one: a condition for each stretch, not for each day."""
    stretches: list[tuple[date, date]] = []
    for day in sorted(days):
        if stretches and day - stretches[-1][1] == timedelta(days=1):
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches


def _zone() -> str:
    return timezone.get_current_timezone_name()
