"""A world around a system that only writes down what it is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proactive.simulation import engine
from proactive.simulation.clock import Clock
from proactive.simulation.engine import World
from proactive.simulation.faults import Faults, Rates, Span, Step
from proactive.simulation.happenings import Happening, Kind, Person
from proactive.simulation.spec import Spec

STARTS = datetime(2026, 9, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NONE = Faults()
SPEC = Spec(seed=3, people=1, days=1, starts=STARTS, tick_minutes=60)
PERSON = Person(1, "+14155550001", "America/Chicago", {})


class Notebook:
    """A System that sends nothing."""

    def __init__(self, *, clock, provider) -> None:
        self.clock = clock
        self.provider = provider
        self.ticks: list[datetime] = []
        self.clocks: list[datetime] = []
        self.happened: list[tuple[datetime, Kind]] = []
        self.switched: list[tuple[str, bool]] = []
        self.waiting_until = STARTS

    def begin(self, people: list[Person]) -> None:
        self.began_with = people

    def happen(self, person: Person, happening: Happening) -> None:
        self.happened.append((self.clock.true, happening.kind))

    def tick(self) -> None:
        self.ticks.append(self.clock.true)
        self.clocks.append(self.clock.now())

    def is_waiting(self) -> bool:
        return self.clock.true < self.waiting_until

    def report(self, message_id: str, report: Any) -> None: ...

    def staff(self) -> None: ...

    def switch(self, name: str, *, on: bool) -> None:
        self.switched.append((name, on))

    def look(self, log: Any) -> None: ...


@pytest.fixture
def world(monkeypatch):
    """Builds a world in which exactly these things happen to PERSON, on its own accord."""

    def build(faults: Faults = NONE, happenings: tuple[Happening, ...] = (), **spec: Any):
        monkeypatch.setattr(engine, "happenings", lambda person, spec: iter(happenings))
        made = World(
            replace(SPEC, **spec),
            clock=Clock(STARTS),
            faults=faults,
            people=[PERSON],
            make_system=Notebook,
        )
        return made, made.system

    return build


def at(hours: float) -> datetime:
    return STARTS + hours * HOUR


def happening(hours: float, kind: Kind, **data: Any) -> Happening:
    return Happening(at(hours), PERSON.key, kind, data)


def test_the_beat_comes_as_often_as_it_is_said_to(world):
    lived, system = world()
    lived.run()

    assert system.ticks == [at(hour) for hour in range(24)]


def test_while_there_is_more_to_send_it_comes_every_minute(world):
    lived, system = world()
    write_down = system.tick

    def send_one() -> None:
        write_down()
        key = f"text {len(system.ticks)}"
        lived.provider.send_plain(PERSON, cadence="wellness", stage=None, occasion=None, key=key)

    system.tick = send_one
    system.waiting_until = STARTS + timedelta(minutes=2.5)
    lived.run()

    minutes = [(tick - STARTS) // timedelta(minutes=1) for tick in system.ticks]
    assert minutes == [0, 1, 2, 3, *(60 * hour for hour in range(1, 24))]


def test_what_waits_for_something_else_does_not_hurry_the_beat(world):
    lived, system = world()
    system.waiting_until = at(24)
    lived.run()

    assert system.ticks == [at(hour) for hour in range(24)]


def test_in_an_outage_no_beat_comes(world):
    lived, system = world(Faults(outages=(Span(at(3), at(20.5)),)))
    log = lived.run()

    assert system.ticks == [at(hour) for hour in (0, 1, 2, 21, 22, 23)]
    assert log.faults["missed beat"] == 18


def test_doubled_beats_come_twice(world):
    lived, system = world(Faults(Rates(doubled=1.0)))
    lived.run()

    assert system.ticks == [at(hour) for hour in range(24) for _ in range(2)]


def test_workers_go_by_a_clock_that_is_stepped(world):
    ahead = timedelta(seconds=60)
    lived, system = world(Faults(steps=(Step(at(5), ahead), Step(at(7), timedelta()))))
    lived.run()

    assert [clock - true for clock, true in zip(system.clocks, system.ticks, strict=True)] == [
        ahead if 5 <= hour < 7 else timedelta() for hour in range(24)
    ]


def test_what_happens_to_people_is_taken_in_and_noted_in_order(world):
    lived, system = world(
        happenings=(happening(2, Kind.CRISIS), happening(1, Kind.TEXT, body="hello"))
    )
    log = lived.run()

    assert system.happened == [(at(1), Kind.TEXT), (at(2), Kind.CRISIS)]
    assert [(one.at, one.acknowledged) for one in log.happened] == [(at(1), True), (at(2), True)]


def test_a_text_is_lost_while_the_site_is_down_and_whoever_enters_something_waits(world):
    lived, system = world(
        Faults(deaf=(Span(at(0.5), at(3)),)),
        (happening(1, Kind.TEXT, body="hello"), happening(2, Kind.CRISIS)),
    )
    log = lived.run()

    assert system.happened == [(at(2), Kind.CRISIS)]
    assert [one.acknowledged for one in log.happened] == [False, True]


def test_the_provider_heeds_a_stop_that_we_did_not_hear(world):
    lived, _ = world(Faults(deaf=(Span(at(0.5), at(3)),)), (happening(1, Kind.TEXT, body="STOP"),))
    lived.run()

    assert lived.provider.stopped == {PERSON.number}


def test_a_dead_number_writes_no_more(world):
    lived, system = world(
        happenings=(happening(1, Kind.NUMBER_DIES), happening(2, Kind.TEXT, body="hello"))
    )
    lived.run()

    assert system.happened == []
    assert lived.provider.dead == {PERSON.number}


def test_switches_are_put_off_and_on_again(world):
    lived, system = world(Faults(switched_off=(("wellness", Span(at(2), at(4))),)))
    lived.run()

    assert system.switched == [("wellness", False), ("wellness", True)]


def test_an_answer_to_a_text_comes_at_its_time(world, monkeypatch):
    lived, system = world()
    reply = happening(9, Kind.TEXT, body="better today")
    monkeypatch.setattr(engine, "answer", lambda person, spec, *, nth, at: reply)

    def send_once() -> None:
        if not lived.log.accepted:
            lived.provider.send_plain(
                PERSON, cadence="wellness", stage=None, occasion=None, key="a"
            )

    system.tick = send_once
    lived.run()

    assert system.happened == [(at(9), Kind.TEXT)]
