"""Why does, or does not, this person hear from us? Every cadence with every rule, in sentences."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, Value, When
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step
from proactive.forecasting import earliest, recorded_copy, silent_copy
from proactive.rules import Rule
from proactive.switches import Switchboard

HORIZON = timedelta(days=90)


def explain(caregiver: Caregiver, *, now: datetime | None = None) -> dict[str, Any]:
    """Which rule lets or stops each cadence for one person at `now`, highest priority first.

    Returns {"phone_number", "now", "cadences": [{"cadence", "label", "stage", "tier", "sendable",
    "rules": [{"rule", "holds", "says"}], "earliest"}]} with aware datetimes. `sendable` is true
    for at most one cadence, the one that a sweep at `now` would queue. `earliest`: when it could
    go if nothing else happens, None if never within 90 days. Times in sentences are the person's.
    """
    now = now or timezone.now()
    switchboard = Switchboard.load()
    person = recorded_copy(caregiver)
    silent = silent_copy(caregiver, now=now)
    limited = [switchboard.limited(cadence) for cadence in CADENCES]
    chosen = [(cadence, *_next_step(cadence, silent, switchboard, now)) for cadence in limited]
    asked = {rule for cadence, step, _ in chosen for rule in cadence.rules(step)}
    holds = _ask_database(caregiver, asked, now)

    cadences: list[dict[str, Any]] = []
    taken_by: Cadence | None = None
    for cadence, step, when in chosen:
        states = [
            _state(
                "switch",
                switchboard.is_open(cadence.name, now),
                switchboard.says(cadence.name, now),
            ),
            *(
                _state(rule.name, holds[rule], rule.says(person, now))
                for rule in cadence.rules(step)
            ),
            _state(
                "priority",
                taken_by is None,
                f"{taken_by.label} goes first" if taken_by else "nothing more urgent goes first",
            ),
        ]
        sendable = all(state["holds"] for state in states)
        if sendable:
            taken_by = cadence
        cadences.append(
            {
                "cadence": cadence.name,
                "label": cadence.label,
                "stage": step.stage,
                "tier": step.tier,
                "sendable": sendable,
                "rules": states,
                "earliest": when,
            }
        )
    return {"phone_number": str(caregiver.phone_number), "now": now, "cadences": cadences}


def _next_step(
    cadence: Cadence, person: Caregiver, switchboard: Switchboard, now: datetime
) -> tuple[Step, datetime | None]:
    """The step that could go first, and when; else the one whose turn it is, was or will be."""
    opens = switchboard.opens_at(cadence.name, now)
    possible = [
        (at, -number, step)
        for number, step in enumerate(cadence.steps)
        for at in [opens and earliest(cadence, step, person, start=opens, end=now + HORIZON)]
        if at is not None
    ]
    if possible:
        at, _, step = min(possible, key=lambda option: option[:2])
        return step, at
    current = [step for step in cadence.steps if step.position.holds(person, now)]
    upcoming = [step for step in cadence.steps if step.position.next_change(person, now)]
    return next(iter(current + upcoming), cadence.steps[0]), None


def _ask_database(caregiver: Caregiver, rules: set[Rule], now: datetime) -> dict[Rule, bool]:
    """Whether each rule holds, asked as the sweep asks: one row, one query."""
    names = {f"rule_{number}": rule for number, rule in enumerate(rules)}
    answers = (
        Caregiver.objects.filter(pk=caregiver.pk)
        .annotate(
            **{
                name: Case(
                    When(rule.condition(now), then=Value(True)),
                    default=Value(False),
                    output_field=BooleanField(),
                )
                for name, rule in names.items()
            }
        )
        .values(*names)
        .get()
    )
    return {rule: answers[name] for name, rule in names.items()}


def _state(rule: str, holds: bool, says: str) -> dict[str, Any]:
    return {"rule": rule, "holds": holds, "says": says}
