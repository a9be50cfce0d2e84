"""The fake's clock, and its log on disk, which survives whatever reads it."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Clock:
    """The real time, moved by the seconds in the first line of a file, which may change."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._offset = 0.0

    def time(self) -> float:
        """Seconds since 1970."""
        if self._path:
            try:
                self._offset = float(self._path.read_text().partition("\n")[0])
            except FileNotFoundError:
                self._offset = 0.0
            except ValueError:
                pass  # being written at this moment: it stays as it was
        return time.time() + self._offset


class Journal:
    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.entries: list[dict[str, Any]] = []  # those of this run
        self._file = path.open("a", encoding="utf-8") if path else None
        self._clock = clock
        self._lock = threading.Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Returns when the entry is on disk."""
        with self._lock:
            now = self._clock.time()
            at = datetime.fromtimestamp(now, UTC).isoformat()
            # `real`: so that what happened soon after what can be told while the clock moves.
            entry = {"event": event, "at": at, "time": now, "real": time.time(), **facts}
            self.entries.append(entry)
            if self._file:
                self._file.write(json.dumps(entry) + "\n")
                self._file.flush()
                os.fsync(self._file.fileno())

    def of(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in list(self.entries) if entry["event"] == event]

    def close(self) -> None:
        if self._file:
            self._file.close()
