"""Is every crisis follow-up accounted for? Counts them by what became of them.

This asks the rows themselves and shares nothing with the sweep that wrote them, so that it also
finds what a sweep that never ran has left undone.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from caregiving.models import Caregiver, CrisisEvent
from proactive import alerts
from proactive.accounting import REMEMBERED
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step
from proactive.models import CareAlert, Message, Status
from proactive.switches import Switchboard

# A stage whose time has just passed is settled by the next sweep.
GRACE = timedelta(hours=1)
BATCH = 500

# Alerts that tell a person of one stage.
TELLING = (
    CareAlert.Kind.FOLLOWUP_MISSED,
    CareAlert.Kind.FOLLOWUP_STUCK,
    CareAlert.Kind.OUTCOME_UNKNOWN,
)
NOT_ENDED = (Status.QUEUED, Status.SENDING, Status.UNKNOWN)

WAITING = "waiting for its moment"
WITH_A_PERSON = "held up, a person was told"
BEFORE_RECORDS = "dealt with before there were records"
HEARD_LATE = "never owed: the crisis was reported after a newer one"
NOT_ON = "not owed: outreach is not on for them"
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
    """One crisis of one person, until a newer one (`ends`) took its place.

    `heard_late`: nobody knew of it before the newer one, so it has earned no follow-ups.
    """

    caregiver: Caregiver
    at: datetime
    ends: datetime | None
    dealt_with: int
    heard_late: bool = False


def check_promises(*, now: datetime | None = None) -> Promises:
    """Count every stage of a vital cadence that fell due within the last 84 days by its end.

    One that has none, though its time is over, is alerted: it was lost sight of.
    """
    now = now or timezone.now()
    report = Promises()
    for cadence in map(Switchboard.load().limited, CADENCES):
        if cadence.vital:
            for occasions in _occasions(cadence, now, since=now - REMEMBERED, until=now):
                _count(cadence, occasions, report, now)
    return report


def fell_due(*, begins: datetime, ends: datetime, now: datetime) -> Counter[str]:
    """How many stages that fell due from `begins` up to `ends` have ended how, as known at `now`.

    Alerts nobody, however old it is.
    """
    outcomes: Counter[str] = Counter()
    for cadence in map(Switchboard.load().limited, CADENCES):
        if cadence.vital:
            since = begins - cadence.due[-1] - timedelta(microseconds=1)
            until = min(ends - cadence.due[0], now)
            for occasions in _occasions(cadence, now, since=since, until=until):
                outcomes.update(
                    outcome
                    for one, step, outcome in _outcomes(cadence, occasions, now)
                    if step.due is not None and begins <= one.at + step.due < ends
                )
    return outcomes


def _count(cadence: Cadence, occasions: list[_Occasion], report: Promises, now: datetime) -> None:
    lost = []
    for one, step, outcome in _outcomes(cadence, occasions, now):
        report.outcomes[outcome] += 1
        if outcome == UNACCOUNTED:
            lost.append((one.caregiver, one.at, f"Stage {step.stage} has no end."))
    alerts.open_for_people(CareAlert.Kind.FOLLOWUP_UNACCOUNTED, lost, now=now)


def _outcomes(
    cadence: Cadence, occasions: list[_Occasion], now: datetime
) -> Iterator[tuple[_Occasion, Step, str]]:
    """Each stage that fell due, with what became of it."""
    known = _Known.load(cadence, [one.caregiver for one in occasions])
    for one in occasions:
        for step in cadence.steps:
            if not _fell_due(step, one, now):
                continue
            yield one, step, known.outcome(step, one, now, is_on=cadence.is_for(one.caregiver))


def _fell_due(step: Step, occasion: _Occasion, now: datetime) -> bool:
    assert step.due is not None
    return occasion.at + step.due <= min(now, occasion.ends or now)


@dataclass(frozen=True)
class _Known:
    """Of some people: their texts by obligation, and the alerts that tell of them."""

    texts: dict[tuple[int, datetime | None, int | None], tuple[UUID, str]]
    alerts: dict[tuple[int, datetime | None], list[CareAlert]]

    @classmethod
    def load(cls, cadence: Cadence, people: list[Caregiver]) -> "_Known":
        rows = Message.objects.filter(cadence=cadence.name, caregiver__in=people).values_list(
            "caregiver_id", "occasion", "stage", "pk", "status"
        )
        # What was given back counts only where nothing took its place.
        standing_last = sorted(rows, key=lambda row: row[-1] != Status.CANCELLED)
        told: dict[tuple[int, datetime | None], list[CareAlert]] = {}
        for alert in CareAlert.objects.filter(kind__in=TELLING, caregiver__in=people):
            assert alert.caregiver_id is not None
            told.setdefault((alert.caregiver_id, alert.occasion), []).append(alert)
        return cls({row[:3]: row[3:] for row in standing_last}, told)

    def outcome(self, step: Step, occasion: _Occasion, now: datetime, *, is_on: bool) -> str:
        """What has become of a stage that fell due, in a few words.

        `is_on`: whether the cadence is on for the person. To the others nothing is owed, but a text
        that they have is one whose end counts.
        """
        assert step.stage is not None and step.limit is not None
        key = occasion.caregiver.pk, occasion.at
        limit = occasion.at + step.limit
        about = self.alerts.get(key, [])
        text, status = self.texts.get((*key, step.stage), (None, ""))
        is_left = occasion.ends is None and step.stage > occasion.dealt_with
        if status and not (status == Status.CANCELLED and is_left and is_on):
            if status not in NOT_ENDED or now < limit + GRACE:
                return Status(status).label.lower()
            told = any(alert.message_id == text for alert in about)
        elif occasion.heard_late:
            return HEARD_LATE
        elif occasion.ends is None and not is_left:
            return BEFORE_RECORDS
        elif occasion.ends is None and now < limit + GRACE:
            return WAITING if is_on else NOT_ON
        else:
            # A text that was given back only now, after it had waited beyond its time, has an alert
            # of its own; until the next sweep there is no other.
            told = any(
                alert.message_id == text
                if alert.kind == CareAlert.Kind.FOLLOWUP_STUCK
                else alert.kind == CareAlert.Kind.FOLLOWUP_MISSED
                and (alert.resolved_at is None or alert.opened_at >= limit)
                for alert in about
            )
            if not told and not is_on:
                return NOT_ON
        return WITH_A_PERSON if told else UNACCOUNTED


def _occasions(
    cadence: Cadence, now: datetime, *, since: datetime, until: datetime
) -> Iterator[list[_Occasion]]:
    """Those after `since` up to `until`, in batches: the current occasion of each person, then
    those that a newer one replaced."""
    (event,) = cadence.anchor.fields
    people = Caregiver.objects.filter(**{f"{event}__gt": since, f"{event}__lte": until})
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
        at__lte=until,
        replaced_at__isnull=False,
    ).select_related("caregiver")
    last = 0
    while crises := list(replaced.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = crises[-1].pk
        yield [
            _Occasion(one.caregiver, one.at, one.replaced_at, 0, heard_late=_heard_late(one))
            for one in crises
        ]


def _heard_late(crisis: CrisisEvent) -> bool:
    """Only what is reported after a newer crisis is settled at the very moment it is recorded."""
    return crisis.settled_at is not None and crisis.settled_at <= crisis.recorded_at
