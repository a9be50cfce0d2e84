"""What delivery expects of a carrier of texts, and the one error it understands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Protocol, runtime_checkable

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


@dataclass(frozen=True)
class Report:
    """What the provider says of a text that it took: in a status callback, or when asked.

    `status` is one of Twilio's words, or one that we do not know yet; `code` its error code, or "".
    """

    sid: str
    status: str
    code: str = ""


class Gateway(Protocol):
    def send(self, message: Message, *, validity: timedelta) -> str:
        """Submit `message`, to be dropped by the carrier when not delivered within `validity`.

        Returns the carrier's identifier. Raises SmsError; any other exception counts as unknown.
        """
        ...

    def find(self, message: Message, *, since: datetime, until: datetime) -> list[Report]:
        """What the provider's list has with the number and the very words of `message`, created
        between `since` and `until`; the earliest first.

        An empty list proves nothing, for the list may lag. Raises SmsError when it cannot be read.
        """
        ...

    def fetch(self, sid: str) -> Report | None:
        """What has become of one text; None when this provider cannot say. Raises SmsError."""
        ...


@dataclass(frozen=True)
class Listed:
    """One text as the provider keeps it: `number` is the person's, whichever way it went."""

    sid: str
    number: str
    body: str
    inbound: bool
    status: str
    created_at: datetime
    code: str = ""


@runtime_checkable
class Keeping(Protocol):
    """A provider that keeps a list of all texts."""

    def since(self, instant: datetime) -> Iterator[Listed]:
        """All texts of our sender that were created from `instant` on, in both directions.

        The list may lag. Raises SmsError when it cannot be read, perhaps after some of it.
        """
        ...


_used_instead: Gateway | None = None


def use(gateway: Gateway) -> None:
    """Have this process send through `gateway` and no other: it is a world of the simulation."""
    global _used_instead
    _used_instead = gateway


def get_gateway() -> Gateway:
    """The gateway that SMS_GATEWAY names, one per process so that connections are reused."""
    return _used_instead or _build(
        settings.SMS_GATEWAY, settings.TWILIO_ACCOUNT_SID, settings.TWILIO_API_BASE_URL
    )


@cache
def _build(name: str, account: str, base_url: str) -> Gateway:
    if name == "twilio":
        from proactive.sms.twilio import TwilioGateway

        return TwilioGateway()
    from proactive.sms.console import ConsoleGateway

    return ConsoleGateway()
