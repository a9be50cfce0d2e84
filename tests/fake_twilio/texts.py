"""One text, in either direction, and what Twilio's API shows of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

API_VERSION = "2010-04-01"

# With these a text has left Twilio, and has a date on which it was sent.
_LEFT = {"sent", "delivered", "undelivered", "received"}
FAILED = {"undelivered", "failed"}


@dataclass
class Text:
    sid: str
    direction: str  # "outbound-api", "outbound-reply" or "inbound"
    sender: str  # the number; of a messaging service too, though Twilio shows it only later
    to: str
    body: str
    status: str
    created: float  # seconds since 1970, as all times here
    updated: float
    sent: float | None = None
    error_code: int | None = None
    service: str | None = None  # the SID of the messaging service that it was sent by
    media: int = 0
    trouble: str = ""  # why an inbound text was not understood, in words for the page

    @property
    def is_inbound(self) -> bool:
        return self.direction == "inbound"

    @property
    def person(self) -> str:
        return self.sender if self.is_inbound else self.to

    def advance(self, status: str, *, error_code: int | None = None, now: float) -> None:
        self.status, self.updated = status, now
        if self.sent is None and status in _LEFT:
            self.sent = now
        if status in FAILED:
            self.error_code = error_code

    def resource(self, account_sid: str) -> dict[str, Any]:
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{self.sid}"
        # The messaging service has yet to pick a number, and to count the segments.
        waits = self.status == "accepted"
        return {
            "account_sid": account_sid,
            "api_version": API_VERSION,
            "body": self.body,
            "date_created": _date(self.created),
            "date_sent": _date(self.sent),
            "date_updated": _date(self.updated),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": "Scripted failure" if self.error_code else None,
            "from": None if waits else self.sender,
            "messaging_service_sid": self.service,
            "num_media": str(self.media),
            "num_segments": "0" if waits else "1",
            "price": None,
            "price_unit": None if waits else "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


def _date(moment: float | None) -> str | None:
    """RFC 2822, in whole seconds."""
    return None if moment is None else format_datetime(datetime.fromtimestamp(int(moment), UTC))
