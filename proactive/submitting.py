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
from enum import Enum
from queue import Empty, SimpleQueue
from threading import Lock
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
# Of a provider that answers faster than this, the next texts are kept at hand.
QUICK_SECONDS = 0.5
# A provider that answers nothing may take nothing: no more texts than this become unknown in a row
# before everybody waits, for each of them costs a person's judgement and is never resent by itself.
MOST_UNKNOWN = 5

logger = logging.getLogger(__name__)


class HeldUp(Exception):
    """It was marked and not submitted, and goes back to the queue; the text says why."""


@dataclass
class Flight:
    """One submission: `sender` as it stood before, and the answer, a SID or what went wrong."""

    message: Message
    sender: Sender
    answer: str | SmsError | HeldUp = field(
        default_factory=lambda: SmsError(Outcome.UNKNOWN, "it was cut short")
    )


class Closed(Enum):
    """Why nothing more is submitted."""

    TAKES_NOTHING = "the provider takes nothing at the moment"
    IN_TROUBLE = "the provider leaves open whether it takes anything"


def most_at_once() -> int:
    """How many submissions a process keeps under way; a console has nothing to wait for."""
    return 1 if settings.SMS_GATEWAY == "console" else settings.SMS_IN_FLIGHT


class Line:
    """Room for `slots` submissions at once, and for some that wait for the next free slot.

    It closes for good as soon as an answer says that others would fare no better: what waits in it
    then comes back as HeldUp. `under_way` counts whatever has not come back.
    """

    def __init__(self, gateway: Gateway, *, slots: int, clock: Callable[[], datetime]) -> None:
        self.under_way = 0
        self.closed: Closed | None = None
        self._slots = slots
        # A slot that waits for the database stands idle: as many as land meanwhile are at hand.
        self._ahead = slots // 2
        self._gateway = gateway
        self._clock = clock
        self._landed: SimpleQueue[Flight] = SimpleQueue()
        self._landing = Lock()
        self._unknown_in_a_row = 0
        self._is_answering = False
        self._is_quick = False
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

    def room(self) -> int:
        """How many more may be marked and submitted.

        While the provider has answered nothing yet, or leaves open what it takes, only as many as
        may become unknown in a row; while it is slow none that would have to wait here.
        """
        most = self._slots + (self._ahead if self._is_quick else 0)
        if self._unknown_in_a_row or not self._is_answering:
            most = min(self._slots, MOST_UNKNOWN - self._unknown_in_a_row)
        return 0 if self.closed else max(0, most - self.under_way)

    def submit(self, flight: Flight, *, turn: datetime | None = None) -> None:
        """As soon as a slot is free and `turn` has come, which must be near."""
        if self._threads:
            self.under_way += 1
            self._threads.submit(self._fly, flight, turn)
        else:
            self._fly(flight, turn)
            self.under_way += 1

    def landed(self, *, within: float) -> list[Flight]:
        """Those that came back, in that order.

        Waits for so many seconds at most, but no longer than until the next ones are needed.
        """
        flights: list[Flight] = []
        enough = max(1, min(self._ahead // 2, self.under_way))
        ends = time.monotonic() + within
        try:
            while True:
                left = ends - time.monotonic() if len(flights) < enough else 0
                flights.append(self._landed.get(block=left > 0, timeout=max(left, 0)))
        except Empty:
            self.under_way -= len(flights)
        return flights

    def _fly(self, flight: Flight, turn: datetime | None) -> None:
        if turn:
            # Near by any clock that was not set back meanwhile.
            time.sleep(min(max(turn - self._clock(), timedelta()), CLOSELY).total_seconds())
        began = time.monotonic()
        try:
            if self.closed:
                raise HeldUp("others that were submitted before were not taken")
            flight.answer = hand_over(flight.message, self._gateway, self._clock())
        except (SmsError, HeldUp) as error:
            flight.answer = error
        except Exception as error:
            # A gateway that breaks may have broken after the text had left.
            logger.exception("message %s: the gateway broke", flight.message.pk)
            flight.answer = SmsError(Outcome.UNKNOWN, f"the gateway broke: {type(error).__name__}")
        finally:
            # Whatever ends a thread: nobody must wait for it for ever.
            with self._landing:
                self._is_quick = time.monotonic() - began < QUICK_SECONDS
                self._learn(flight.answer)
                self._landed.put(flight)

    def _learn(self, answer: str | SmsError | HeldUp) -> None:
        """What an answer means for those that come next."""
        outcome = answer.outcome if isinstance(answer, SmsError) else None
        if outcome is Outcome.UNKNOWN:
            self._unknown_in_a_row += 1
            if self._unknown_in_a_row == MOST_UNKNOWN:
                self.closed = self.closed or Closed.IN_TROUBLE
        elif isinstance(answer, HeldUp) or outcome in (Outcome.BUSY, Outcome.MISCONFIGURED):
            self.closed = self.closed or Closed.TAKES_NOTHING
        else:
            self._is_answering = True
            self._unknown_in_a_row = 0


def hand_over(message: Message, gateway: Gateway, now: datetime) -> str:
    """Submit a marked text; the provider's SID. Raises SmsError, HeldUp, or what `gateway` does."""
    assert message.attempt_started_at is not None  # it is marked
    if now - message.attempt_started_at > LONGEST_HOLD:
        # This process was frozen, or the provider has slowed down: what was asked may be untrue.
        raise HeldUp("held up before it was submitted")
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
