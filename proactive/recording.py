"""What the provider answered, into the rows: what it took in a few statements for all of them."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from caregiving.models import Caregiver
from proactive import alerts, pacing, switches
from proactive.hooks import outbox
from proactive.models import CareAlert, EventKind, Message
from proactive.models.messages import TAKEN_UNSEEN
from proactive.outcomes import record_failure
from proactive.prepared import prepared
from proactive.reports import FIRST_LOOK_UP, apply_report, confirmation_at
from proactive.sms.gateway import Outcome, Report, SmsError
from proactive.submitting import Flight, HeldUp

logger = logging.getLogger(__name__)


class Result(StrEnum):
    """How one attempt ended."""

    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RETRY = "retry"
    HALTED = "halted"
    BROKEN = "broken"  # a fault of ours, which stands in the log


def record(flights: Sequence[Flight], clock: Callable[[], datetime]) -> list[Result]:
    """Record each answer, also after one that fails; the results in the same order.

    Raises the first DatabaseError at the end.
    """
    recorded = _record_together([one for one in flights if isinstance(one.answer, str)], clock())
    results, failures = [], []
    for flight in flights:
        if flight.message.pk in recorded:
            results.append(Result.SENT)
            continue
        try:
            results.append(_record_one(flight, clock()))
        except DatabaseError as error:
            failures.append(error)
        except Exception:
            logger.exception("message %s: its answer cannot be recorded", flight.message.pk)
            results.append(Result.BROKEN)
    if failures:
        raise failures[0]
    return results


def _record_one(flight: Flight, now: datetime) -> Result:
    match flight.answer:
        case SmsError() as error:
            return _record_error(flight.message, error, now)
        case HeldUp() as why:
            flight.message.mark_queued_again(retry_at=None, code="", reason=str(why))
            return Result.RETRY
        case sid:
            return _record_sent(flight.message, sid, now)


# --- It took the text ---


def _record_together(flights: list[Flight], now: datetime) -> set[UUID]:
    """Keys of those that were recorded; the others are to be recorded one by one.

    Those are texts that a report overtook, and people whom somebody else holds: with locks in hand
    nobody waits here.
    """
    if len(flights) < 2:
        return set()
    sids = {one.message.pk: str(one.answer) for one in flights}
    try:
        with transaction.atomic():
            own = {message.pk: message.caregiver_id for message in _lock_taken(keys=list(sids))}
            # They count from when the provider may have taken the text, not from the claim.
            Caregiver.objects.move_gates(list(own.values()), to=now)
            by_look_up: dict[datetime | None, dict[UUID, str]] = {}
            for flight in flights:
                message = flight.message
                if message.pk in own:
                    look_up_at = confirmation_at(message, now)
                    by_look_up.setdefault(look_up_at, {})[message.pk] = sids[message.pk]
            for look_up_at, theirs in by_look_up.items():
                Message.objects.mark_sent(theirs, now=now, look_up_at=look_up_at)
            taken = (one.message for one in flights if one.message.pk in own)
            outbox.texts(EventKind.SENT, taken, at=now)
    except DatabaseError:
        # Perhaps because of one of them: the others are recorded all the same.
        logger.exception("%d texts were taken and could not be recorded together", len(sids))
        return set()
    return set(own)


@prepared
def _lock_taken(*, keys: Any) -> QuerySet[Message]:
    """Those of which nobody has said what became of them, locked with their people."""
    taken = Message.objects.filter(pk__one_of=keys, status__in=TAKEN_UNSEEN)
    with_people = taken.select_related("caregiver").only("caregiver__id")
    return with_people.select_for_update(of=("self", "caregiver"), skip_locked=True)


def _record_sent(message: Message, sid: str, now: datetime) -> Result:
    try:
        with transaction.atomic():
            Caregiver.objects.move_gate(message.caregiver_id, to=now)
            look_up_at = confirmation_at(message, now)
            if message.mark_sent(now=now, provider_sid=sid, look_up_at=look_up_at):
                outbox.texts(EventKind.SENT, [message], at=now)
            else:
                # A report overtook the answer; it had better have been about the same text.
                apply_report(message, Report(sid, "sent"), now=now)
    except DatabaseError:
        # Kept in the log: it is the evidence for what reconciliation will find as `unknown`.
        logger.error("message %s was taken as %s but could not be recorded", message.pk, sid)
        raise
    return Result.SENT


# --- It did not, or nobody can tell ---


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
                message.caregiver = Caregiver.objects.select_for_update().get(
                    pk=message.caregiver_id
                )
                if message.mark_failed(code=error.code, reason=reason):
                    outbox.texts(EventKind.FAILED, [message], at=now)
                    record_failure(message, error.outcome, code=error.code, reason=reason, now=now)
            return Result.FAILED
