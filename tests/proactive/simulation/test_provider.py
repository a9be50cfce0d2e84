"""The provider of a world."""

from datetime import UTC, datetime, timedelta

import pytest

from proactive.models import Message
from proactive.simulation.clock import Clock
from proactive.simulation.faults import Faults, Rates, Span
from proactive.simulation.happenings import Person
from proactive.simulation.log import Log
from proactive.simulation.provider import Provider
from proactive.sms.gateway import Outcome, Report, SmsError

STARTS = datetime(2026, 9, 1, 12, tzinfo=UTC)
EVEN, ODD = Person(2, "+14155550002", "America/Chicago", {}), Person(3, "+14155550003", "", {})
MINUTE = timedelta(minutes=1)
NONE = Faults()


class Stage:
    """A provider with everything that it asks of its world."""

    def __init__(self, faults: Faults = NONE, meanwhile=lambda random: None) -> None:
        self.clock = Clock(STARTS)
        self.log = Log()
        self.told: list[tuple[datetime, str, Report]] = []
        self.received: list[Person] = []
        self.provider = Provider(
            seed=1,
            clock=self.clock,
            faults=faults,
            log=self.log,
            people={person.number: person for person in (EVEN, ODD)},
            tell=lambda *report: self.told.append(report),
            delivered=lambda person, at: self.received.append(person),
            meanwhile=meanwhile,
        )

    def send(self, person: Person = EVEN, body: str = "How are you?") -> tuple[Message, str]:
        message = Message(to_number=person.number, cadence="wellness", tier="high", body=body)
        return message, self.provider.send(message, validity=15 * MINUTE)

    def fails(self, person: Person = EVEN) -> SmsError:
        with pytest.raises(SmsError) as caught:
            self.send(person)
        return caught.value


def test_what_is_taken_stands_in_the_log_and_reaches_the_phone():
    stage = Stage()
    message, sid = stage.send()

    (text,) = stage.log.accepted
    assert (text.sid, text.message_id, text.person) == (sid, str(message.pk), EVEN.key)
    assert (text.at, text.clock, text.status) == (STARTS, STARTS, "delivered")
    assert stage.received == [EVEN]
    assert (stage.told[-1][1], stage.told[-1][2]) == (str(message.pk), Report(sid, "delivered"))


def test_the_workers_clock_is_noted_beside_the_true_time():
    stage = Stage()
    stage.clock.skew = timedelta(seconds=80)
    stage.send()

    assert stage.log.accepted[0].at == STARTS
    assert stage.log.accepted[0].clock == STARTS + timedelta(seconds=80)


def test_in_a_storm_nothing_is_taken_and_nothing_can_be_looked_up():
    stage = Stage(Faults(storms=(Span(STARTS, STARTS + MINUTE),)))

    assert stage.fails().outcome is Outcome.BUSY
    with pytest.raises(SmsError):
        stage.provider.find(Message(to_number=EVEN.number), since=STARTS, until=STARTS)
    stage.clock.move_to(STARTS + MINUTE)
    stage.send()
    assert len(stage.log.accepted) == 1


def test_an_outcome_may_be_unknown_though_the_text_was_taken_and_the_list_tells():
    stage = Stage(Faults(Rates(unknown_taken=1.0)))

    with pytest.raises(SmsError) as caught:
        message, _ = stage.send()
    message = Message(to_number=EVEN.number, body="How are you?")

    assert caught.value.outcome is Outcome.UNKNOWN
    (text,) = stage.log.accepted
    stage.clock.move_to(STARTS + 10 * MINUTE)
    listed = stage.provider.find(message, since=STARTS - MINUTE, until=STARTS + MINUTE)
    assert listed == [Report(text.sid, "delivered")]
    assert stage.provider.has_taken(text.message_id, EVEN.number)


def test_an_outcome_may_be_unknown_because_nothing_was_taken():
    stage = Stage(Faults(Rates(unknown_not_taken=1.0)))

    assert stage.fails().outcome is Outcome.UNKNOWN
    assert stage.log.accepted == []


def test_a_list_that_lags_does_not_show_what_was_taken_since():
    lag = Span(STARTS - MINUTE, STARTS + 60 * MINUTE)
    stage = Stage(Faults(list_lag=(lag,)))
    message, sid = stage.send()

    def found() -> list[str]:
        span = {"since": STARTS - MINUTE, "until": STARTS + MINUTE}
        return [report.sid for report in stage.provider.find(message, **span)]

    assert found() == []
    stage.clock.move_to(lag.ends)
    assert found() == [sid]


def test_whoever_said_stop_is_refused_by_the_provider_too():
    stage = Stage()
    stage.provider.stopped.add(EVEN.number)

    assert stage.fails().code == "21610"
    assert [one.code for one in stage.log.refused] == ["21610"]


def test_of_a_dead_number_the_provider_knows_or_a_carrier_tells():
    stage = Stage()
    stage.provider.dead |= {EVEN.number, ODD.number}

    assert stage.fails(ODD).code == "21614"
    _, sid = stage.send(EVEN)
    assert stage.told[-1][2] == Report(sid, "undelivered", "30005")
    assert stage.received == []


def test_others_are_at_work_while_a_text_is_on_its_way():
    at = []
    stage = Stage(meanwhile=lambda random: at.append(len(stage.log.accepted)))
    stage.send()

    assert at == [1]


def test_a_report_may_get_lost_and_one_may_come_twice():
    lost, repeated = (
        Stage(Faults(Rates(**{f"report_{what}": 1.0}))) for what in ("lost", "repeated")
    )
    for stage in (lost, repeated):
        stage.send()

    assert lost.told == []
    assert len(repeated.told) == 2 * len({report.status for *_, report in repeated.told})


def test_what_befalls_a_text_depends_on_its_person_and_not_on_others():
    alone, among_others = Stage(), Stage()
    among_others.send(ODD)
    alone.send(EVEN)
    among_others.send(EVEN)

    assert alone.log.accepted[-1].sid == among_others.log.accepted[-1].sid
