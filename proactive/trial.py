"""A text to the own phone of whoever asks: does sending work again, and how do words look?"""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from caregiving.fields import normalise_phone_number
from caregiving.models import Caregiver
from proactive import switches, tasks
from proactive.models import Message
from proactive.sms.gateway import Outcome, SmsError, get_gateway
from proactive.submitting import MAX_VALIDITY

WORDS = "{service} test: sending works."
WHAT_TO_CHECK = {
    Outcome.OPTED_OUT: "Text START from that phone to our number, or use another phone.",
    Outcome.MISCONFIGURED: "Check the TWILIO_ settings and our account at Twilio. What reads the "
    "settings, workers and web server, must be started again after a change.",
    Outcome.BUSY: "Check that this machine reaches the provider, and try again in a few minutes.",
    Outcome.UNKNOWN: "Look at the phone before you try again: it may have arrived.",
}
WHATEVER_ELSE = "Check the number, or use another phone."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """The provider took the text. `resumed`: it lifted a halt; `sending`: how things stand now."""

    provider_sid: str
    resumed: bool
    sending: switches.Standing

    def says(self) -> str:
        if self.resumed:
            then = "Sending was halted and is on again"
        elif self.sending is switches.Standing.ON:
            then = "Sending is on"
        else:
            then = f"Sending stays {self.sending}, as staff wish: only they change that"
        return f"The provider took the text; see that it arrives. {then}."


class NotTaken(Exception):
    """The provider did not take the text, or nobody can tell; `str()` says what to check."""


def read_number(text: str) -> str:
    """An operator's number in E.164. Raises ValidationError for one that may not get the text."""
    number = normalise_phone_number(text)
    if Caregiver.objects.filter(phone_number=number).exists():
        raise ValidationError(
            "This is a caregiver's number. A test text asks neither for consent nor for the hour "
            "nor for the 24 hours: send it to a phone of your own."
        )
    return number


def send_trial(phone: str, *, now: datetime, by: User | None) -> Taken:
    """Submit one test text to `phone`, whatever the switches say; if taken, a halt is lifted.

    It proves the settings of this very process. Raises ValidationError for a number that may not
    get it, NotTaken when the provider did not take it; then nothing is resumed.
    """
    try:
        sid = _submit(phone, WORDS.format(service=settings.SERVICE_NAME))
    except NotTaken as error:
        raise NotTaken(f"{error} Nothing was resumed.") from error
    resumed = switches.resume(now=now, by=by, note="Resumed: the provider took a test text.")
    if resumed:
        # Whatever was held back should not wait for the next minute.
        tasks.ring()
    return Taken(sid, resumed, switches.standing(switches.everything(), now))


def send_words(phone: str, body: str) -> str:
    """Submit `body` to `phone`, whatever the switches say, which stay as they are.

    Returns the provider's SID. Raises as `send_trial` does.
    """
    return _submit(phone, body)


def _submit(phone: str, body: str) -> str:
    text = Message(to_number=read_number(phone), cadence="send_test", body=body)
    try:
        return get_gateway().send(text, validity=MAX_VALIDITY)
    except SmsError as error:
        advice = WHAT_TO_CHECK.get(error.outcome, WHATEVER_ELSE)
        raise NotTaken(f"{error}. {advice}") from error
    except Exception as error:
        # A gateway that breaks may have broken after the text had left.
        logger.exception("test text: the gateway broke")
        raise NotTaken(
            f"The gateway broke: {type(error).__name__}. {WHAT_TO_CHECK[Outcome.UNKNOWN]} "
            "The log says more."
        ) from error
