"""A text that staff have sent now: before its turn, but under all that protects the person.

Consent, pause, a number that can be texted, the 24 hours, a text that waits, the window and the
switches bind whoever has it sent, and so does "churned": they hear nothing until they are back.
What is not asked is whom the words are for and whether it is their turn. A stage counts as that
stage, as if a sweep had claimed it; a check-in moves no counter. Delivery asks the same again.
"""

from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from caregiving.models import Caregiver
from proactive import claiming, clocks, tasks
from proactive.cadences import BY_NAME
from proactive.care import Deed, Refused, changing
from proactive.cascades import dealt_with, still_to_send
from proactive.claiming import Draft
from proactive.declaring import Cadence, Step
from proactive.forecasting import first_instant
from proactive.rules import look_up_standing
from proactive.switches import Switchboard
from proactive.wording import Wording

HORIZON = timedelta(days=90)


@dataclass(frozen=True)
class Foreseen:
    """The words as they would go out, and what a sweep would have had against them now."""

    body: str
    segments: int
    not_asked: tuple[str, ...]


def find(cadence: str, variant: str) -> tuple[Cadence, Step]:
    """The step with this wording. Raises LookupError."""
    for step in BY_NAME[cadence].steps:
        if step.variant == variant:
            return BY_NAME[cadence], step
    raise LookupError(f"{cadence} has no {variant!r}")


def foresee_sending(
    caregiver: Caregiver, cadence: Cadence, step: Step, *, now: datetime
) -> Foreseen:
    """What would go out. Raises Refused with the reason, and with when it becomes possible."""
    person = copy(caregiver)
    look_up_standing(person)
    _refuse(person, cadence, step, now)
    draft = Draft(person, Wording.load().compose(person, cadence, step), because="")
    limited = Switchboard.load().limited(cadence)
    binding = limited.binding(step)
    not_asked = tuple(
        rule.says(person, now)
        for rule in limited.rules(step)
        if rule not in binding and not rule.holds(person, now)
    )
    return Foreseen(draft.body, draft.segments, not_asked)


def send_now(
    caregiver: Caregiver, cadence: Cadence, step: Step, *, by: User, now: datetime
) -> Deed:
    """Queue it in the name of `by`, and ring for a delivery once that is committed."""
    with changing(caregiver) as deed:
        look_up_standing(caregiver)
        _refuse(caregiver, cadence, step, now)
        body = Wording.load().compose(caregiver, cadence, step)
        draft = Draft(caregiver, body, because=f"{by} had it sent now")
        claimed = claiming.claim(cadence, {step: [draft]}, now=now, ordered_by=by)
        caregiver.refresh_from_db()
        number = f" {step.stage} of {len(cadence.due)}" if step.stage else f" ({step.tier})"
        deed.says = f"{cadence.label}{number} is queued and goes out now"
        deed.changes["text"] = [None, str(claimed.texts[0])]
        transaction.on_commit(tasks.ring)
    return deed


def _refuse(caregiver: Caregiver, cadence: Cadence, step: Step, now: datetime) -> None:
    """Expects the person's standing to be looked up. Raises Refused if the text may not go out."""
    switchboard = Switchboard.load()
    if not switchboard.is_open(cadence.name, now):
        raise Refused(switchboard.says(cadence.name, now))
    if step.stage is not None:
        done = dealt_with(cadence, caregiver)
        if step.stage <= done:
            raise Refused(f"{done} of {len(cadence.due)} are dealt with already")
        # A later one would drop it, perhaps before its time has even come.
        before = [one.stage for one in still_to_send(cadence, caregiver, now)][:1]
        if before and before[0] is not None and before[0] < step.stage:
            raise Refused(f"{cadence.label.lower()} {before[0]} comes first")
    binding = cadence.binding(step)
    for rule in binding:
        if not rule.holds(caregiver, now):
            at = first_instant(binding, caregiver, start=now, end=now + HORIZON)
            possible = f"; possible from {clocks.local(at, caregiver)} on their clock" if at else ""
            raise Refused(f"{rule.says(caregiver, now)}{possible}")
