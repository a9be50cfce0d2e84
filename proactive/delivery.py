"""Queued texts to the provider: ask again, mark, commit, submit, record.

There is never a transaction around the submission. Marked and committed first, a text is
submitted at most once: whoever finds it marked leaves it alone, and a crash in between ends as
`unknown`, which is looked into and never blindly sent again.

One race remains and is accepted: an opt-out that is committed after the mark and before the
submission meets a text that is already on its way. That takes milliseconds, and at most
LONGEST_HOLD: a worker that was held up for longer puts the text back.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import alerts, clocks, pacing, stopping, switches
from proactive.cadences import BY_NAME
from proactive.declaring import Cadence, Step
from proactive.models import CareAlert, Message, Sender, Status
from proactive.outcomes import record_failure
from proactive.reports import FIRST_LOOK_UP, apply_report, confirmation_at
from proactive.rules import GATE
from proactive.sms.gateway import Gateway, Outcome, Report, SmsError, get_gateway
from proactive.switches import Switchboard

# Nothing may wait at the carrier until it arrives at night, or when its words no longer fit.
MAX_VALIDITY = timedelta(minutes=15)
# From the mark to the submission: so long what was asked may be taken as still true.
LONGEST_HOLD = timedelta(seconds=2)
# A provider that answers nothing may take nothing: no more texts than this become unknown in a row
# before everybody waits, for each of them costs a person's judgement and is never resent by itself.
MOST_UNKNOWN = 5
IN_TROUBLE = "the provider leaves open whether it takes anything"
# At one text a second, what becomes urgent still overtakes within seconds.
BATCH = 10

logger = logging.getLogger(__name__)


class Result(StrEnum):
    """How one attempt ended."""

    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RETRY = "retry"
    HALTED = "halted"
    TAKEN = "taken"  # another worker was quicker
    BROKEN = "broken"  # a fault of ours, which stands in the log


@dataclass
class Pass:
    """What one pass did: how many texts ended how, and why it stopped early, if it did."""

    results: Counter[str] = field(default_factory=Counter)
    stopped: str = ""


def deliver_queued(
    *, now: datetime | None = None, limit: int | None = None, budget: timedelta | None = None
) -> Pass:
    """Submit what is queued, most urgent first: at most `limit` texts, none after `budget`.

    `now` fixes the clock for a rehearsal, which then keeps to no pace. Otherwise it is read anew
    for each text: a pass may still be under way when a window closes.
    """
    clock: Callable[[], datetime] = timezone.now if now is None else lambda: now
    report = Pass()
    # Before anything is marked: a gateway that cannot be built has taken nothing.
    gateway = get_gateway()
    began = time.monotonic()
    has_turn = now is not None
    unknown_in_a_row = 0
    for key in _ready(clock, limit):
        patience = pacing.PATIENCE
        if budget is not None:
            patience = budget - timedelta(seconds=time.monotonic() - began)
            if patience < timedelta(0):
                report.stopped = "its time was up; the next pass goes on"
                break
        # Before anything is asked, so that what is asked is fresh when the text is submitted.
        if not has_turn and (too_far := pacing.wait_for_turn(now=clock(), patience=patience)):
            report.stopped = too_far
            break
        switchboard, sender = Switchboard.load(), pacing.load_sender()
        if obstacle := _obstacle(switchboard, sender, clock()):
            report.stopped = obstacle
            break
        try:
            result = deliver(key, gateway=gateway, switchboard=switchboard, clock=clock)
        except DatabaseError:
            raise
        except Exception:
            # The others must not wait for one that we cannot deal with.
            logger.exception("message %s: delivery broke", key)
            result = Result.BROKEN
        report.results[result] += 1
        if result is Result.SENT and sender.busy_until:
            pacing.end_wait(sender)
        unknown_in_a_row = unknown_in_a_row + 1 if result is Result.UNKNOWN else 0
        if unknown_in_a_row == MOST_UNKNOWN:
            at = clock()
            pacing.back_off(until=at + pacing.FIRST_RETRY, reason=IN_TROUBLE, now=at)
            report.stopped = IN_TROUBLE
            break
        if result in (Result.RETRY, Result.HALTED):
            report.stopped = "the provider takes nothing at the moment"
            break
        # Where nothing was submitted the turn is the next text's.
        has_turn = now is not None or result in (Result.TAKEN, Result.CANCELLED)
    return report


def _obstacle(switchboard: Switchboard, sender: Sender, now: datetime) -> str:
    """Why no text at all may go out; "" when the next one may."""
    if stopping.asked():
        return "it was asked to stop"
    if not switchboard.everything.is_open(now):
        return switchboard.says(switchboard.everything.cadence, now)
    return pacing.busy_says(sender, now)


def deliver(
    key: UUID, *, gateway: Gateway, switchboard: Switchboard, clock: Callable[[], datetime]
) -> Result:
    """Take one queued text to the provider, or cancel it if it may no longer go out."""
    message = _claim(key, switchboard, clock)
    if message is None:
        return Result.TAKEN
    if message.status == Status.CANCELLED:
        return Result.CANCELLED
    assert message.attempt_started_at is not None  # it is marked
    now = clock()
    if now - message.attempt_started_at > LONGEST_HOLD:
        # This process was frozen, and what was asked may no longer be true. Nothing has left.
        message.mark_queued_again(retry_at=None, code="", reason="held up before it was submitted")
        return Result.RETRY
    try:
        sid = gateway.send(message, validity=_validity(message, now))
    except SmsError as error:
        return _record_error(message, error, clock())
    except Exception as error:
        # A gateway that breaks may have broken after the text had left.
        logger.exception("message %s: the gateway broke", message.pk)
        unknown = SmsError(Outcome.UNKNOWN, f"the gateway broke: {type(error).__name__}")
        return _record_error(message, unknown, clock())
    return _record_sent(message, sid, clock())


def _ready(clock: Callable[[], datetime], limit: int | None) -> Iterator[UUID]:
    """Keys of queued texts, each once, read in small batches so that what is urgent overtakes."""
    tried: set[UUID] = set()
    stuck: set[UUID] = set()
    while limit is None or len(tried) < limit:
        size = BATCH if limit is None else min(BATCH, limit - len(tried))
        ready = Message.objects.ready(now=clock()).exclude(pk__in=stuck)
        keys = list(ready.values_list("pk", flat=True)[:size])
        if not keys:
            return
        # An attempt takes its text out of this list. One that is still there waits for another
        # pass, and must not hide those behind it.
        stuck.update(key for key in keys if key in tried)
        fresh = [key for key in keys if key not in tried]
        tried.update(fresh)
        yield from fresh


# --- Ask again, mark, commit ---


def _claim(key: UUID, switchboard: Switchboard, clock: Callable[[], datetime]) -> Message | None:
    """Mark a text as being sent, or cancel it; None when another worker has it.

    The lock on the person comes first, as everywhere: what is asked here stays true until commit.
    """
    with transaction.atomic(durable=True):
        message = Message.objects.filter(pk=key).first()
        if message is None:
            return None  # deleted by staff
        caregiver = message.caregiver = _locked(message.caregiver_id)
        # Only now: the window may have closed while we waited for the lock.
        now = clock()
        if objection := _objection(message, switchboard, now):
            if not message.mark_cancelled(reason=objection):
                return None
            give_back(message)
        else:
            if not message.mark_sending(now=now):
                return None
            gate = caregiver.last_proactive_message_at
            # Never backwards, should this clock be behind the one that claimed it.
            caregiver.last_proactive_message_at = max(now, gate or now)
            caregiver.save(update_fields=["last_proactive_message_at"])
    return message


def _objection(message: Message, switchboard: Switchboard, now: datetime) -> str:
    """Why the text may no longer go out; "" when it may. The sweep's own rules, asked again."""
    caregiver = message.caregiver
    found = _declaration(message)
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
    rules = cadence.binding(step) if message.ordered_by_id else cadence.rules(step)
    for rule in rules:
        if rule.asked_again and not rule.holds(caregiver, now):
            return f"{rule.name}: {rule.says(caregiver, now)}"
    done = getattr(caregiver, cadence.counter) or 0 if cadence.counter else 0
    if message.stage is not None and done > message.stage:
        # The series was ended while the provider had the text, and it did not take it.
        return f"owed: {done} of {len(cadence.due)} are dealt with since"
    return ""


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
    found = _declaration(message)
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


def _declaration(message: Message) -> tuple[Cadence, Step] | None:
    cadence = BY_NAME.get(message.cadence)
    if cadence is None:
        return None
    for step in cadence.steps:
        if (step.stage, step.tier) == (message.stage, message.tier):
            return cadence, step
    return None


def _validity(message: Message, now: datetime) -> timedelta:
    """How long the carrier may hold the text: 15 minutes, or less.

    Less when the window closes before, or the stage's late limit passes.
    """
    found = _declaration(message)
    assert found is not None  # asked when it was marked
    cadence, step = found
    ends = [
        now + MAX_VALIDITY,
        cadence.window.closing(clocks.places(message.caregiver), now),
    ]
    if message.occasion is not None and step.limit is not None:
        ends.append(message.occasion + step.limit)
    return max(min(ends) - now, timedelta(seconds=1))


# --- Record ---


def _record_sent(message: Message, sid: str, now: datetime) -> Result:
    try:
        with transaction.atomic():
            # They count from when the provider may have taken the text, not from the claim.
            Caregiver.objects.move_gate(message.caregiver_id, to=now)
            look_up_at = confirmation_at(message, now)
            if not message.mark_sent(now=now, provider_sid=sid, look_up_at=look_up_at):
                # A report overtook the answer; it had better have been about the same text.
                apply_report(message, Report(sid, "sent"), now=now)
    except DatabaseError:
        # Kept in the log: it is the evidence for what reconciliation will find as `unknown`.
        logger.error("message %s was taken as %s but could not be recorded", message.pk, sid)
        raise
    return Result.SENT


def _record_error(message: Message, error: SmsError, now: datetime) -> Result:
    reason = str(error)
    logger.warning("message %s: %s (%s)", message.pk, reason, error.outcome.value)
    match error.outcome:
        case Outcome.UNKNOWN:
            with transaction.atomic():
                Caregiver.objects.move_gate(message.caregiver_id, to=now)
                message.mark_unknown(reason=reason, look_up_at=now + FIRST_LOOK_UP)
            return Result.UNKNOWN
        case Outcome.BUSY:
            # While it waits the person gets no other text, whatever wait the provider asks for.
            wait = pacing.wait_after(attempts=message.attempts, asked=error.retry_after)
            with transaction.atomic():
                message.mark_queued_again(retry_at=now + wait, code=error.code, reason=reason)
                pacing.back_off(until=now + wait, reason=reason, now=now)
            return Result.RETRY
        case Outcome.MISCONFIGURED:
            with transaction.atomic():
                message.mark_queued_again(retry_at=None, code=error.code, reason=reason)
                switches.halt_everything(reason=reason, now=now)
                alerts.open_alert(CareAlert.Kind.SENDING_HALTED, detail=reason, now=now)
            return Result.HALTED
        case Outcome.OPTED_OUT | Outcome.REJECTED:
            with transaction.atomic():
                # The person first; their number may be another since the text was marked.
                message.caregiver = _locked(message.caregiver_id)
                if message.mark_failed(code=error.code, reason=reason):
                    record_failure(message, error.outcome, code=error.code, reason=reason, now=now)
            return Result.FAILED


def _locked(key: int) -> Caregiver:
    return Caregiver.objects.select_for_update().get(pk=key)
