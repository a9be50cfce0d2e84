"""Marked texts on their way to the provider, several at once, and back with its answers.

Threads do nothing but submit, and wait for their turn in the pace: whatever touches the database
is done by whoever called. With one text at a time there is no thread, and no order but one.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from django.conf import settings

from proactive import clocks
from proactive.marking import declaration
from proactive.models import Message, Sender
from proactive.pacing import CLOSELY
from proactive.sms.gateway import Gateway, Outcome, SmsError

# Nothing may wait at the carrier until it arrives at night, or when its words no longer fit.
MAX_VALIDITY = timedelta(minutes=15)
# From the mark to the submission: so long what was asked may be taken as still true.
LONGEST_HOLD = timedelta(seconds=2)

logger = logging.getLogger(__name__)


class HeldUp(Exception):
    """Too long after the mark: what was asked may no longer be true. Nothing has left."""


@dataclass
class Flight:
    """One submission: `sender` as it stood before, and the answer, a SID or what went wrong."""

    message: Message
    sender: Sender
    answer: str | SmsError | HeldUp = field(
        default_factory=lambda: SmsError(Outcome.UNKNOWN, "it was cut short")
    )


def most_at_once() -> int:
    """How many submissions a process keeps under way; a console has nothing to wait for."""
    return 1 if settings.SMS_GATEWAY == "console" else settings.SMS_IN_FLIGHT


class Line:
    """Room for `slots` submissions at once, each of which begins at once."""

    def __init__(self, gateway: Gateway, *, slots: int, clock: Callable[[], datetime]) -> None:
        self.slots = slots
        self.under_way = 0
        self._gateway = gateway
        self._clock = clock
        self._landed: SimpleQueue[Flight] = SimpleQueue()
        self._threads = (
            ThreadPoolExecutor(slots, thread_name_prefix="submitting") if slots > 1 else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._threads:
            self._threads.shutdown()

    def submit(self, flight: Flight, *, turn: datetime | None = None) -> None:
        """Expects a free slot, or the text would wait for one; `turn` must be near."""
        if self._threads:
            self.under_way += 1
            self._threads.submit(self._fly, flight, turn)
        else:
            self._fly(flight, turn)
            self.under_way += 1

    def landed(self, *, within: float) -> list[Flight]:
        """Those that came back, in that order; waits for the first for at most so many seconds."""
        flights = []
        try:
            flights.append(self._landed.get(block=within > 0, timeout=within))
            while True:
                flights.append(self._landed.get_nowait())
        except Empty:
            self.under_way -= len(flights)
        return flights

    def _fly(self, flight: Flight, turn: datetime | None) -> None:
        if turn:
            # Near by any clock that was not set back meanwhile.
            time.sleep(min(max(turn - self._clock(), timedelta()), CLOSELY).total_seconds())
        try:
            flight.answer = hand_over(flight.message, self._gateway, self._clock())
        except (SmsError, HeldUp) as error:
            flight.answer = error
        except Exception as error:
            # A gateway that breaks may have broken after the text had left.
            logger.exception("message %s: the gateway broke", flight.message.pk)
            flight.answer = SmsError(Outcome.UNKNOWN, f"the gateway broke: {type(error).__name__}")
        finally:
            # Whatever ends a thread: nobody must wait for it for ever.
            self._landed.put(flight)


def hand_over(message: Message, gateway: Gateway, now: datetime) -> str:
    """Submit a marked text; the provider's SID. Raises SmsError, HeldUp, or what `gateway` does."""
    assert message.attempt_started_at is not None  # it is marked
    if now - message.attempt_started_at > LONGEST_HOLD:
        raise HeldUp
    return gateway.send(message, validity=_validity(message, now))


def _validity(message: Message, now: datetime) -> timedelta:
    """How long the carrier may hold the text: 15 minutes, or less.

    Less when the window closes before, or the stage's late limit passes.
    """
    found = declaration(message)
    assert found is not None  # asked when it was marked
    cadence, step = found
    ends = [
        now + MAX_VALIDITY,
        cadence.window.closing(clocks.places(message.caregiver), now),
    ]
    if message.occasion is not None and step.limit is not None:
        ends.append(message.occasion + step.limit)
    return max(min(ends) - now, timedelta(seconds=1))
