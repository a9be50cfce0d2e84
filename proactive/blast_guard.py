"""The blast guard: a sweep that would text far more people than usual asks a person first.

What makes too many people due at once (an import with wrong dates, a mistake in a rule) is hard to
foresee and cannot be taken back once the texts are out. So the guard holds the whole sweep, crisis
follow-ups too: a wrong blast is most likely wrong everywhere. What that costs is known: an alert
asks a person at once, and only that one says that follow-ups wait. Each of them has an alert of its
own no sooner than its late limit, by when its words no longer fit.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Min, QuerySet, Value

from proactive import alerts
from proactive.models import CareAlert, Sweep
from proactive.prepared import prepared

HISTORY = timedelta(days=14)
# Less than this, and the usual would be what happened to be due on the first morning.
ENOUGH_HISTORY = timedelta(days=3)
# A small service has quiet weeks: where three texts are usual, sixteen are a busy Monday and no
# blast. Nobody is asked about so few.
FLOOR = 200

# In the counts of a sweep that was forced, or went through because a person had let one go on.
UNLIMITED = "unlimited"

APPROVAL_LASTS = timedelta(hours=1)
# A sweep held longer ago says nothing about who is due now.
APPROVABLE = timedelta(days=1)

NEXT_STEP = (
    "Look at who is due with manage.py sweep --dry-run. If it is as it should be, run manage.py "
    "sweep --force, or open the sweep in the admin under Sweeps and let it go on."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """How many people one sweep may text unasked, and what that is measured by."""

    people: int
    measure: str

    @property
    def exceeded(self) -> str:
        return f"more than {self.people} people are due a text at once"

    def says(self) -> str:
        return f"{self.exceeded.capitalize()}; {self.measure}."


def limit(*, now: datetime) -> Limit | None:
    """What a sweep at `now` must keep to; None for an hour after a person let a held one go on.

    Only sweeps that kept to a limit say what is usual: an exception that a person made would
    otherwise be the measure of the next blast. So a service that has outgrown its limit for good
    is asked every day until SWEEP_MULTIPLE is raised.
    """
    if _approved_lately(now=now):
        return None
    ((usual, since),) = _history(now=now)
    if since is None or since > now - ENOUGH_HISTORY:
        return Limit(
            settings.SWEEP_CEILING,
            f"there is no usual yet, which takes {ENOUGH_HISTORY.days} days of texts",
        )
    return Limit(
        max(settings.SWEEP_MULTIPLE * usual, FLOOR),
        f"the usual is {usual}, the most that one sweep queued in the {HISTORY.days} days before",
    )


@prepared
def _approved_lately(*, now: datetime) -> QuerySet[Sweep, int]:
    approved = Sweep.objects.filter(approved_at__gt=now - APPROVAL_LASTS, approved_at__lte=now)
    return approved.order_by().values_list("pk", flat=True)[:1]


@prepared
def _history(*, now: datetime) -> QuerySet[Sweep, Any]:
    """One row: the most texts that one sweep queued, and when the first of those sweeps was."""
    return (
        Sweep.objects.filter(texts_queued__gt=0, dry_run=False, now__gte=now - HISTORY, now__lt=now)
        .exclude(counts__has_key=UNLIMITED)
        .order_by()
        .annotate(all_of_them=Value(1))
        .values("all_of_them")
        .annotate(usual=Max("texts_queued"), since=Min("now"))
        .values_list("usual", "since")
    )


def ask_a_person(sweep: Sweep) -> None:
    """Open the alert about a held sweep. While it is unresolved, later sweeps open no other."""
    logger.warning("sweep %s queued nothing and asks a person: %s", sweep.pk, sweep.held)
    alerts.open_alert(
        CareAlert.Kind.SWEEP_HELD,
        now=sweep.now,
        detail=f"{sweep.held} Nothing is queued until fewer are or somebody lets it go on. "
        f"{NEXT_STEP}",
    )


def settle(sweep: Sweep, limit: Limit | None, *, forced: bool) -> None:
    """Resolve the alert about a sweep held before `sweep`, which was not: the next hold is news."""
    if limit:
        why = f"no more than {limit.people} people were due"
    else:
        why = "it was forced" if forced else "somebody had let a held one go on"
    alerts.resolve_for_service(
        CareAlert.Kind.SWEEP_HELD,
        note=f"The sweep of {sweep.now:%Y-%m-%d %H:%M} UTC went through: {why}.",
        now=sweep.now,
    )


def may_approve(sweep: Sweep, *, now: datetime) -> bool:
    return _approvable(now).filter(pk=sweep.pk).exists()


def approve(sweep: Sweep, *, by: User, reason: str, now: datetime) -> bool:
    """Let sweeps go on for an hour, and resolve the alert with `reason` as its note.

    False when `sweep` is not held, was approved before or is a day old: nothing is changed then.
    """
    with transaction.atomic():
        took_place = _approvable(now).filter(pk=sweep.pk).update(approved_at=now, approved_by=by)
        if took_place:
            alerts.resolve_for_service(CareAlert.Kind.SWEEP_HELD, note=reason, now=now, by=by)
    return bool(took_place)


def _approvable(now: datetime) -> QuerySet[Sweep]:
    return Sweep.objects.filter(
        dry_run=False, approved_at__isnull=True, now__gt=now - APPROVABLE
    ).exclude(held="")
