"""What a failed text means beyond itself: for the person, for staff, for all other texts."""

from datetime import datetime

from caregiving import events
from proactive import alerts, switches
from proactive.cadences import BY_NAME
from proactive.models import CareAlert, Message
from proactive.sms.errors import DEAD_NUMBER
from proactive.sms.gateway import Outcome


def record_consequences(
    message: Message, outcome: Outcome | None, *, code: str, reason: str, now: datetime
) -> None:
    """Act on a text that the provider refused or could not deliver, with its `code`, for `reason`.

    Expects a transaction in which the person is locked, or nothing of theirs yet. `outcome` is what
    the code means; None when we do not know it.
    """
    if outcome is Outcome.OPTED_OUT:
        events.record_opt_out(message.caregiver, at=now, source="provider")
    elif outcome is Outcome.MISCONFIGURED:
        # Carriers refuse an unregistered sender only after Twilio has taken the text.
        if switches.halt_everything(reason=reason, since=message.attempt_started_at, now=now):
            alerts.open_alert(CareAlert.Kind.SENDING_HALTED, detail=reason, now=now)
    elif code in DEAD_NUMBER:
        events.record_unreachable(message.caregiver, at=now, reason=reason)
    cadence = BY_NAME.get(message.cadence)
    if cadence is not None and cadence.vital:
        alerts.open_alert(CareAlert.Kind.FOLLOWUP_FAILED, message=message, detail=reason, now=now)
