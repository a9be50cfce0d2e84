"""What the demo people's texts left for staff to look at: some of it is done, some waits."""

from datetime import datetime
from itertools import islice

from django.contrib.auth.models import User

from proactive.cadences import BY_NAME
from proactive.clocks import HOUR, MINUTE
from proactive.models import CareAlert, Message, Status
from proactive.reconciliation import PATIENCE
from proactive.sms.errors import say

# Of the crisis follow-ups that did not arrive, the latest still wait for somebody.
_STILL_OPEN = 2


def look_after(texts: list[Message], *, staff: User, now: datetime) -> list[CareAlert]:
    """Alerts for `texts`, none of which is stored yet; nothing is stored here.

    Crisis follow-ups that did not arrive: the latest are open, one of them claimed by `staff`. One
    check-in ends without anybody knowing whether it arrived.
    """
    latest_first = sorted(texts, key=_tried_at, reverse=True)
    for text in [
        text for text in latest_first if BY_NAME[text.cadence].vital and not text.replied_at
    ][:_STILL_OPEN]:
        text.status, text.error_code, text.delivered_at = Status.UNDELIVERED, "30003", None
        text.reason = say(text.error_code)
    alerts = [
        _not_delivered(text, staff=staff, now=now, place=place)
        for place, text in enumerate(
            text
            for text in latest_first
            if BY_NAME[text.cadence].vital and text.status in (Status.FAILED, Status.UNDELIVERED)
        )
    ]
    in_doubt = (
        text
        for text in latest_first
        if not BY_NAME[text.cadence].vital
        and not text.replied_at
        and _tried_at(text) < now - PATIENCE
    )
    return [*alerts, *(_in_doubt(text) for text in islice(in_doubt, 1))]


def _not_delivered(text: Message, *, staff: User, now: datetime, place: int) -> CareAlert:
    alert = CareAlert(
        kind=CareAlert.Kind.FOLLOWUP_FAILED,
        caregiver=text.caregiver,
        message=text,
        occasion=text.occasion,
        detail=text.reason,
        opened_at=_tried_at(text) + MINUTE,
    )
    if place == 1 or place >= _STILL_OPEN:
        alert.claimed_by, alert.claimed_at = staff, min(alert.opened_at + 20 * MINUTE, now)
    if place >= _STILL_OPEN:
        alert.resolved_by, alert.resolved_at = staff, min(alert.opened_at + 2 * HOUR, now)
        alert.note = f"{alert.resolved_at:%Y-%m-%d %H:%M} {staff}: Called, and reached them."
    return alert


def _in_doubt(text: Message) -> CareAlert:
    """Nobody saw the submission of `text` end, and the provider knows nothing of it."""
    text.status, text.provider_sid = Status.UNKNOWN, None
    text.sent_at = text.delivered_at = None
    text.error_code, text.reason = "", "no answer from the provider within 10 seconds"
    return CareAlert(
        kind=CareAlert.Kind.OUTCOME_UNKNOWN,
        caregiver=text.caregiver,
        message=text,
        occasion=text.occasion,
        detail=text.reason,
        opened_at=_tried_at(text) + PATIENCE,
    )


def _tried_at(text: Message) -> datetime:
    assert text.attempt_started_at is not None
    return text.attempt_started_at
