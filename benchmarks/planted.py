"""Bugs planted on purpose, to show that the proof finds them. Each is the smallest of its kind.

`with BUGS["gate"](): ...`, or `plant("gate")` for the rest of a process, after `django.setup()`.
What a bug is says its docstring.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from proactive import marking, prepared, reconciliation, rules
from proactive.clocks import Window
from proactive.models import Message

Bug = Callable[[], AbstractContextManager[None]]


@contextmanager
def gate() -> Iterator[None]:
    """A `<` for the `<=` at the gate: exactly 24 hours after a text it is still closed."""
    right = rules.GATE_OPEN.condition

    def wrong(now: datetime) -> Q:
        before = Q(last_proactive_message_at__lt=now - rules.GATE)
        return Q(last_proactive_message_at__isnull=True) | before

    # Every cadence holds this very rule, in tuples that are made once.
    object.__setattr__(rules.GATE_OPEN, "condition", wrong)
    prepared.forget()
    try:
        yield
    finally:
        object.__setattr__(rules.GATE_OPEN, "condition", right)
        prepared.forget()


@contextmanager
def give_back() -> Iterator[None]:
    """A stage whose text was cancelled is not given back: the counter says it was dealt with."""
    users: tuple[Any, ...] = (marking, reconciliation)
    right = marking.give_back_stage

    def wrong(message: Message) -> None:
        pass

    for module in users:
        module.give_back_stage = wrong
    try:
        yield
    finally:
        for module in users:
            module.give_back_stage = right


@contextmanager
def offset() -> Iterator[None]:
    """Local time is told by the offset of the day before: an hour wrong when the clocks change."""
    right = Window.is_open

    def wrong(self: Window, places: list[ZoneInfo], now: datetime) -> bool:
        return bool(places) and all(
            self.opens <= (now + _offset_of_yesterday(now, zone)).hour < self.closes
            for zone in places
        )

    def one_by_one(now: datetime) -> list[list[ZoneInfo]]:
        return [[zone] for zone in rules._known_zones()]

    by_clock = rules._zones_by_clock
    Window.is_open = wrong  # type: ignore[method-assign]
    # Zones that show the same now were not all the same yesterday.
    rules._zones_by_clock = one_by_one  # type: ignore[assignment]
    rules._open_places.cache_clear()
    try:
        yield
    finally:
        Window.is_open = right  # type: ignore[method-assign]
        rules._zones_by_clock = by_clock
        rules._open_places.cache_clear()


def _offset_of_yesterday(now: datetime, zone: ZoneInfo) -> timedelta:
    """For `now` in UTC."""
    found = (now - timedelta(days=1)).astimezone(zone).utcoffset()
    assert found is not None
    return found


BUGS: dict[str, Bug] = {"gate": gate, "give-back": give_back, "offset": offset}

# A generator that nobody holds is closed, and would take its bug away with it.
_planted: list[AbstractContextManager[None]] = []


def plant(name: str) -> None:
    """Break this process for good. Raises KeyError for a bug that is not in BUGS."""
    bug = BUGS[name]()
    bug.__enter__()
    _planted.append(bug)
