"""What a look at our own system notes on the log."""

from types import SimpleNamespace

import pytest

from caregiving import events
from proactive.models import Message
from proactive.simulation.clock import Clock
from proactive.simulation.happenings import Person
from proactive.simulation.log import Log
from proactive.simulation.outreach import Outreach
from proactive.simulation.spec import Spec
from proactive.sweeps import run_sweep
from proactive.switches import switch_off
from tests.proactive.people import DAY, HOUR, NOON, due_for, person

pytestmark = pytest.mark.django_db

NIGHT = NOON - 9 * HOUR
KEY = 7


@pytest.fixture
def look(monkeypatch):
    """Has a world's system look at one person at some instants; what it noted comes back."""
    # The system makes its provider the gateway of the whole process.
    monkeypatch.setattr("proactive.sms.gateway._used_instead", None)

    def looked(someone, *instants):
        log, clock = Log(), Clock(min(instants))
        spec = Spec(seed=1, people=1, days=1, starts=clock.true)
        system = Outreach(spec=spec, clock=clock, provider=SimpleNamespace(log=log))
        system.begin([Person(KEY, someone.phone_number, someone.time_zone, {})])
        for instant in instants:
            clock.move_to(instant)
            system.look(log)
        return log

    return looked


def test_it_notes_every_rule_that_held_a_text_back_the_latest_last(look):
    someone = due_for("crisis_followup", NIGHT)
    events.record_contact(someone, at=NIGHT - HOUR / 2)
    log = look(someone, NIGHT, NIGHT + HOUR, NIGHT + 2 * HOUR)
    key = (KEY, "crisis_followup", 1, someone.last_crisis_event_at)
    assert log.held_back == {key: ["conversation", "window"]}
    assert (log.looks, log.people_held_back) == (3, 3)


def test_a_check_in_that_is_held_back_is_the_text_that_goes_out_later(look):
    someone = due_for("wellness", NIGHT, last_proactive_message_at=NOON - 5 * DAY)
    log = look(someone, NIGHT, NIGHT + HOUR)
    run_sweep(now=NOON)
    sent = Message.objects.get()
    assert log.held_back == {(KEY, sent.cadence, sent.stage, sent.occasion): ["window"]}


def test_whoever_is_owed_two_texts_is_one_person_held_back(look):
    fields = {"last_assessment_at": NIGHT - 8 * DAY, "burnout_band": "high"}
    log = look(due_for("assessment_reminder", NIGHT, **fields), NIGHT)
    assert {cadence for _, cadence, _, _ in log.held_back} == {"wellness", "assessment_reminder"}
    assert log.people_held_back == 1


def test_what_is_switched_off_is_held_back_by_the_switch(look, admin_user):
    switch_off("wellness", by=admin_user, reason="a trial", now=NOON)
    log = look(due_for("wellness", NOON), NOON + HOUR)
    assert [*log.held_back.values()] == [["switch"]]


def test_nobody_is_noted_to_whom_a_text_may_go(look):
    log = look(due_for("wellness", NOON), NOON)
    assert (log.held_back, log.people_held_back) == ({}, 0)
    assert look(person(), NOON).held_back == {}
