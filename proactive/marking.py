"""Ask again, mark, commit: the most urgent texts that may still go out, and the end of the others.

Person and text are locked by one statement, and whoever somebody else holds is left to a later
pass: nobody waits here with locks in hand, so that no two workers can block each other for good.
What that statement returns is the latest that was committed, and it stays true until commit.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from caregiving.models import Caregiver
from proactive import clocks
from proactive.cadences import BY_NAME
from proactive.declaring import Cadence, Step
from proactive.models import Message, Status
from proactive.prepared import prepared
from proactive.rules import GATE
from proactive.switches import Switchboard

logger = logging.getLogger(__name__)


@dataclass
class Marked:
    """What has become of the texts that were taken in hand."""

    sending: list[Message] = field(default_factory=list)  # in the order in which they go
    cancelled: int = 0
    broken: list[UUID] = field(default_factory=list)  # a fault of ours; they stay queued

    @property
    def taken_in_hand(self) -> int:
        return len(self.sending) + self.cancelled + len(self.broken)


def mark_next(
    *,
    at_most: int,
    leave_aside: Collection[UUID],
    switchboard: Switchboard,
    clock: Callable[[], datetime],
) -> Marked:
    """Mark the next texts as being sent, or cancel those that may no longer go out; and commit.

    `leave_aside`: keys of texts that are left alone, though they are ready.
    """
    marked = Marked()
    with transaction.atomic(durable=True):
        now = clock()
        if leave_aside:
            texts = list(_next(now=now).exclude(pk__in=leave_aside)[:at_most])
        else:
            texts = _next_ready(at_most, now=now)
        # Only now: the window may have closed while we waited for the database.
        now = clock()
        for message in texts:
            try:
                if objection := _objection(message, switchboard, now):
                    with transaction.atomic():
                        _cancel(message, objection)
                    marked.cancelled += 1
                else:
                    marked.sending.append(message)
            except DatabaseError:
                raise
            except Exception:
                # The others must not wait for one that we cannot deal with.
                logger.exception("message %s: it cannot be dealt with", message.pk)
                marked.broken.append(message.pk)
        _mark(marked.sending, now)
    return marked


def _next(*, now: datetime) -> QuerySet[Message]:
    """What is ready, to be locked with its people; whom somebody else holds is passed over."""
    ready = Message.objects.ready(now=now).select_related("caregiver")
    return ready.select_for_update(of=("self", "caregiver"), skip_locked=True)


@prepared
def _next_ready(at_most: int, *, now: datetime) -> QuerySet[Message]:
    return _next(now=now)[:at_most]


def _mark(messages: list[Message], now: datetime) -> None:
    if not messages:
        return
    keys = [message.pk for message in messages]
    if Message.objects.mark_sending(keys, now=now) != len(keys):
        # Nobody can be faster than whoever holds the lock; nothing is marked, nothing leaves.
        raise RuntimeError("texts that are locked here were marked elsewhere")
    # Never backwards, should this clock be behind the one that claimed them.
    Caregiver.objects.move_gates([message.caregiver_id for message in messages], to=now)
    for message in messages:
        message.status = Status.SENDING
        message.attempt_started_at, message.retry_at = now, None
        message.attempts += 1


def _objection(message: Message, switchboard: Switchboard, now: datetime) -> str:
    """Why the text may no longer go out; "" when it may. The sweep's own rules, asked again."""
    caregiver = message.caregiver
    found = declaration(message)
    if found is None:
        return "cadence: it is no longer part of the policy"
    cadence, step = found
    if not switchboard.is_open(cadence.name, now):
        return f"switch: {switchboard.says(cadence.name, now)}"
    if message.to_number != caregiver.phone_number:
        return "number: the person has another number since"
    before = message.gate_before
    if before is not None and before > now - GATE:
        # The claim has seen the gate open; a clock that is behind has not.
        return f"gate: last proactive message {clocks.local(before, caregiver)}"
    current = cadence.anchor.of(caregiver)
    if message.stage is not None and message.occasion != current:
        then, since = (
            clocks.local(at, caregiver) if at else "never" for at in (message.occasion, current)
        )
        return f"occasion: {cadence.anchor.words} {since}, no longer {then}"
    # What staff have sent before its turn is not asked about its turn. Should their account be gone
    # meanwhile, it is.
    limited = switchboard.limited(cadence)
    rules = limited.binding(step) if message.ordered_by_id else limited.rules(step)
    for rule in rules:
        if rule.asked_again and not rule.holds(caregiver, now):
            return f"{rule.name}: {rule.says(caregiver, now)}"
    done = getattr(caregiver, cadence.counter) or 0 if cadence.counter else 0
    if message.stage is not None and done > message.stage:
        # The series was ended while the provider had the text, and it did not take it.
        return f"owed: {done} of {len(cadence.due)} are dealt with since"
    return ""


def declaration(message: Message) -> tuple[Cadence, Step] | None:
    """What the policy says of a text; None when it is no longer part of it."""
    cadence = BY_NAME.get(message.cadence)
    if cadence is None:
        return None
    for step in cadence.steps:
        if (step.stage, step.tier) == (message.stage, message.tier):
            return cadence, step
    return None


# --- Give back ---


def _cancel(message: Message, reason: str) -> None:
    if message.mark_cancelled(reason=reason):
        give_back(message)


def give_back(message: Message) -> None:
    """Undo the claim: slot and counter are as if it had never been made.

    Expects the person to be locked, and `message` to be cancelled. While a text waits nobody else
    can claim, so a gate not older than the claim is its own.
    """
    caregiver = message.caregiver
    gate = caregiver.last_proactive_message_at
    if gate is not None and gate >= message.queued_at:
        caregiver.last_proactive_message_at = message.gate_before
        caregiver.save(update_fields=["last_proactive_message_at"])
    give_back_stage(message)


def give_back_stage(message: Message) -> None:
    """Put the counter to just below the stage of `message`, so that it is owed again.

    Expects the person to be locked. Stages that it overtook stay settled; one that was given up
    while this text stood above it is owed as well. Whatever has become of the occasion: an event
    that begins a new one puts the counter to 0, and if staff corrected the date it still counts
    this text. Where it counts another one, of the occasion that they have now, it stays.
    """
    found = declaration(message)
    if found is None or message.stage is None:
        return
    cadence, caregiver = found[0], message.caregiver
    if not cadence.counter or getattr(caregiver, cadence.counter) != message.stage:
        return
    own = caregiver.messages.filter(cadence=cadence.name, occasion=cadence.anchor.of(caregiver))
    texts = list(own.values_list("stage", "status"))
    standing = {stage for stage, status in texts if status != Status.CANCELLED}
    given_up = {stage for stage, _ in texts} - standing
    if message.stage in standing:
        return
    below = message.stage - 1
    while below in given_up:
        below -= 1
    setattr(caregiver, cadence.counter, below)
    caregiver.save(update_fields=[cadence.counter])
