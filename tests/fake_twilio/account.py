"""What the account holds: its texts, and whom it may not text."""

import secrets
import threading
from typing import Any

from tests.fake_twilio.texts import Text

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "fake-auth-token"
NUMBER = "+12025550100"


class Account:
    """Whoever reads and changes it in several steps holds its lock."""

    def __init__(self, sid: str, number: str) -> None:
        self.sid = sid
        self.number = number  # which its messaging services send from
        self.lock = threading.RLock()
        self.blocked: set[tuple[str, str]] = set()  # a number of ours, and a person who said STOP
        self._texts: dict[str, Text] = {}  # by SID, oldest first

    def keep(
        self, now: float, direction: str, sender: str, to: str, body: str, **facts: Any
    ) -> Text:
        """A new text, created `now`."""
        sid = f"SM{secrets.token_hex(16)}"
        text = Text(sid, direction, sender, to, body, created=now, updated=now, **facts)
        with self.lock:
            self._texts[sid] = text
        return text

    def get(self, sid: str) -> Text | None:
        return self._texts.get(sid)

    def newest_first(self) -> list[Text]:
        with self.lock:
            return list(reversed(self._texts.values()))

    def number_for(self, person: str) -> str:
        """The number of ours that this person knows."""
        for text in self.newest_first():
            if text.to == person:
                return text.sender
        return self.number
