"""Who is in an open cascade of a vital cadence, and when do they hear from us next?

The database finds whose turn comes first; when that text could really go is asked of the sweep's
own rules, for those few, without a further query for each.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, QuerySet, When
from django.db.models.functions import Coalesce

from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step
from proactive.forecasting import earliest
from proactive.models import WAITING, Message
from proactive.rules import CONSENT, REACHABLE, Standing, conjunction
from proactive.switches import Switchboard


@dataclass(frozen=True)
class Upcoming:
    """The next text of a vital cadence to one person.

    `step` and `due_at` are None when all stages are dealt with. `goes_at`: when it could go if
    nothing else happens; None while something holds it back for which no end is known, and
    `held_back_by` says what.
    """

    person: Caregiver
    cadence: Cadence
    step: Step | None = None
    due_at: datetime | None = None
    goes_at: datetime | None = None
    held_back_by: str = ""

    @property
    def of(self) -> int:
        return len(self.cadence.due)


def next_in_line(*, now: datetime, switchboard: Switchboard, most: int) -> list[Upcoming]:
    """The first `most` of those in an open cascade, by when their next text falls due.

    Whoever has nothing due any more comes last; whoever opted out or cannot be reached gets no
    text and is not among them. Two queries for each vital cadence at most.
    """
    found = []
    for cadence in map(switchboard.limited, CADENCES):
        if cadence.vital:
            people = list(_in_cascade(cadence, now)[:most])
            _look_up_standings(cadence, people)
            found += [_upcoming(cadence, one, switchboard, now) for one in people]
    return sorted(found, key=lambda one: (one.due_at is None, one.due_at or now))[:most]


def _in_cascade(cadence: Cadence, now: datetime) -> QuerySet[Caregiver]:
    since: Any = [F(field) for field in cadence.anchor.fields]
    since = since[0] if len(since) == 1 else Coalesce(*since)
    # Of several stages that are still ahead the first counts, as in a CASE.
    next_due = Case(
        *(
            When(
                cadence.anchor.less_than(step.limit, now) & _not_dealt_with(step, now),
                then=ExpressionWrapper(since + step.due, DateTimeField()),
            )
            for step in cadence.steps
            if step.limit is not None
        ),
        output_field=DateTimeField(),
    )
    return Caregiver.objects.filter(
        conjunction((*cadence.who, CONSENT, REACHABLE), now),
        cadence.anchor.less_than(cadence.until, now),
    ).order_by(next_due.asc(nulls_last=True), "pk")


def _not_dealt_with(step: Step, now: datetime) -> Q:
    # The first of a step's own rules is whether it is its turn, which is what is asked for here.
    return conjunction(step.rules[1:], now)


def _look_up_standings(cadence: Cadence, people: list[Caregiver]) -> None:
    """What the rules ask of the texts of each, as `rules.look_up_standing` does for one."""
    if not people:
        return
    texts: dict[int, list[Message]] = defaultdict(list)
    rows = Message.objects.standing().filter(
        Q(cadence=cadence.name) | Q(status__in=WAITING), caregiver__in=people
    )
    for text in rows.only("caregiver", "cadence", "stage", "occasion", "status"):
        texts[text.caregiver_id].append(text)
    for one in people:
        theirs = texts[one.pk]
        one.standing = Standing(  # type: ignore[attr-defined]
            is_waiting=any(text.status in WAITING for text in theirs),
            taken=frozenset((text.cadence, text.stage, text.occasion) for text in theirs),
        )


def _upcoming(
    cadence: Cadence, person: Caregiver, switchboard: Switchboard, now: datetime
) -> Upcoming:
    since = cadence.anchor.of(person)
    assert since is not None  # or no cascade would be open
    for step in cadence.steps:
        if step.due is None or step.limit is None or now >= since + step.limit:
            continue
        if all(rule.holds(person, now) for rule in step.rules[1:]):
            due_at, limit = since + step.due, since + step.limit
            start = max(due_at, now)
            opens_at = switchboard.opens_at(cadence.name, start)
            if opens_at is None:
                why = switchboard.says(cadence.name, start)
                return Upcoming(person, cadence, step, due_at, None, why)
            goes_at = earliest(cadence, step, person, start=opens_at, end=limit)
            why = "" if goes_at else _obstacle(cadence, step, person, opens_at)
            return Upcoming(person, cadence, step, due_at, goes_at, why)
    return Upcoming(person, cadence)


def _obstacle(cadence: Cadence, step: Step, person: Caregiver, at: datetime) -> str:
    """The first rule that keeps `step` from going at `at`, in words."""
    failing = (rule for rule in cadence.rules(step) if not rule.holds(person, at))
    return next((rule.says(person, at) for rule in failing), "")
