"""Requests through Django's own handler, in rounds that are undone; what must not happen."""

import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections, transaction

from caregiving.wsgi import application
from tests.fuzzing import population
from tests.fuzzing.drawing import draw
from tests.fuzzing.requests import Request

# Different troubles, of which one of each is told.
MOST_VIOLATIONS = 5


@dataclass(frozen=True)
class Violation:
    """The last of `requests` did it; those before it are what had come in since `settle`."""

    what: str
    requests: list[Request]
    way: str
    details: str = ""


@dataclass
class Tally:
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    violations: dict[str, Violation] = field(default_factory=dict)
    slowest: tuple[float, str] = (0.0, "")

    @property
    def fired(self) -> int:
        return self.answers.total()

    def add(self, violation: Violation) -> None:
        self.violations.setdefault(violation.what, violation)

    @property
    def is_full(self) -> bool:
        return len(self.violations) >= MOST_VIOLATIONS


def fire(random: Random, count: int, tally: Tally) -> Iterator[int]:
    """`count` requests on the settled population; yields how many were fired, now and then."""
    until = tally.fired + count
    while tally.fired < until and not tally.is_full:
        with _undone():
            _round(random, until, tally)
        yield tally.fired


def replay(requests: list[Request]) -> Iterator[tuple[Request, int, bool]]:
    """Each with the status of its answer, and whether it changed anything."""
    with _undone():
        for request in requests:
            before = population.fingerprint()
            status, _ = answer(request)
            yield request, status, population.fingerprint() != before


def answer(request: Request) -> tuple[int, str]:
    """The status, and the traceback where there was one."""
    raised: list[str] = []
    started: list[str] = []

    def remember(**_: Any) -> None:
        raised.append(traceback.format_exc())

    def start(status: str, headers: Any, exc_info: Any = None) -> None:
        started.append(status)

    got_request_exception.connect(remember)
    try:
        response = application(request.environ(), start)
        b"".join(response)
        response.close()
    except Exception:
        # The server would answer in our place.
        return 500, traceback.format_exc()
    finally:
        got_request_exception.disconnect(remember)
    return int(started[0].split()[0]), "".join(raised)


def _round(random: Random, until: int, tally: Tally) -> None:
    """Forged and signed ones by turns, on one population."""
    before = population.rows()
    fired: list[Request] = []
    for _ in range(random.randrange(2, 8)):
        signed = random.random() < 0.45
        size = min(
            random.randrange(1, 20) if signed else random.randrange(5, 60), until - tally.fired
        )
        batch = [
            draw(random, signed=signed, numbers=population.NUMBERS, texts=population.TEXTS)
            for _ in range(size)
        ]
        point = transaction.savepoint()
        fingerprint = "" if signed else population.fingerprint()
        for request in batch:
            _fire_one(request, tally, fired)
            fired.append(request)
        if not signed and population.fingerprint() != fingerprint:
            transaction.savepoint_rollback(point)
            tally.add(_culprit(batch, fired[: len(fired) - len(batch)]))
    tally.created += population.rows() - before


def _fire_one(request: Request, tally: Tally, fired: list[Request]) -> None:
    started = time.perf_counter()
    status, raised = answer(request)
    tally.slowest = max(tally.slowest, (time.perf_counter() - started, request.kind))
    tally.answers[request.kind, str(status)] += 1
    if status >= 500:
        last_line = raised.strip().rpartition("\n")[2]
        what = f"answered {status}: {last_line[:160]}"
        tally.add(Violation(what, [*fired, request], "handler", raised))
    elif status < 300 and not request.signed:
        what = f"answered {status} to a forgery: {request.kind}"
        tally.add(Violation(what, [*fired, request], "handler"))


def _culprit(batch: list[Request], before: list[Request]) -> Violation:
    """The first of a forged batch that changes something, when each is looked at by itself."""
    fired = list(before)
    for request in batch:
        fingerprint = population.fingerprint()
        answer(request)
        fired.append(request)
        if population.fingerprint() != fingerprint:
            return Violation(f"changed by a forgery: {request.kind}", fired, "handler")
    return Violation("changed by forgeries, but not again one by one", fired, "handler")


@contextmanager
def _undone() -> Iterator[None]:
    ends = (request_started, request_finished)
    for signal in ends:
        # A request would take the open transaction for a connection left in disorder.
        signal.disconnect(close_old_connections)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        for signal in ends:
            signal.connect(close_old_connections)
