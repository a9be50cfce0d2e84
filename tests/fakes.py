"""What stands in for the outside world inside a test's own process."""

from datetime import timedelta
from typing import Any

from proactive.models import Message


class RecordingGateway:
    """Keeps what was handed over in `sent`.

    `fails_with` makes it raise instead: one exception for every number, or a dict of exceptions
    by number. `tried` also has those that failed.
    """

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.tried: list[dict[str, Any]] = []
        self.fails_with: Exception | dict[str, Exception] | None = None

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
