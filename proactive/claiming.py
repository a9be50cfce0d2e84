"""A claim: the text, the gate, the counter and what the text overtakes, written together.

Whoever claims holds the lock on the person and has asked the rules under it: a sweep, or staff.
"""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from caregiving.models import Caregiver
from proactive import accounting
from proactive.cadences import BY_NAME
from proactive.declaring import Cadence, Step
from proactive.models import Message, Sweep
from proactive.sms import segments


def draft(
    caregiver: Caregiver,
    cadence: Cadence,
    step: Step,
    *,
    body: str,
    because: str,
    now: datetime,
    sweep: Sweep | None = None,
    ordered_by: User | None = None,
) -> Message:
    """The unsaved text of `step` for one person as they stand before the claim."""
    return Message(
        caregiver=caregiver,
        sweep=sweep,
        ordered_by=ordered_by,
        to_number=caregiver.phone_number,
        cadence=cadence.name,
        stage=step.stage,
        tier=step.tier,
        occasion=cadence.anchor.of(caregiver),
        priority=list(BY_NAME).index(cadence.name),
        body=body,
        because=because,
        segments=segments.measure(body).segments,
        queued_at=now,
        gate_before=caregiver.last_proactive_message_at,
    )


def claim(cadence: Cadence, drafts: dict[Step, list[Message]], *, now: datetime) -> int:
    """Store drafts, by step, one each for people who are locked, and close their gates.

    Returns how many stages they have overtaken.
    """
    passed = overtaken(cadence, drafts, now=now)
    Message.objects.bulk_create(passed + [one for messages in drafts.values() for one in messages])
    for step, messages in drafts.items():
        changes: dict[str, Any] = {"last_proactive_message_at": now}
        if cadence.counter:
            changes[cadence.counter] = step.stage
        people = [message.caregiver_id for message in messages]
        Caregiver.objects.filter(pk__one_of=people).update(**changes)
    if cadence.vital:
        accounting.alert_missed(passed, now=now)
    return len(passed)


def overtaken(
    cadence: Cadence, drafts: dict[Step, list[Message]], *, now: datetime
) -> list[Message]:
    """Rows for the stages that `drafts` overtake: each obligation has a row and an end."""
    rows: list[Message] = []
    for step, messages in drafts.items():
        if step.stage is None:
            continue
        rows += accounting.superseded(
            cadence,
            [
                message.caregiver
                for message in messages
                if not cadence.counter
                or (getattr(message.caregiver, cadence.counter) or 0) < step.stage - 1
            ],
            up_to=step.stage - 1,
            reason=f"overtaken by stage {step.stage}",
            sweep=messages[0].sweep if messages else None,
            now=now,
        )
    return rows
