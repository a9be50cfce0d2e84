"""A world: people, a provider and a system that looks after them, from one seed through time.

Everything that is to happen stands in one queue, ordered by time. While a submission is on its way
the queue goes on, as everybody else does then.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random

from django.db import connection

from proactive.simulation.answers import answer
from proactive.simulation.breaking import Breaker, Crash, where
from proactive.simulation.clock import Clock
from proactive.simulation.faults import Faults
from proactive.simulation.happenings import PROVIDER_STOPS, START, Happening, Kind, Person
from proactive.simulation.lives import happenings
from proactive.simulation.log import Happened, Log
from proactive.simulation.provider import Provider
from proactive.simulation.spec import Spec
from proactive.simulation.system import System
from proactive.sms.gateway import Report

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# Where in a beat it breaks: most beats ask some tens of statements, one that sends some hundreds.
FIRST_STATEMENTS = 40
MORE_STATEMENTS = 600
# A happening that broke on its way is reported once more; a text is not, as the provider has it.
AGAIN_AFTER = 10 * MINUTE
LOOK_EVERY = 3 * HOUR

Act = Callable[[], None]


class World:
    """`make_system(clock=, provider=)` builds the system that looks after `people`."""

    def __init__(
        self,
        spec: Spec,
        *,
        clock: Clock,
        faults: Faults,
        people: list[Person],
        make_system: Callable[..., System],
    ) -> None:
        self.spec = spec
        self.clock = clock
        self.faults = faults
        self.people = {person.key: person for person in people}
        self.log = Log(outages=[(span.begins, span.ends) for span in faults.outages])
        self.provider = Provider(
            seed=spec.seed,
            clock=clock,
            faults=faults,
            log=self.log,
            people={person.number: person for person in people},
            tell=self._tell_later,
            delivered=self._delivered,
            meanwhile=self._meanwhile,
        )
        self.system = make_system(clock=clock, provider=self.provider)
        self._queue: list[tuple[datetime, int, Act]] = []
        self._order = count()
        self._ticks = 0
        self._depth = 0
        self._breakers: list[Breaker] = []
        self._beats_let_in = 0
        self._received: dict[int, int] = {}

    def run(self, on_progress: Callable[[float], None] = lambda share: None) -> Log:
        """Live from the beginning to the end of the specification."""
        self.system.begin([one for one in self.people.values() if one.is_there])
        for happening in self._all_happenings():
            self._at(happening.at, self._happening(happening))
        for step in self.faults.steps:
            self._at(step.at, self._step(step.skew))
        for name, span in self.faults.switched_off:
            self._at(span.begins, self._put(name, on=False))
            self._at(span.ends, self._put(name, on=True))
        self._at(self.spec.starts, self._grid)
        self._at(self.spec.starts + 30 * MINUTE, self._staff)
        told = self.spec.starts
        while self._queue and self._queue[0][0] < self.spec.ends:
            self._next()
            if self.clock.true - told >= timedelta(hours=12):
                told = self.clock.true
                on_progress((told - self.spec.starts) / (self.spec.ends - self.spec.starts))
        return self.log

    def _all_happenings(self) -> Iterator[Happening]:
        for person in self.people.values():
            yield from happenings(person, self.spec)

    # --- The queue ---

    def _at(self, at: datetime, act: Act) -> None:
        heapq.heappush(self._queue, (at, next(self._order), act))

    def _next(self) -> None:
        at, _, act = heapq.heappop(self._queue)
        self.clock.move_to(at)
        act()

    def _meanwhile(self, random: Random) -> None:
        """A submission is on its way: what is due by now happens, sometimes another worker's beat.

        Never deeper than two workers beside the first.
        """
        if self._depth > 1:
            return
        self._depth += 1
        aside, self._breakers = self._breakers, []
        for breaker in aside:
            breaker.is_aside = True
        try:
            while self._queue and self._queue[0][0] <= self.clock.true:
                self._next()
            if random.random() < self.faults.rates.interleaved:
                self.log.faults["beat while a text was on its way"] += 1
                self.system.tick()
        finally:
            self._depth -= 1
            self._breakers = aside
            for breaker in aside:
                breaker.is_aside = False

    # --- The beat ---

    def _grid(self) -> None:
        every = timedelta(minutes=self.spec.tick_minutes)
        self._ticks += 1
        scheduled = self.spec.starts + self._ticks * every
        self._at(scheduled, self._grid)
        self._beat(f"{self._ticks}", until=scheduled)

    def _beat(self, name: str, *, until: datetime) -> None:
        """One beat, unless nobody is at work; another in a minute while there is more to send."""
        every = timedelta(minutes=self.spec.tick_minutes)
        now = self.clock.true
        if any(span.holds(now) for span in self.faults.outages):
            self.log.faults["missed beat"] += 1
            return
        random = Random(f"{self.spec.seed}/beat/{name}")
        sent_before = len(self.log.accepted)
        rates = self.faults.rates
        broken = self._breaking(random, rates.crash, rates.interleaved)
        if not broken:
            self.system.tick()
        if random.random() < rates.doubled:
            self.log.faults["doubled beat"] += 1
            self.system.tick()
            broken = True
        soon = self.clock.true + MINUTE
        # Where it sends nothing at the moment, another minute would not help either.
        is_sending = self._depth == 0 and len(self.log.accepted) > sent_before
        if is_sending and soon < until and self.system.is_waiting():
            self._at(soon, lambda: self._beat(f"{name}+", until=until))
        elif not broken and self._depth == 0 and (now - self.spec.starts) % LOOK_EVERY < every:
            self.system.look(self.log)

    def _breaking(self, random: Random, crash: float, interleaved: float) -> bool:
        """Run a beat that breaks, or that another gets into; False when this one is not to."""
        fate = random.random()
        most = random.choice((FIRST_STATEMENTS, MORE_STATEMENTS))
        statement = random.randint(1, most)
        if fate < crash:
            breaker = Breaker(crash_at=statement, before=random.random() < 0.5)
        elif fate < crash + interleaved:
            breaker = Breaker(let_in_at=statement, let_in=self._another_beat)
        else:
            return False
        self._run_broken(self.system.tick, breaker)
        return True

    def _another_beat(self) -> None:
        self.log.faults["beat inside a beat"] += 1
        self._beats_let_in += 1
        try:
            self.system.tick()
        finally:
            self._beats_let_in -= 1

    def _run_broken(self, act: Act, breaker: Breaker) -> bool:
        """Whether it broke."""
        self._breakers.append(breaker)
        try:
            with connection.execute_wrapper(breaker):
                act()
        except Crash as crash:
            self.log.faults["crash"] += 1
            self.log.faults[f"crash in {where(crash.__traceback__)}"] += 1
            # With its process its connection is gone, and whatever that had begun. Not while the
            # beat that let another in is in the midst of a statement: that would be its connection
            # too, and what had begun was rolled back on the way here.
            if not self._beats_let_in:
                connection.close()
            return True
        finally:
            self._breakers.remove(breaker)
        return False

    # --- What happens to people ---

    def _happening(self, happening: Happening, *, again: bool = False) -> Act:
        def happen() -> None:
            person = self.people[happening.person]
            if happening.kind is Kind.NUMBER_DIES:
                self.provider.dead.add(person.number)
                self._note(happening, acknowledged=True)
                return
            is_text = happening.kind is Kind.TEXT
            if is_text and person.number in self.provider.dead:
                return
            if is_text:
                self._provider_heeds(person, happening.data["body"])
            if not self._is_heard(happening):
                self._note(happening, acknowledged=False)
                return
            acknowledged = self._take_in(person, happening, again)
            self._note(happening, acknowledged=acknowledged)
            if not acknowledged and not is_text and not again:
                self._at(
                    self.clock.true + AGAIN_AFTER,
                    self._happening(happening, again=True),
                )

        return happen

    def _provider_heeds(self, person: Person, body: str) -> None:
        if body in PROVIDER_STOPS:
            self.provider.stopped.add(person.number)
        elif body == START:
            self.provider.stopped.discard(person.number)

    def _is_heard(self, happening: Happening) -> bool:
        if happening.kind is not Kind.TEXT:
            return True  # whoever enters it waits until the site is back
        if any(span.holds(self.clock.true) for span in self.faults.deaf):
            self.log.faults["text lost: the site was down"] += 1
            return False
        return True

    def _take_in(self, person: Person, happening: Happening, again: bool) -> bool:
        random = Random(f"{self.spec.seed}/taken in/{person.key}/{happening.at.isoformat()}")
        if again or random.random() >= self.faults.rates.webhook_crash:
            self.system.happen(person, happening)
            return True
        breaker = Breaker(crash_at=random.randint(1, 25), before=random.random() < 0.5)
        return not self._run_broken(lambda: self.system.happen(person, happening), breaker)

    def _note(self, happening: Happening, *, acknowledged: bool) -> None:
        self.log.happened.append(
            Happened(happening, self.clock.true, self.clock.now(), acknowledged)
        )

    def _delivered(self, person: Person, at: datetime) -> None:
        nth = self._received[person.key] = self._received.get(person.key, 0) + 1
        reply = answer(person, self.spec, nth=nth, at=at)
        if reply is not None:
            self._at(reply.at, self._happening(reply))

    # --- Reports, clocks, switches, staff ---

    def _tell_later(self, at: datetime, message_id: str, report: Report) -> None:
        def tell() -> None:
            if any(span.holds(self.clock.true) for span in self.faults.deaf):
                self.log.faults["report lost: the site was down"] += 1
                return
            random = Random(f"{self.spec.seed}/report/{report.sid}/{report.status}")
            if random.random() >= self.faults.rates.webhook_crash:
                self.system.report(message_id, report)
                return
            breaker = Breaker(crash_at=random.randint(1, 12), before=random.random() < 0.5)
            self._run_broken(lambda: self.system.report(message_id, report), breaker)

        self._at(at, tell)

    def _step(self, skew: timedelta) -> Act:
        def step() -> None:
            self.log.faults["clock step"] += 1
            self.clock.skew = skew

        return step

    def _put(self, name: str, *, on: bool) -> Act:
        def put() -> None:
            self.log.faults[f"{name} switched {'on' if on else 'off'}"] += 1
            self.system.switch(name, on=on)

        return put

    def _staff(self) -> None:
        self._at(self.clock.true + HOUR, self._staff)
        self.system.staff()
