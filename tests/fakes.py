"""What stands in for the outside world inside a test's own process."""

from datetime import datetime, timedelta
from typing import Any

from proactive.models import Message
from proactive.sms.gateway import Report


class RecordingGateway:
    """Keeps what was handed over in `sent`.

    `fails_with` makes it raise instead: one exception for every number, or a dict of exceptions
    by number. `tried` also has those that failed.
    """

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.tried: list[dict[str, Any]] = []
        self.fails_with: Exception | dict[str, Exception] | None = None
        # What the provider tells when it is asked, and what it was asked about.
        self.listed: list[Report] = []
        self.fetched: dict[str, Report] = {}
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.unavailable: Exception | None = None

    def send(self, message: Message, *, validity: timedelta) -> str:
        entry = {
            "to": message.to_number,
            "body": message.body,
            "cadence": message.cadence,
            "stage": message.stage,
            "message_id": message.pk,
            "validity": validity,
        }
        self.tried.append(entry)
        failure = self.fails_with
        if isinstance(failure, dict):
            failure = failure.get(message.to_number)
        if failure is not None:
            raise failure
        self.sent.append(entry)
        return f"recorded-{message.pk}"

    def find(self, message: Message, *, since: datetime, until: datetime) -> list[Report]:
        if self.unavailable:
            raise self.unavailable
        self.asked.append((message.to_number, since, until))
        return self.listed

    def fetch(self, sid: str) -> Report | None:
        if self.unavailable:
            raise self.unavailable
        return self.fetched.get(sid)
