"""The figures of the home page: counted within bounds, by a fixed number of queries.

A figure and the list behind it are the same question: where the list is a cohort of people, it is
that cohort which is counted here; where it is a list of texts, the figure's own lookups are named
in `TALLIED`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count as CountOf
from django.db.models import F, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import cohorts
from proactive.cadences import BY_NAME, CADENCES
from proactive.clocks import MINUTE
from proactive.models import CareAlert, Message, Status

# More than this are not counted to the last one: nobody reads the difference.
MOST = 10_000
DAYS = 30
# Nobody took it on for so long: then an alert about a crisis says so.
WAITS_AT_MOST = 15 * MINUTE


@dataclass(frozen=True)
class Count:
    """How many there are, or that there are more than were counted."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"

    def __bool__(self) -> bool:
        return bool(self.number)


def count(rows: QuerySet[Any], *, most: int = MOST) -> Count:
    """Count `rows`, but stop at `most`."""
    found = rows.order_by()[: most + 1].count()
    return Count(min(found, most), found > most)


# --- Alerts ---


def open_alerts() -> QuerySet[CareAlert]:
    return CareAlert.objects.filter(resolved_at=None)


def longest_open(most: int) -> list[CareAlert]:
    """The alerts that have been open for longest, with their person and whoever claimed them."""
    alerts = open_alerts().select_related("caregiver", "claimed_by")
    return list(alerts.annotate(cadence=F("message__cadence")).order_by("opened_at", "pk")[:most])


def waits_too_long(alert: CareAlert, *, now: datetime) -> bool:
    """It is about a crisis, and nobody has claimed it. `alert` comes from `longest_open`."""
    cadence = BY_NAME.get(getattr(alert, "cadence", None) or "")
    about_a_crisis = alert.kind in CareAlert.CRISIS or bool(cadence and cadence.vital)
    return about_a_crisis and not alert.claimed_by_id and now - alert.opened_at > WAITS_AT_MOST


# --- People ---


def in_cohort(name: str, *, now: datetime, **lookups: Any) -> Count:
    """How many people are in a cohort, of those who meet `lookups`."""
    return count(cohorts.BY_NAME[name].people(now=now).filter(**lookups))


def owed_today(*, now: datetime) -> dict[str, Count]:
    """By cadence: to how many people a text of it is owed before midnight."""
    return {one.name: count(cohorts.due_of(one).people(now=now)) for one in CADENCES}


def opted_out_since(instant: datetime) -> Count:
    return count(Caregiver.objects.filter(opted_out_at__gte=instant))


# --- Texts ---

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


def handed_over(*, now: datetime, days: int = DAYS) -> dict[tuple[date, str], Tally]:
    """What became of the texts of the last `days` days: by day (of the service's zone) and cadence.

    A text belongs to the day on which it was handed to the provider, also if its answer came on
    the next. One query over a range of an index; today is the last of the days.
    """
    rows = (
        Message.objects.filter(attempt_started_at__gte=beginning(days_until(now, days)[0]))
        .annotate(day=TruncDate("attempt_started_at"))
        .order_by()
        .values_list("day", "cadence")
        .annotate(**{name: CountOf("pk", filter=Q(**one)) for name, one in TALLIED.items()})
    )
    return {(day, cadence): Tally(*numbers) for day, cadence, *numbers in rows}


def waiting() -> Count:
    """Texts that are queued and not yet handed over."""
    return count(Message.objects.queued())


# --- Days of the service's zone ---


def days_until(now: datetime, days: int) -> list[date]:
    """The last `days` days, today as the last."""
    today = timezone.localtime(now).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def beginning(day: date) -> datetime:
    """The midnight at which `day` begins."""
    return datetime.combine(day, time(), timezone.get_current_timezone())
