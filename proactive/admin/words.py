"""States of texts and promises as staff read them."""

from proactive.models import Message, Status
from proactive.sms import errors

STATUS_SAYS: dict[str, str] = {
    Status.QUEUED: "waiting to be sent",
    Status.SENDING: "being handed to the provider",
    Status.SENT: "handed to the provider; no receipt yet",
    Status.DELIVERED: "it is on their phone",
    Status.UNDELIVERED: "the carrier did not deliver it",
    Status.FAILED: "the provider refused it",
    Status.UNKNOWN: "nobody knows whether it arrived",
    Status.CANCELLED: "given back: it may be planned again",
    Status.SUPERSEDED: "never sent: its time had passed",
}

# The promises of the service, and what it would be to break one.
PROMISE_SAYS: dict[str, str] = {
    "cap": "two texts to one person within 24 hours",
    "once": "one stage sent twice",
    "consent": "a text after an opt-out",
    "hours": "a text outside the local hours",
    "accounted": "a follow-up that was due and has no end",
    "stop": "a text to somebody who had churned",
    "explainable": "an explanation that differs from what the sweep does",
}


def status_in_words(message: Message) -> str:
    """Such as "Unknown: nobody knows whether it arrived"."""
    return f"{message.get_status_display()}: {STATUS_SAYS[message.status]}"


def code_in_words(message: Message) -> str:
    """What the provider's code means, "" where there is none, or where the reason says it."""
    if not message.error_code or f"({message.error_code})" in message.reason:
        return ""
    return errors.say(message.error_code)
