"""Calls a web server as fast as it answers, over connections that stay open.

One thread and bytes that were prepared before: on a machine with few processors whoever measures
must not take the time that is measured.
"""

import selectors
import socket
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE = 30.0  # seconds


class Caller:
    """Calls the server at the Unix socket `address` over so many `connections` at once."""

    def __init__(self, address: Path, connections: int) -> None:
        self._address = address
        self._connections = connections

    def rate(self, requests: Sequence[bytes]) -> float:
        """Answers a second; `requests` are written as they are, one after the other answered.

        Raises RuntimeError for an answer other than 200 and OSError where no server is.
        """
        waiting = iter(requests)
        callers = [self._connect() for _ in range(min(self._connections, len(requests)))]
        selector = selectors.DefaultSelector()
        began = time.perf_counter()
        for one in callers:
            selector.register(one, selectors.EVENT_READ, one)
            one.sendall(next(waiting))
        answered = 0
        while answered < len(requests):
            ready = selector.select(PATIENCE)
            if not ready:
                raise RuntimeError(f"no answer for {PATIENCE} seconds")
            for key, _ in ready:
                connection: socket.socket = key.data
                _take_answer(connection)
                answered += 1
                if (request := next(waiting, None)) is not None:
                    connection.sendall(request)
        seconds = time.perf_counter() - began
        for one in callers:
            one.close()
        return len(requests) / seconds

    def _connect(self) -> socket.socket:
        last = time.monotonic() + PATIENCE
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._address))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                if time.monotonic() > last:
                    raise
                time.sleep(0.1)  # it is still starting


def _take_answer(connection: socket.socket) -> None:
    """Read one answer, which has no content: it ends with its head."""
    answer = connection.recv(4096)
    while not answer.endswith(b"\r\n\r\n"):
        piece = connection.recv(4096)
        if not piece:
            break
        answer += piece
    if not answer.startswith(b"HTTP/1.1 200 ") or b"Content-Length: 0" not in answer:
        raise RuntimeError(f"a call was answered with {answer[:500]!r}")
