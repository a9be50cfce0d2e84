"""When could a text go out, and what will one person get if they stay silent?

Steps the sweep's own rules through time, from one instant at which an answer changes to the next,
on a copy of the person. Nothing is written.
"""

from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step
from proactive.rules import Rule, look_up_standing, standing
from proactive.switches import Switchboard
from proactive.wording import Wording


def forecast(
    caregiver: Caregiver, *, now: datetime | None = None, days: int = 35
) -> dict[str, Any]:
    """The texts of the next `days` (of 24 hours), in order, if the person stays silent.

    Returns {"phone_number", "from", "messages": [{"at", "cadence", "stage", "body"}]} with aware
    datetimes. A text that is queued already stands first. Switches count as they are now.
    """
    now = now or timezone.now()
    end = now + timedelta(days=days)
    waiting = caregiver.messages.waiting().order_by("queued_at")
    messages = [_entry(now, one.cadence, one.stage, one.body) for one in waiting]
    person = silent_copy(caregiver, now=now)
    switchboard, wording = Switchboard.load(), Wording.load()
    at = now
    while (upcoming := _next_text(person, switchboard, at, end)) is not None:
        at, cadence, step = upcoming
        body = wording.compose(person, cadence, step)
        messages.append(_entry(at, cadence.name, step.stage, body))
        _claim(person, cadence, step, at)
    return {"phone_number": str(caregiver.phone_number), "from": now, "messages": messages}


def silent_copy(caregiver: Caregiver, *, now: datetime) -> Caregiver:
    """The person as the database has them, and as they will be once what waits has been sent.

    That is at `now` at the soonest, and the gate counts from when a text goes out.
    """
    person = recorded_copy(caregiver)
    if standing(person).is_waiting:
        person.standing = replace(standing(person), is_waiting=False)  # type: ignore[attr-defined]
        person.last_proactive_message_at = max(now, person.last_proactive_message_at or now)
    return person


def recorded_copy(caregiver: Caregiver) -> Caregiver:
    """The person as the database has them."""
    person = copy(caregiver)
    person.refresh_from_db()
    look_up_standing(person)
    return person


def earliest(
    cadence: Cadence, step: Step, person: Caregiver, *, start: datetime, end: datetime
) -> datetime | None:
    """The first instant from `start` to `end` at which `step` may go; None if there is none."""
    return first_instant(cadence.rules(step), person, start=start, end=end)


def first_instant(
    rules: tuple[Rule, ...], person: Caregiver, *, start: datetime, end: datetime
) -> datetime | None:
    """The first instant from `start` to `end` at which every rule holds; None if there is none.

    A rule that fails keeps failing until it next changes, so nothing can go out before the last
    of the failing rules has changed: jump there and ask again.
    """
    at = start
    while at <= end:
        failing = [rule for rule in rules if not rule.holds(person, at)]
        if not failing:
            return at
        changes = [rule.next_change(person, at) for rule in failing]
        if None in changes:
            return None
        at = max(change for change in changes if change is not None)
    return None


def _next_text(
    person: Caregiver, switchboard: Switchboard, start: datetime, end: datetime
) -> tuple[datetime, Cadence, Step] | None:
    best: tuple[datetime, Cadence, Step] | None = None
    for cadence in map(switchboard.limited, CADENCES):
        opens = switchboard.opens_at(cadence.name, start)
        if opens is None:
            continue
        for step in cadence.steps:
            # At the same instant the more urgent cadence wins: it comes first.
            until = best[0] if best else end
            at = earliest(cadence, step, person, start=opens, end=until)
            if at is not None and (best is None or at < best[0]):
                best = (at, cadence, step)
    return best


def _claim(person: Caregiver, cadence: Cadence, step: Step, at: datetime) -> None:
    """What the sweep writes, on the copy."""
    text = (cadence.name, step.stage, cadence.anchor.of(person))
    before = standing(person)
    person.standing = replace(before, taken=before.taken | {text})  # type: ignore[attr-defined]
    person.last_proactive_message_at = at
    if cadence.counter:
        setattr(person, cadence.counter, step.stage)


def _entry(at: datetime, cadence: str, stage: int | None, body: str) -> dict[str, Any]:
    return {"at": at, "cadence": cadence, "stage": stage, "body": body}
