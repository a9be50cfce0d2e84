"""The texts of a demonstration, as they scroll by on the terminal, numbers masked."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TEXTS_SHOWN = 5
PER_SECONDS = 15


def read_worker_log(line: str) -> Iterator[str]:
    """What the console gateway printed into the worker's log."""
    if match := re.search(r"SMS to (\+\d+): (.*)", line):
        yield f"SMS to {_masked(match[1])}: {match[2]}"


def read_twilio_log(line: str) -> Iterator[str]:
    """What the fake Twilio took, and what people wrote to it."""
    entry = json.loads(line)
    params = entry["params"]
    if entry["event"] == "create" and entry["outcome"] == "accepted":
        yield f"SMS to {_masked(params['To'])}: {_one_line(params['Body'])}"
    if entry["event"] == "inbound":
        person = _masked(params["From"])
        yield f"SMS from {person}: {_one_line(params['Body'])}"
        if entry["outcome"] == "reply":
            yield f"SMS to {person}: {_one_line(entry['reply'])}"


class Texts:
    """Prints the texts in a log as they come.

    A sweep of thousands must not scroll the screen away: some are shown, the others counted.
    """

    def __init__(self, log: Path, read: Callable[[str], Iterator[str]]) -> None:
        self._log = log
        self._read = read
        self._position = 0
        self._since = 0.0
        self._shown = self._hidden = 0

    def show_new(self) -> None:
        if time.monotonic() - self._since > PER_SECONDS:
            if self._hidden:
                print(f"... and {self._hidden} more", flush=True)
            self._since = time.monotonic()
            self._shown = self._hidden = 0
        for text in self._new():
            if self._shown < TEXTS_SHOWN:
                print(text, flush=True)
                self._shown += 1
            else:
                self._hidden += 1

    def _new(self) -> Iterator[str]:
        with self._log.open("rb") as log:
            log.seek(self._position)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._position += len(line)
                yield from self._read(line.decode(errors="replace"))


def _masked(number: str) -> str:
    return f"{number[:5]}***{number[-4:]}"


def _one_line(words: str) -> str:
    # Whoever texts could otherwise draw on the terminal.
    return "".join(sign if sign.isprintable() else " " for sign in words)
