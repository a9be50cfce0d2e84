"""Every obligation has an end: rows for what never went out, alerts for what a person must know.

A stage that was overtaken is recorded when the later one is queued. This module finds the others:
stages that are held up, cascades that are over, and crises that a newer one replaced.
"""

from copy import copy
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from caregiving.models import Caregiver, CaregiverQuerySet, CrisisEvent
from proactive import alerts
from proactive.clocks import SILENCE
from proactive.declaring import Cadence, Step
from proactive.lookups import row_by_row
from proactive.models import CareAlert, Message, Status, Sweep
from proactive.prepared import prepared
from proactive.ripening import Ripening
from proactive.rules import CASCADE, CONSENT, PAUSE, REACHABLE, look_up_standings

BATCH = 1000

# A cascade that ended longer ago than it lasted is history (an import, say), not an obligation.
REMEMBERED = 2 * CASCADE


def settle(cadence: Cadence, *, now: datetime, dry_run: bool = False) -> int:
    """Account for the occasions of a vital `cadence` that have ended.

    Returns how many stages are recorded (in a dry run: would be) as superseded. Opens alerts.
    Of people for whom it is not on, `outside` has recorded the stages before the last one.
    """
    return _settle_over(cadence, now, dry_run) + _settle_replaced(cadence, now, dry_run)


def superseded(
    cadence: Cadence,
    people: list[Caregiver],
    *,
    up_to: int,
    reason: str,
    now: datetime,
    sweep: Sweep | None = None,
) -> list[Message]:
    """Unsaved rows for the stages up to `up_to` that nobody has dealt with.

    That is: the counter has not reached them, and they have no row. One query, whatever the
    number of people.
    """
    if not people or not up_to:
        return []
    present = set(
        Message.objects.standing()
        .filter(cadence=cadence.name, caregiver__in=people, stage__lte=up_to)
        .values_list("caregiver_id", "occasion", "stage")
    )
    return [
        Message(
            caregiver=caregiver,
            sweep=sweep,
            to_number=caregiver.phone_number,
            cadence=cadence.name,
            stage=stage,
            occasion=cadence.anchor.of(caregiver),
            status=Status.SUPERSEDED,
            reason=reason,
            queued_at=now,
        )
        for caregiver in people
        for stage in range(_dealt_with(cadence, caregiver) + 1, up_to + 1)
        if (caregiver.pk, cadence.anchor.of(caregiver), stage) not in present
    ]


def _dealt_with(cadence: Cadence, caregiver: Caregiver) -> int:
    return getattr(caregiver, cadence.counter) or 0 if cadence.counter else 0


def alert_missed(messages: list[Message], *, now: datetime) -> None:
    """One alert per person for stages that were superseded, on the latest of them."""
    by_person: dict[int, list[Message]] = {}
    for message in messages:
        by_person.setdefault(message.caregiver_id, []).append(message)
    alerts.open_alerts(
        CareAlert.Kind.FOLLOWUP_MISSED,
        [
            (
                missed[-1],
                f"Not sent in time: {', '.join(str(one.stage) for one in missed)} "
                f"({missed[-1].reason}).",
            )
            for missed in by_person.values()
        ],
        now=now,
    )


def alert_held_up(cadence: Cadence, *, now: datetime, switched_off: str) -> None:
    """Tell a person of a stage whose time has passed while something still holds its text up.

    `switched_off` says why the whole cadence does not send; "" when it does. The stage gets its
    row when a later one goes out or the cascade ends. That may take weeks, and somebody in a
    crisis should not wait so long to be noticed. While an alert is open no second one is opened.
    """
    people = _held_up(cadence, now=now)
    if not people:
        return
    look_up_standings(people)
    # Whom nothing holds up was only locked while the sweep came by: the next one texts them.
    alerts.open_for_people(
        CareAlert.Kind.FOLLOWUP_MISSED,
        [
            (one, cadence.anchor.of(one), f"Its time has passed, and it is held up: {obstacles}.")
            for one in people
            if (obstacles := switched_off or _obstacles(cadence, one, now))
        ],
        now=now,
    )


@prepared
def _held_up(cadence: Cadence, *, now: datetime) -> QuerySet[Caregiver]:
    unnoticed = reduce(or_, (_passed_unnoticed(cadence, step, now) for step in cadence.steps[:-1]))
    (event,) = cadence.anchor.fields
    held_up = Caregiver.objects.filter(
        held_up_ripening(cadence).by(now),
        row_by_row(Q(~Exists(_told(event).filter(resolved_at__isnull=True)))),
        unnoticed,
        cadence.anchor.less_than(CASCADE, now),
        cadence.among,
    )
    return held_up.order_by("pk")[:BATCH]


def held_up_ripening(cadence: Cadence) -> Ripening:
    """From when on the time of some stage has passed that is not dealt with."""
    first = cadence.steps[0].limit
    assert first is not None
    return Ripening(
        f"{cadence.name}_held_up",
        lambda now: (
            reduce(or_, (passed(cadence, step, now) for step in cadence.steps[:-1]))
            & cadence.anchor.less_than(CASCADE, now)
        ),
        lasts=CASCADE - first,
    )


def passed(cadence: Cadence, step: Step, now: datetime) -> Q:
    """The time of `step` has passed, and it is not dealt with."""
    assert step.limit is not None
    owed = Q(**{f"{cadence.counter}__isnull": True}) | Q(**{f"{cadence.counter}__lt": step.stage})
    return cadence.anchor.at_least(step.limit, now) & owed


def _told(event: str) -> QuerySet[CareAlert]:
    """The alerts that tell of a person's present occasion."""
    return CareAlert.objects.filter(
        kind=CareAlert.Kind.FOLLOWUP_MISSED, caregiver=OuterRef("pk"), occasion=OuterRef(event)
    )


def _passed_unnoticed(cadence: Cadence, step: Step, now: datetime) -> Q:
    """The time of `step` has passed, it is not dealt with, and no alert was opened since."""
    assert step.limit is not None
    (event,) = cadence.anchor.fields
    told = _told(event).filter(opened_at__gte=F("occasion") + step.limit)
    # Also where staff have put the counter back: what has its text is dealt with.
    texts = Message.objects.standing().filter(
        caregiver=OuterRef("pk"),
        cadence=cadence.name,
        occasion=OuterRef(event),
        stage=step.stage,
    )
    return passed(cadence, step, now) & Q(~Exists(texts), ~Exists(told))


def _obstacles(cadence: Cadence, caregiver: Caregiver, now: datetime) -> str:
    """What keeps the current stage from going out, as `explain` says it."""
    failing = [
        rule.says(caregiver, now)
        for step in cadence.steps
        if step.position.holds(caregiver, now)
        for rule in cadence.rules(step)
        if not rule.holds(caregiver, now)
    ]
    return "; ".join(failing)


# --- Occasions that are over ---


def _over(cadence: Cadence, now: datetime) -> CaregiverQuerySet:
    """People whose occasion ended and still has stages without an end, or was never answered."""
    # Not each with its own: a row that was found would be looked for among all those found again.
    ripe = _unfinished_ripening(cadence).by(now) | _unanswered_ripening(cadence).by(now)
    return Caregiver.objects.filter(
        _is_over(cadence, now), ripe, _unfinished(cadence) | _unanswered(cadence)
    )


def _is_over(cadence: Cadence, now: datetime) -> Q:
    return cadence.anchor.at_least(CASCADE, now) & cadence.anchor.less_than(REMEMBERED, now)


@prepared
def _over_among(cadence: Cadence, *, now: datetime, after: Any) -> QuerySet[Caregiver]:
    return _over(cadence, now).filter(pk__gt=after).order_by("pk")[:BATCH]


def _unfinished_ripening(cadence: Cadence) -> Ripening:
    """From when on a person's occasion is over and some of its stages are not dealt with."""
    return Ripening(
        f"{cadence.name}_unfinished",
        lambda now: _is_over(cadence, now) & _unfinished(cadence),
        lasts=REMEMBERED - CASCADE,
    )


def _unanswered_ripening(cadence: Cadence) -> Ripening:
    """From when on a person's occasion is over and they have been silent ever since."""
    return Ripening(
        f"{cadence.name}_unanswered",
        lambda now: _is_over(cadence, now) & _silent(cadence),
        lasts=REMEMBERED - CASCADE,
    )


def _unfinished(cadence: Cadence) -> Q:
    return Q(**{f"{cadence.counter}__isnull": True}) | Q(
        **{f"{cadence.counter}__lt": len(cadence.steps)}
    )


def _silent(cadence: Cadence) -> Q:
    """Texted, by the counter, and silent ever since the event, which itself counts as contact."""
    (event,) = cadence.anchor.fields
    first, second = SILENCE.fields
    silent = Q(**{f"{first}__lte": F(event)}) | Q(
        **{f"{first}__isnull": True, f"{second}__lte": F(event)}
    )
    return Q(**{f"{cadence.counter}__gt": 0}) & silent


def _unanswered(cadence: Cadence) -> Q:
    """Texted, silent ever since, and not yet alerted."""
    (event,) = cadence.anchor.fields
    known = CareAlert.objects.filter(
        kind=CareAlert.Kind.CASCADE_UNANSWERED, caregiver=OuterRef("pk"), occasion=OuterRef(event)
    )
    texts = Message.objects.filter(
        caregiver=OuterRef("pk"), cadence=cadence.name, occasion=OuterRef(event)
    )
    # Where there are no texts at all, whoever set the counter (an import, say) knows of some.
    texted = Q(Exists(texts.submitted())) | Q(~Exists(texts))
    return _silent(cadence) & Q(~Exists(known)) & texted & cadence.among


def _settle_over(cadence: Cadence, now: datetime, dry_run: bool) -> int:
    settled = 0
    last = 0
    while people := _over_among(cadence, now=now, after=last):
        last = people[-1].pk
        if dry_run:
            settled += len(_ended(cadence, people, now))
            continue
        with transaction.atomic():
            locked = lock_free([one.pk for one in people])
            people = list(_over(cadence, now).filter(pk__in=locked))
            ended = _ended(cadence, people, now)
            _alert_unanswered(cadence, locked, now)
            Message.objects.bulk_create(ended)
            alert_missed([row for row in ended if cadence.is_for(row.caregiver)], now=now)
            Caregiver.objects.filter(pk__in=[one.pk for one in people]).update(
                **{cadence.counter: len(cadence.steps)}
            )
        settled += len(ended)
    return settled


def _ended(cadence: Cadence, people: list[Caregiver], now: datetime) -> list[Message]:
    stages = len(cadence.steps)
    unfinished = [one for one in people if (getattr(one, cadence.counter) or 0) < stages]
    return run_out(cadence, unfinished, up_to=stages, now=now)


def run_out(
    cadence: Cadence, people: list[Caregiver], *, up_to: int, now: datetime
) -> list[Message]:
    """`superseded` by nothing but time, with what stood in the way."""
    reason = "its time passed before it could go out"
    rows = superseded(cadence, people, up_to=up_to, reason=reason, now=now)
    for row in rows:
        for rule in (*cadence.who, CONSENT, PAUSE, REACHABLE):
            if not rule.holds(row.caregiver, now):
                row.reason += f"; {rule.says(row.caregiver, now)}"
    return rows


def _alert_unanswered(cadence: Cadence, keys: list[int], now: datetime) -> None:
    alerts.open_for_people(
        CareAlert.Kind.CASCADE_UNANSWERED,
        [
            (
                one,
                cadence.anchor.of(one),
                "Not a word since the crisis, through all follow-ups. Consider calling.",
            )
            for one in Caregiver.objects.filter(_unanswered(cadence), pk__in=keys)
        ],
        now=now,
    )


# --- Crises that a newer one replaced ---


def _settle_replaced(cadence: Cadence, now: datetime, dry_run: bool) -> int:
    settled = 0
    last = 0
    while crises := _unsettled(after=last):
        last = crises[-1].pk
        with transaction.atomic():
            ended = _replaced(cadence, crises, now)
            if not dry_run:
                # Two sweeps may both be here: the constraint keeps one row of each. A newer
                # crisis begins its own follow-ups, so these need no person: no alert.
                Message.objects.bulk_create(ended, ignore_conflicts=True)
                CrisisEvent.objects.filter(pk__in=[crisis.pk for crisis in crises]).update(
                    settled_at=now
                )
        settled += len(ended)
    return settled


@prepared
def _unsettled(*, after: Any) -> QuerySet[CrisisEvent]:
    waiting = CrisisEvent.objects.filter(replaced_at__isnull=False, settled_at__isnull=True)
    return waiting.filter(pk__gt=after).select_related("caregiver").order_by("pk")[:BATCH]


def _replaced(cadence: Cadence, crises: list[CrisisEvent], now: datetime) -> list[Message]:
    """Rows for the stages that had fallen due when the newer crisis came."""
    (event,) = cadence.anchor.fields
    fallen_due = {}
    people = []
    for crisis in crises:
        assert crisis.replaced_at is not None
        age = crisis.replaced_at - crisis.at
        if age >= REMEMBERED:
            continue
        fallen_due[crisis.caregiver_id, crisis.at] = sum(
            step.due <= age for step in cadence.steps if step.due is not None
        )
        then = copy(crisis.caregiver)
        setattr(then, event, crisis.at)
        setattr(then, cadence.counter, 0)  # theirs counts for the newer crisis
        people.append(then)
    rows = superseded(
        cadence,
        people,
        up_to=len(cadence.steps),
        reason="a newer crisis took its place",
        now=now,
    )
    return [
        row
        for row in rows
        if row.stage is not None
        and row.occasion is not None
        and row.stage <= fallen_due[row.caregiver_id, row.occasion]
    ]


def ripenings(cadence: Cadence) -> list[Ripening]:
    """What is asked here of people at every sweep of a vital `cadence`."""
    return [
        held_up_ripening(cadence),
        _unfinished_ripening(cadence),
        _unanswered_ripening(cadence),
    ]


def lock_free(keys: list[int]) -> list[int]:
    """Lock those of `keys` that nobody else has locked, in order, and return them.

    Whoever is locked is left to a later pass. On SQLite the whole transaction is the lock.
    """
    return _free(keys=keys)


@prepared
def _free(*, keys: Any) -> QuerySet[Caregiver, int]:
    skips = connection.features.has_select_for_update_skip_locked
    people = Caregiver.objects.filter(pk__one_of=keys).order_by("pk")
    return people.select_for_update(skip_locked=skips).values_list("pk", flat=True)
