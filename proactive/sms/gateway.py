"""What delivery expects of a carrier of texts, and the one error it understands."""

from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Protocol

from django.conf import settings

from proactive.models import Message


class Outcome(Enum):
    """What a failed submission means for the text and for all that come after it."""

    REJECTED = "rejected"  # permanent, about this text or number
    OPTED_OUT = "opted out"  # permanent, and the carrier knows of an opt-out that we missed
    MISCONFIGURED = "misconfigured"  # ours: nothing can be sent until somebody mends it
    BUSY = "busy"  # it was certainly not taken: try again later
    UNKNOWN = "unknown"  # nobody can tell whether it was taken


class SmsError(Exception):
    """A text that was not, or perhaps not, handed over.

    `code` is the carrier's own, `retry_after` what it asked for. `str()` holds neither the number
    nor the words of the text.
    """

    def __init__(
        self,
        outcome: Outcome,
        reason: str,
        *,
        code: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.code = code
        self.retry_after = retry_after

    @property
    def is_permanent(self) -> bool:
        return self.outcome in (Outcome.REJECTED, Outcome.OPTED_OUT)


class Gateway(Protocol):
    def send(self, message: Message, *, validity: timedelta) -> str:
        """Submit `message`, to be dropped by the carrier when not delivered within `validity`.

        Returns the carrier's identifier. Raises SmsError; any other exception counts as unknown.
        """
        ...


def get_gateway() -> Gateway:
    """The gateway that SMS_GATEWAY names, one per process so that connections are reused."""
    return _build(settings.SMS_GATEWAY, settings.TWILIO_ACCOUNT_SID, settings.TWILIO_API_BASE_URL)


@cache
def _build(name: str, account: str, base_url: str) -> Gateway:
    if name == "twilio":
        from proactive.sms.twilio import TwilioGateway

        return TwilioGateway()
    from proactive.sms.console import ConsoleGateway

    return ConsoleGateway()
