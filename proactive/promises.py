"""Is every crisis follow-up accounted for? Counts them by what became of them.

This asks the rows themselves and shares nothing with the sweep that wrote them, so that it also
finds what a sweep that never ran has left undone.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from caregiving.models import Caregiver, CrisisEvent
from proactive import alerts
from proactive.accounting import REMEMBERED
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step
from proactive.models import CareAlert, Message, Status

# A stage whose time has just passed is settled by the next sweep.
GRACE = timedelta(hours=1)
BATCH = 500

WAITING = "waiting for its moment"
WITH_A_PERSON = "held up, a person was told"
BEFORE_RECORDS = "dealt with before there were records"
UNACCOUNTED = "UNACCOUNTED"


@dataclass
class Promises:
    """`outcomes`: how many stages that fell due ended how. `unaccounted`: how many nobody knows of,
    with an alert for each person concerned."""

    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def unaccounted(self) -> int:
        return self.outcomes[UNACCOUNTED]


@dataclass(frozen=True)
class _Occasion:
    """One crisis of one person, until a newer one (`ends`) took its place."""

    caregiver: Caregiver
    at: datetime
    ends: datetime | None
    dealt_with: int


def check_promises(*, now: datetime | None = None) -> Promises:
    """Count every stage of a vital cadence that fell due within the last 84 days by its end.

    One that has none, though its time is over, is alerted: it was lost sight of.
    """
    now = now or timezone.now()
    report = Promises()
    for cadence in CADENCES:
        if cadence.vital:
            for occasions in _occasions(cadence, now):
                _count(cadence, occasions, report, now)
    return report


def _count(cadence: Cadence, occasions: list[_Occasion], report: Promises, now: datetime) -> None:
    people = {one.caregiver.pk: one.caregiver for one in occasions}
    rows = Message.objects.filter(cadence=cadence.name, caregiver__in=people).values_list(
        "caregiver_id", "occasion", "stage", "status"
    )
    # What was given back counts only where nothing took its place.
    statuses = {
        (caregiver, occasion, stage): status
        for caregiver, occasion, stage, status in sorted(
            rows, key=lambda row: row[-1] != Status.CANCELLED
        )
    }
    told = set(
        CareAlert.objects.filter(
            kind=CareAlert.Kind.FOLLOWUP_MISSED, caregiver__in=people
        ).values_list("caregiver_id", "occasion")
    )
    lost: list[tuple[Caregiver, datetime, str]] = []
    for one in occasions:
        for step in cadence.steps:
            if not _fell_due(step, one, now):
                continue
            status = statuses.get((one.caregiver.pk, one.at, step.stage))
            outcome = _outcome(step, one, status, (one.caregiver.pk, one.at) in told, now)
            report.outcomes[outcome] += 1
            if outcome == UNACCOUNTED:
                lost.append((one.caregiver, one.at, f"Stage {step.stage} has no end."))
    alerts.open_for_people(CareAlert.Kind.FOLLOWUP_UNACCOUNTED, lost, now=now)


def _fell_due(step: Step, occasion: _Occasion, now: datetime) -> bool:
    assert step.due is not None
    return occasion.at + step.due <= min(now, occasion.ends or now)


def _outcome(step: Step, occasion: _Occasion, status: str | None, told: bool, now: datetime) -> str:
    assert step.stage is not None and step.limit is not None
    if status is not None and (status != Status.CANCELLED or occasion.ends is not None):
        return Status(status).label.lower()
    if step.stage <= occasion.dealt_with:
        return BEFORE_RECORDS
    is_over = occasion.at + step.limit + GRACE <= now or occasion.ends is not None
    if not is_over:
        return WAITING
    return WITH_A_PERSON if told else UNACCOUNTED


def _occasions(cadence: Cadence, now: datetime) -> Iterator[list[_Occasion]]:
    """The current occasion of each person, then those that a newer one replaced, in batches."""
    (event,) = cadence.anchor.fields
    since = now - REMEMBERED
    people = Caregiver.objects.filter(**{f"{event}__gt": since, f"{event}__lte": now})
    last = 0
    while batch := list(people.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        yield [
            _Occasion(one, getattr(one, event), None, getattr(one, cadence.counter) or 0)
            for one in batch
        ]
    replaced = CrisisEvent.objects.filter(
        Q(settled_at__isnull=False) | Q(replaced_at__lte=now - GRACE),
        at__gt=since,
        replaced_at__isnull=False,
    ).select_related("caregiver")
    last = 0
    while crises := list(replaced.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = crises[-1].pk
        yield [_Occasion(one.caregiver, one.at, one.replaced_at, 0) for one in crises]
