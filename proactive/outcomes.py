"""What the end of a text means beyond itself: for the person, for staff, for all other texts.

Both functions expect a transaction in which the person is locked, or nothing of theirs yet. What
they record counts from when the text was submitted: a report that is late is old news, and yields
to what the person has done since.
"""

from datetime import datetime

from caregiving import events
from proactive import alerts, switches
from proactive.cadences import BY_NAME
from proactive.models import CareAlert, Message, Status
from proactive.sms.errors import DEAD_NUMBER
from proactive.sms.gateway import Outcome


def record_failure(
    message: Message, outcome: Outcome | None, *, code: str, reason: str, now: datetime
) -> None:
    """The provider refused `message`, or could not deliver it, with its `code`, for `reason`.

    `outcome` is what the code means; None when we do not know it.
    """
    at = message.attempt_started_at or now
    if outcome is Outcome.MISCONFIGURED:
        # Carriers refuse an unregistered sender only after Twilio has taken the text.
        if switches.halt_everything(reason=reason, since=message.attempt_started_at, now=now):
            alerts.open_alert(CareAlert.Kind.SENDING_HALTED, detail=reason, now=now)
    elif _is_about_their_number(message):
        if outcome is Outcome.OPTED_OUT:
            events.record_opt_out(message.caregiver, at=at, source="provider")
        elif code in DEAD_NUMBER and not _got_there_since(message, at):
            events.record_unreachable(message.caregiver, at=at, reason=reason)
    cadence = BY_NAME.get(message.cadence)
    if cadence is not None and cadence.vital:
        alerts.open_alert(CareAlert.Kind.FOLLOWUP_FAILED, message=message, detail=reason, now=now)


# What the phone's receipt answers, whatever was reported, or not known, before.
CLOSED_BY_SUCCESS = (CareAlert.Kind.OUTCOME_UNKNOWN, CareAlert.Kind.FOLLOWUP_FAILED)


def record_success(message: Message, *, note: str, now: datetime) -> None:
    """The phone has it, whatever was reported before; `note` goes to the alerts that this closes.

    Expects `message.caregiver` to have been read under the lock.
    """
    if message.caregiver.unreachable_at is not None and _is_about_their_number(message):
        events.record_reachable(message.caregiver, at=message.attempt_started_at or now)
    alerts.resolve_each(CLOSED_BY_SUCCESS, message, note=note, now=now)


def _got_there_since(message: Message, at: datetime) -> bool:
    later = Message.objects.filter(
        caregiver=message.caregiver_id,
        to_number=message.to_number,
        status=Status.DELIVERED,
        attempt_started_at__gt=at,
    )
    return later.exists()


def _is_about_their_number(message: Message) -> bool:
    # Staff correct a number when texts to it fail; reports about the old one may still come.
    return message.to_number == message.caregiver.phone_number
