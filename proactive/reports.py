"""What the provider says of a text that it took, by callback or when asked: one way in for both."""

import logging
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from caregiving.models import Caregiver
from proactive import alerts
from proactive.cadences import BY_NAME
from proactive.hooks import outbox
from proactive.models import CareAlert, Message, Status
from proactive.outcomes import record_failure, record_success
from proactive.sms.errors import outcome_of, say
from proactive.sms.gateway import Report

# Well over the HTTP timeout: whoever marked a text has answered by then, or is dead.
LEASE = timedelta(minutes=5)
# An unknown outcome: time for the answer that never came to show up in the provider's list.
FIRST_LOOK_UP = timedelta(minutes=1)
# A report may get lost. So long after the last news of a vital text the provider is asked.
CONFIRM_AFTER = timedelta(hours=1)

# Twilio's words. One that is not here, now or in years to come, says at least that it has the text.
STATUSES = {
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}

NOT_DELIVERED = (Status.FAILED, Status.UNDELIVERED)

logger = logging.getLogger(__name__)


def apply_report(message: Message, report: Report, *, now: datetime) -> bool:
    """Bring `message` up to date with `report`; returns whether that was news.

    Reports may come in any order and more than once. Whoever submits the same text twice shows
    here: a second SID, or a SID that another text has, opens an alert and changes nothing else.

    A text that was given up (cancelled), by a person or because it had never been submitted as we
    thought, may still be reported. That it failed is kept, and it stays given up. That it is on its
    way or there takes it back, with its counter, and withdraws what stands in its place; if that
    has gone out as well, it is a duplicate.
    """
    status = status_of(report)
    if message.provider_sid == report.sid and not message.is_news(status, provider_sid=report.sid):
        # A text keeps its SID, and from then on only rises: this stays true without a lock.
        return False
    with transaction.atomic():
        # The person first, as everywhere. It also keeps two reports about a text apart.
        caregiver = Caregiver.objects.select_for_update().get(pk=message.caregiver_id)
        message.refresh_from_db()
        if caregiver.erased_at is not None:
            # Its identifier would lead to the provider's record of them again.
            return False
        message.caregiver = caregiver
        sent_at = message.sent_at
        try:
            with _savepoint_for(message, report):
                is_news = _record(message, status, report, now)
        except IntegrityError:
            # The SID belongs to another text, or what stands in its place has gone out.
            is_news = False
        if not is_news:
            message.refresh_from_db()
            if message.provider_sid != report.sid:
                _alert_duplicate(message, report, now)
        elif message.status != Status.CANCELLED:
            _move_gate(message, sent_at, now)
            _follow_up(message, report, now)
            outbox.report(message, is_first=sent_at is None, at=now)
    return is_news


def status_of(report: Report) -> Status:
    return STATUSES.get(report.status, Status.SENT)


def _savepoint_for(message: Message, report: Report) -> AbstractContextManager[Any]:
    """Where a constraint may object: to a SID that is new here, or to a second text for a stage."""
    if message.provider_sid == report.sid and message.status != Status.CANCELLED:
        return nullcontext()
    return transaction.atomic()


def _record(message: Message, status: Status, report: Report, now: datetime) -> bool:
    code = code_of(report)
    was_given_up = message.status == Status.CANCELLED
    if was_given_up and status in NOT_DELIVERED:
        return message.note_report(provider_sid=report.sid, code=code)
    if was_given_up:
        if not message.is_news(status, provider_sid=report.sid):
            return False  # it stays given up, and what stands in its place stays too
        _withdraw_successor(message)
    is_news = message.mark_reported(
        status,
        now=now,
        provider_sid=report.sid,
        look_up_at=confirmation_at(message, now) if status == Status.SENT else None,
        code=code,
        reason=_reason(status, report),
    )
    if was_given_up and is_news:
        _count_again(message)
    return is_news


def code_of(report: Report) -> str:
    """As much of the provider's code as is kept."""
    return report.code[:16]


def _move_gate(message: Message, sent_at: datetime | None, now: datetime) -> None:
    """The 24 hours count from when the provider may have taken the text.

    `sent_at` is what was recorded before this report. With it the gate was moved: to then, at
    least, so that a later report says nothing that is newer.
    """
    gate = message.caregiver.last_proactive_message_at
    if gate is not None and sent_at is not None and gate >= sent_at:
        return
    started = message.attempt_started_at
    Caregiver.objects.move_gate(
        message.caregiver_id, to=min(now, started + LEASE) if started else now
    )


def _follow_up(message: Message, report: Report, now: datetime) -> None:
    """What the news mean beyond the text: for open alerts, and for the person."""
    it_has = f"The provider has it as {report.sid}: {report.status}."
    if message.status == Status.DELIVERED:
        record_success(message, note=it_has, now=now)
        return
    alerts.resolve(CareAlert.Kind.OUTCOME_UNKNOWN, message, note=it_has, now=now)
    if message.status in NOT_DELIVERED:
        logger.warning("message %s: %s", message.pk, message.reason)
        record_failure(
            message, outcome_of(report.code), code=report.code, reason=message.reason, now=now
        )


def confirmation_at(message: Message, now: datetime) -> datetime | None:
    """When to ask about a text that was sent; None where a lost report would harm nobody."""
    cadence = BY_NAME.get(message.cadence)
    return now + CONFIRM_AFTER if cadence is not None and cadence.vital else None


def _reason(status: Status, report: Report) -> str:
    if status not in NOT_DELIVERED:
        return ""
    if report.code:
        return say(report.code)
    return f"The provider reports it as {report.status} and gives no reason"


def _withdraw_successor(message: Message) -> None:
    """The row that stands in the place of a text that has gone out after all, if it has not."""
    in_its_place = Message.objects.standing().filter(
        caregiver=message.caregiver_id,
        cadence=message.cadence,
        occasion=message.occasion,
        stage=message.stage,
    )
    if message.stage is not None:
        for one in in_its_place:  # at most one, by a constraint
            one.mark_withdrawn(reason="the earlier text for this stage has gone out after all")


def _count_again(message: Message) -> None:
    """The stage is dealt with after all, unless the counter counts for a newer occasion."""
    cadence = BY_NAME.get(message.cadence)
    caregiver = message.caregiver
    if cadence is None or not cadence.counter or cadence.anchor.of(caregiver) != message.occasion:
        return
    assert message.stage is not None  # or there would be no counter
    if (getattr(caregiver, cadence.counter) or 0) < message.stage:
        setattr(caregiver, cadence.counter, message.stage)
        caregiver.save(update_fields=[cadence.counter])


def _alert_duplicate(message: Message, report: Report, now: datetime) -> None:
    known = message.provider_sid or "no identifier"
    detail = (
        f"The provider reports {report.sid} ({report.status}) for a text that is recorded as "
        f"{message.get_status_display().lower()} with {known}. Look both up at the provider."
    )
    logger.error("message %s: %s", message.pk, detail)
    alerts.open_alert(CareAlert.Kind.DUPLICATE, message=message, detail=detail, now=now)
