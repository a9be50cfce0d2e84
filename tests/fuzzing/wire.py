"""Raw bytes over sockets to a real gunicorn: whole requests, and mangled as no client would."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from tests.fuzzing import population
from tests.fuzzing.firing import Tally, Violation
from tests.fuzzing.mangling import draw_mangled
from tests.fuzzing.requests import SHARED_KEY, Request
from tests.proactive.calling import BASE, TOKEN

ROOT = Path(__file__).resolve().parent.parent.parent
AT_ONCE = 4
FORGED_BATCH, SIGNED_BATCH = 40, 15
# Longer than gunicorn waits for anything but a worker that hangs.
PATIENCE_SECONDS = 20
_STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3})", re.MULTILINE)

Address = tuple[str, int]


@contextmanager
def gunicorn(database_url: str, folder: Path) -> Iterator[Address]:
    """The web server as it is deployed, on a free port; its log is `gunicorn.log`."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
        (folder / "gunicorn.log").open("wb") as log,
    ):
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "caregiving.wsgi", "--workers", "2"),
                *("--threads", "4", "--bind", f"fd://{listener.fileno()}"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "caregiving.settings",
                "DATABASE_URL": database_url,
                "DEBUG": "false",
                "PUBLIC_BASE_URL": BASE,
                "PROXY_COUNT": "1",
                "TWILIO_AUTH_TOKEN": TOKEN,
                "TWILIO_WEBHOOK_KEY": SHARED_KEY,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        address: Address = listener.getsockname()
        try:
            if not is_healthy(address):
                raise SystemExit(f"gunicorn does not answer; see {log.name}")
            yield address
        finally:
            server.terminate()
            server.wait(timeout=60)


def is_healthy(address: Address) -> bool:
    ask = b"GET /health/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return exchange(address, Request(ask, "health", False)) == ["200"]


def fire(random: Random, count: int, address: Address, tally: Tally) -> Iterator[int]:
    """`count` connections, forged and signed ones by turns; yields how many were made."""
    until = tally.fired + count
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while tally.fired < until and not tally.is_full:
            population.settle()
            before = population.rows()
            fingerprint = population.fingerprint()
            forged = draw_mangled(random, min(FORGED_BATCH, until - tally.fired), signed=False)
            answers = list(threads.map(lambda one: exchange(address, one), forged))
            if population.fingerprint() != fingerprint:
                tally.add(_culprit(address, forged))
            signed = draw_mangled(
                random, min(SIGNED_BATCH, until - tally.fired - len(forged)), signed=True
            )
            answers += threads.map(lambda one: exchange(address, one), signed)
            for request, statuses in zip([*forged, *signed], answers, strict=True):
                _note(request, statuses, tally)
            tally.created += population.rows() - before
            yield tally.fired


def replay(address: Address, requests: list[Request]) -> Iterator[tuple[Request, str, bool]]:
    """Each with the statuses that came back, and whether it changed anything."""
    population.settle()
    for request in requests:
        before = population.fingerprint()
        statuses = exchange(address, request)
        yield request, " ".join(statuses), population.fingerprint() != before


def exchange(address: Address, request: Request) -> list[str]:
    """The statuses of all answers on one connection, or what became of it."""
    received = b""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        try:
            for piece in _pieces(request):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            return ["hangs"]
        except OSError:
            # It hung up on us, which it may; what it had said before counts.
            with suppress(OSError):
                received += connection.recv(65536)
    return [status.decode() for status in _STATUS_LINE.findall(received)] or ["closed"]


def _pieces(request: Request) -> Iterator[bytes]:
    if not request.kind.startswith("wire: slow"):
        yield request.raw
        return
    size = len(request.raw) // 5 + 1
    for start in range(0, len(request.raw), size):
        yield request.raw[start : start + size]
        time.sleep(0.03)


def _note(request: Request, statuses: list[str], tally: Tally) -> None:
    for status in statuses:
        tally.answers[request.kind, status] += 1
        # 501 is the right answer to a transfer coding that does not exist.
        if status == "hangs" or (status[0] == "5" and status != "501"):
            tally.add(Violation(f"answered {status}: {request.kind}", [request], "wire"))
        elif status[0] == "2" and not request.signed:
            tally.add(Violation(f"answered {status} to {request.kind}", [request], "wire"))


def _culprit(address: Address, forged: list[Request]) -> Violation:
    for request, _, changed in replay(address, forged):
        if changed:
            return Violation(f"changed by {request.kind}", [request], "wire")
    return Violation("changed by forgeries, but not again one by one", forged, "wire")
