"""The figures of the home page: counted within bounds, by a fixed number of queries.

A figure and the list behind it are the same question: where the list is a cohort of people, it is
that cohort which is counted here; where it is a list of texts, the figure's own lookups are named
in `TALLIED`.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet

from caregiving.models import Caregiver
from proactive import cohorts
from proactive.cadences import BY_NAME, CADENCES
from proactive.counting import Counted, count
from proactive.models import CareAlert, Message
from proactive.switches import Switchboard
from proactive.tallies import DAYS, TALLIED, Tally, days_until, handed_over, total

# More than this are not counted to the last one: nobody reads the difference.
MOST = 10_000

__all__ = [
    "DAYS",
    "MOST",
    "TALLIED",
    "Tally",
    "days_until",
    "handed_over",
    "in_cohort",
    "longest_open",
    "open_alerts",
    "opted_out_since",
    "owed_today",
    "total",
    "waiting",
    "waits_too_long",
]


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


def owed_today(*, now: datetime, switchboard: Switchboard) -> dict[str, Counted]:
    """By cadence: to how many people a text of it is owed before midnight."""
    return {
        one.name: count(
            Caregiver.objects.filter(cohorts.owed_before_midnight([one], now)), bound=MOST
        )
        for one in map(switchboard.limited, CADENCES)
    }


def opted_out_since(instant: datetime) -> Counted:
    return count(Caregiver.objects.filter(opted_out_at__gte=instant), bound=MOST)


# --- Texts ---


def waiting() -> Counted:
    """Texts that are queued and not yet handed over."""
    return count(Message.objects.queued(), bound=MOST)
