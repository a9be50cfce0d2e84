"""How one request to send is answered, and which requests Twilio itself would refuse."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

STATUSES = ("sending", "sent", "delivered")

# All other errors of a request come with 400.
_HTTP_STATUSES = {20003: 401, 20404: 404, 20429: 429}


@dataclass(frozen=True)
class Step:
    """How one request to send is answered. By default as Twilio does when all is well."""

    status: int = 201
    code: int | None = None  # Twilio's error code, for the body of the answer
    accept: bool | None = None  # whether the text is taken; by default if the status is 2xx
    delay: float = 0  # seconds between taking (or refusing) it and answering
    drop: bool = False  # close the connection instead of answering
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None  # answered as it is, in place of JSON
    repeat: bool = False  # stays in force for all later requests of its queue
    statuses: Sequence[str] = STATUSES  # what becomes of a text that was taken, one after the other
    fails_with: int | None = None  # it ends as undelivered instead, with this error code

    def __post_init__(self) -> None:
        for name, kinds in {
            "status": int,
            "code": int | None,
            "accept": bool | None,
            "delay": int | float,
            "headers": dict,
            "body": str | None,
            "statuses": list | tuple,
            "fails_with": int | None,
        }.items():
            if not isinstance(getattr(self, name), kinds):
                raise ValueError(f"{name} is not {kinds}")
        if not all(isinstance(status, str) for status in self.statuses):
            raise ValueError("statuses are words")
        if not (200 <= self.status <= 599 and 0 <= self.delay <= 3600):
            raise ValueError("status goes from 200 to 599, delay to 3600")

    @classmethod
    def refusal(cls, code: int) -> Self:
        return cls(status=_HTTP_STATUSES.get(code, 400), code=code)

    @property
    def accepts(self) -> bool:
        return 200 <= self.status < 300 if self.accept is None else self.accept

    @property
    def outcome(self) -> Sequence[str]:
        """The statuses that a text goes through after its first."""
        if self.fails_with is None or self.statuses[-1:] in (["failed"], ("failed",)):
            return self.statuses
        return [*self.statuses[:-1], "undelivered"]


def error_json(status: int, code: int | None, *, to: str = "") -> dict[str, Any]:
    """Twilio's error body. Like the real one it quotes the recipient's number."""
    code = code or 20000 + status
    return {
        "code": code,
        "message": f"Scripted failure of the message to {to}",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def is_number(number: object) -> bool:
    return isinstance(number, str) and bool(re.fullmatch(r"\+[1-9][0-9]{7,14}", number))


def find_fault(params: dict[str, str]) -> int | None:
    """The error code for parameters that Twilio would refuse."""
    if not params.get("To"):
        return 21604
    if not is_number(params["To"]):
        return 21211
    if not (params.get("From") or params.get("MessagingServiceSid")):
        return 21603
    if not params.get("Body"):
        return 21602
    if len(params["Body"]) > 1600:
        return 21617
    if params.get("StatusCallback") and not _is_address(params["StatusCallback"]):
        return 21609
    validity = params.get("ValidityPeriod", "36000")
    if not (validity.isdecimal() and 1 <= int(validity) <= 36000):
        return 21624
    return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
