"""A claim: the text, the gate, the counter and what the text overtakes, written together.

Whoever claims holds the lock on the person and has asked the rules under it: a sweep, or staff.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import User

from caregiving.models import Caregiver
from proactive import accounting
from proactive.cadences import BY_NAME
from proactive.declaring import Cadence, Step
from proactive.models import Message, Sweep, bulk
from proactive.sms import segments


class Claimed(NamedTuple):
    """The keys of the texts that were stored, and how many stages they have overtaken."""

    texts: list[UUID]
    overtaken: int


class Draft(NamedTuple):
    """What one person is to be told, and `because` of what; they are as before the claim.

    No `Message` yet: a sweep makes them by the ten thousand, and only their rows are needed.
    """

    caregiver: Caregiver
    body: str
    because: str

    @property
    def segments(self) -> int:
        return segments.measure(self.body).segments


Drafts = Mapping[Step, Sequence[Draft]]


def claim(
    cadence: Cadence,
    drafts: Drafts,
    *,
    now: datetime,
    sweep: Sweep | None = None,
    ordered_by: User | None = None,
) -> Claimed:
    """Store drafts, by step, one each for people who are locked, and close their gates."""
    passed = overtaken(cadence, drafts, now=now, sweep=sweep)
    Message.objects.bulk_create(passed)
    new = [(step, draft) for step, theirs in drafts.items() for draft in theirs]
    keys = new_keys(len(new))
    rows = [_row(key, cadence, *one) for key, one in zip(keys, new, strict=True)]
    bulk.insert(
        Message,
        rows,
        cadence=cadence.name,
        priority=list(BY_NAME).index(cadence.name),
        queued_at=now,
        sweep_id=sweep.pk if sweep else None,
        ordered_by_id=ordered_by.pk if ordered_by else None,
    )
    _close_gates(cadence, drafts, now)
    if cadence.vital:
        accounting.alert_missed(passed, now=now)
    return Claimed(keys, overtaken=len(passed))


def new_keys(number: int) -> list[UUID]:
    """Random ones, all of one read: at each the thread lets another go first."""
    drawn = os.urandom(16 * number)
    return [UUID(bytes=drawn[at : at + 16], version=4) for at in range(0, len(drawn), 16)]


def _row(key: UUID, cadence: Cadence, step: Step, draft: Draft) -> dict[str, Any]:
    """The values of an unsaved text of its own; the others are those of the claim."""
    caregiver = draft.caregiver
    return {
        "id": key,
        "caregiver_id": caregiver.pk,
        "to_number": caregiver.phone_number,
        "stage": step.stage,
        "tier": step.tier,
        "occasion": cadence.anchor.of(caregiver),
        "body": draft.body,
        "because": draft.because,
        "segments": draft.segments,
        "gate_before": caregiver.last_proactive_message_at,
    }


def _close_gates(cadence: Cadence, drafts: Drafts, now: datetime) -> None:
    """And move the counter, where the cadence has one: a statement for each of its values."""
    people: dict[int | None, list[int]] = {}
    for step, theirs in drafts.items():
        counted = step.stage if cadence.counter else None
        people.setdefault(counted, []).extend(draft.caregiver.pk for draft in theirs)
    for counted, keys in people.items():
        count = {cadence.counter: counted} if cadence.counter else {}
        Caregiver.objects.filter(pk__one_of=keys).update(last_proactive_message_at=now, **count)


def overtaken(
    cadence: Cadence, drafts: Drafts, *, now: datetime, sweep: Sweep | None = None
) -> list[Message]:
    """Rows for the stages that `drafts` overtake: each obligation has a row and an end."""
    rows: list[Message] = []
    for step, theirs in drafts.items():
        if step.stage is None:
            continue
        rows += accounting.superseded(
            cadence,
            [
                draft.caregiver
                for draft in theirs
                if not cadence.counter
                or (getattr(draft.caregiver, cadence.counter) or 0) < step.stage - 1
            ],
            up_to=step.stage - 1,
            reason=f"overtaken by stage {step.stage}",
            sweep=sweep,
            now=now,
        )
    return rows
