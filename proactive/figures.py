"""The figures of the home page: counted within bounds, by a fixed number of queries.

A figure and the list behind it are the same question: where the list is a cohort of people, it is
that cohort which is counted here; where it is a list of texts, the figure's own lookups are named
in `TALLIED`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import cohorts
from proactive.cadences import BY_NAME, CADENCES
from proactive.clocks import midnight
from proactive.counting import Counted, count
from proactive.models import CareAlert, Message, Status

# More than this are not counted to the last one: nobody reads the difference.
MOST = 10_000
DAYS = 30


# --- Alerts ---


def open_alerts() -> QuerySet[CareAlert]:
    return CareAlert.objects.filter(resolved_at=None)


def longest_open(most: int) -> list[CareAlert]:
    """The alerts that have been open for longest, with their person and whoever claimed them."""
    alerts = open_alerts().select_related("caregiver", "claimed_by")
    return list(alerts.annotate(cadence=F("message__cadence")).order_by("opened_at", "pk")[:most])


def waits_too_long(alert: CareAlert, *, now: datetime) -> bool:
    """It would be sent on by email: about a crisis, and nobody has claimed it for so long.

    `alert` comes from `longest_open`. See `escalating.unclaimed`.
    """
    cadence = BY_NAME.get(getattr(alert, "cadence", None) or "")
    about_a_crisis = alert.kind in CareAlert.CRISIS or bool(cadence and cadence.vital)
    at_most = timedelta(minutes=settings.ALERT_ESCALATION_MINUTES)
    return about_a_crisis and not alert.claimed_by_id and now - alert.opened_at >= at_most


# --- People ---


def in_cohort(name: str, *, now: datetime, **lookups: Any) -> Counted:
    """How many people are in a cohort, of those who meet `lookups`."""
    return count(cohorts.BY_NAME[name].people(now=now).filter(**lookups), bound=MOST)


def owed_today(*, now: datetime) -> dict[str, Counted]:
    """By cadence: to how many people a text of it is owed before midnight."""
    return {one.name: count(cohorts.due_of(one).people(now=now), bound=MOST) for one in CADENCES}


def opted_out_since(instant: datetime) -> Counted:
    return count(Caregiver.objects.filter(opted_out_at__gte=instant), bound=MOST)


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
        Message.objects.filter(attempt_started_at__gte=midnight(days_until(now, days)[0]))
        .annotate(day=TruncDate("attempt_started_at"))
        .order_by()
        .values_list("day", "cadence")
        .annotate(**{name: Count("pk", filter=Q(**one)) for name, one in TALLIED.items()})
    )
    return {(day, cadence): Tally(*numbers) for day, cadence, *numbers in rows}


def waiting() -> Counted:
    """Texts that are queued and not yet handed over."""
    return count(Message.objects.queued(), bound=MOST)


# --- Days of the service's zone ---


def days_until(now: datetime, days: int) -> list[date]:
    """The last `days` days, today as the last."""
    today = timezone.localdate(now)
    return [today - timedelta(days=back) for back in reversed(range(days))]
