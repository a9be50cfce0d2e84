"""Queued texts for the tests of delivery, made as a sweep makes them."""

from datetime import datetime
from typing import Any

from caregiving.models import Caregiver
from proactive.models import Message
from proactive.sweeps import run_sweep
from tests.proactive.people import NOON, due_for


def queued(cadence: str = "wellness", *, now: datetime = NOON, **fields: Any) -> Message:
    """A text of `cadence` that a sweep at `now` has queued, for a new person with `fields`."""
    caregiver = due_for(cadence, now, **fields)
    run_sweep(now=now, cadences=[cadence])
    return Message.objects.get(caregiver=caregiver, status="queued")


def gate(message: Message) -> datetime | None:
    return Caregiver.objects.get(pk=message.caregiver_id).last_proactive_message_at


def statuses() -> dict[str, int]:
    """How many texts are in which status."""
    found: dict[str, int] = {}
    for status in Message.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found
