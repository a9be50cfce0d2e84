"""Queued texts to the provider: ask again, mark, commit, submit, record; many at once.

There is never a transaction around the submission. Marked and committed first, a text is
submitted at most once: whoever finds it marked leaves it alone, and a crash in between ends as
`unknown`, which is looked into and never blindly sent again.

One race remains and is accepted: an opt-out that is committed after the mark and before the
submission meets a text that is already on its way. That takes milliseconds, and at most
LONGEST_HOLD: a worker that was held up for longer puts the text back.

A pass marks as many texts as it can submit at once, and records what has come back in between
(`marking`, `submitting`, `recording`).
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from proactive import pacing, recording, stopping
from proactive.garbage import loaded_stays
from proactive.marking import mark_next
from proactive.models import Message, Sender
from proactive.pacing import TooFarAway
from proactive.prepared import prepared
from proactive.recording import Result
from proactive.sms.gateway import get_gateway
from proactive.submitting import Closed, Flight, Line, most_at_once
from proactive.switches import Switchboard

IN_TROUBLE = Closed.IN_TROUBLE.value
TIME_IS_UP = "its time was up; the next pass goes on"
# An answer waits no longer than that until it is recorded, lest a crash makes it unknown.
RECORD_EVERY = 0.1
# So many ready texts are counted at once; which of them is next is asked for each batch.
COUNTED = 100


@dataclass
class Pass:
    """What one pass did: how many texts ended how, and why it stopped early, if it did."""

    results: Counter[str] = field(default_factory=Counter)
    stopped: str = ""


def deliver_queued(
    *, now: datetime | None = None, limit: int | None = None, budget: timedelta | None = None
) -> Pass:
    """Submit what is queued, most urgent first: at most `limit` texts, none after `budget`.

    `now` fixes the clock for a rehearsal, which then keeps to no pace. Otherwise it is read anew
    for each batch: a pass may still be under way when a window closes.
    """
    clock: Callable[[], datetime] = timezone.now if now is None else lambda: now
    # Before anything is marked: a gateway that cannot be built has taken nothing.
    gateway = get_gateway()
    with loaded_stays(), Line(gateway, slots=most_at_once(), clock=clock) as line:
        delivery = _Delivery(line, clock, limit=limit, budget=budget, rehearsal=now is not None)
        try:
            delivery.go_on()
        finally:
            # Also when it breaks: whatever has left is recorded.
            delivery.bring_home()
    return delivery.report


class _Delivery:
    """The state of one pass."""

    def __init__(
        self,
        line: Line,
        clock: Callable[[], datetime],
        *,
        limit: int | None,
        budget: timedelta | None,
        rehearsal: bool,
    ) -> None:
        self.report = Pass()
        self._line = line
        self._clock = clock
        self._limit = limit
        self._budget = budget
        self._keeps_pace = not rehearsal and pacing.is_kept()
        self._began = time.monotonic()
        self._tried = 0
        self._counted = 0  # so many were ready when they were counted, less those tried since
        self._turns: list[datetime] = []  # taken, and not used yet
        # Those that stay in the queue after an attempt wait for another pass, and must not hide
        # those behind them.
        self._aside: set[UUID] = set()

    def go_on(self) -> None:
        """Until nothing is left that is ready, or something stops it."""
        while not self.report.stopped:
            if self._limit is not None and self._tried >= self._limit:
                return
            at_most = self._line.room()
            has_begun = at_most and self._begin(at_most)
            if not has_begun and not self._line.under_way:
                return
            # While there is room nobody waits for those who are under way.
            self._record(within=0 if has_begun and self._line.room() else RECORD_EVERY)

    def bring_home(self) -> None:
        """Wait for those who are under way, and record what became of them."""
        failures: list[DatabaseError] = []
        while self._line.under_way:
            try:
                self._record(within=RECORD_EVERY)
            except DatabaseError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    # --- Begin ---

    def _begin(self, at_most: int) -> bool:
        """Mark and submit the next texts; False when none is ready, or when it has to stop."""
        at_most = min(at_most, self._ready())
        if self._limit is not None:
            at_most = min(at_most, self._limit - self._tried)
        if not at_most:
            return False
        patience = pacing.PATIENCE
        if self._budget is not None:
            patience = self._budget - timedelta(seconds=time.monotonic() - self._began)
            if patience < timedelta(0):
                self.report.stopped = TIME_IS_UP
                return False
        # Before anything is asked, so that what is asked is fresh when the texts are submitted.
        sender = pacing.load_sender()
        if self._keeps_pace and not self._turns:
            sender = self._wait_for_turns(sender, at_most, patience)
        if self.report.stopped:
            return False
        switchboard = Switchboard.load()
        self.report.stopped = _obstacle(switchboard, sender, self._clock())
        if self.report.stopped:
            return False
        marked = mark_next(
            at_most=min(at_most, len(self._turns)) if self._keeps_pace else at_most,
            leave_aside=self._aside,
            switchboard=switchboard,
            clock=self._clock,
        )
        self._tried += marked.taken_in_hand
        self._counted -= marked.taken_in_hand
        self._aside.update(marked.broken)
        self._count(Result.CANCELLED, marked.cancelled)
        self._count(Result.BROKEN, len(marked.broken))
        # Where nothing is submitted, the turn is the next text's.
        for message in marked.sending:
            turn = self._turns.pop(0) if self._keeps_pace else None
            self._line.submit(Flight(message, sender), turn=turn)
        if not marked.taken_in_hand:
            self._counted = 0  # others have taken them
        return bool(marked.taken_in_hand)

    def _ready(self) -> int:
        if self._counted <= 0:
            now = self._clock()
            if self._aside:
                ready = Message.objects.ready(now=now).exclude(pk__in=self._aside)
                self._counted = ready[:COUNTED].count()
            else:
                # Most passes find nothing, and then this is all that they ask.
                self._counted = len(_some_ready(now=now))
        return self._counted

    def _wait_for_turns(self, sender: Sender, at_most: int, patience: timedelta) -> Sender:
        """Take turns and wait until the first of them has come; the sender as it stands then."""
        now = self._clock()
        try:
            self._turns = pacing.take_turns(sender, now=now, patience=patience, at_most=at_most)
        except TooFarAway as far:
            self.report.stopped = str(far)
            return sender
        wait = (self._turns[0] - now).total_seconds()
        if wait <= 0:
            return sender
        ends = time.monotonic() + wait
        while (left := ends - time.monotonic()) > 0 and self._line.under_way:
            if stopping.asked() or self.report.stopped:
                return sender
            self._record(within=min(left, RECORD_EVERY))
        stopping.sleep(max(0.0, left))
        return pacing.load_sender()

    # --- Record ---

    def _record(self, *, within: float) -> None:
        """Those that have come back by now, or in so many seconds."""
        flights = self._line.landed(within=within)
        if not flights:
            return
        for flight, result in zip(flights, recording.record(flights, self._clock), strict=True):
            self._count(result)
            if result is Result.BROKEN:
                self._aside.add(flight.message.pk)
            if result is Result.SENT and flight.sender.busy_until:
                pacing.end_wait(flight.sender)
                flight.sender.busy_until = None  # all of its batch share it
        if self._line.closed and not self.report.stopped:
            self.report.stopped = self._line.closed.value
            if self._line.closed is Closed.IN_TROUBLE:
                at = self._clock()
                pacing.back_off(until=at + pacing.FIRST_RETRY, reason=IN_TROUBLE, now=at)

    def _count(self, result: Result, number: int = 1) -> None:
        if number:
            self.report.results[result] += number


@prepared
def _some_ready(*, now: datetime) -> QuerySet[Message, UUID]:
    return Message.objects.ready(now=now).values_list("pk", flat=True)[:COUNTED]


def _obstacle(switchboard: Switchboard, sender: Sender, now: datetime) -> str:
    """Why no text at all may go out; "" when the next ones may."""
    if stopping.asked():
        return "it was asked to stop"
    if not switchboard.everything.is_open(now):
        return switchboard.says(switchboard.everything.cadence, now)
    return pacing.busy_says(sender, now)
