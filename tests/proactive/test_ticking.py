"""What a tick leaves behind for whoever looks from outside: how long it took, how it ended."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from proactive import delivery, stopping, tasks, ticking, watching
from proactive.models import Sweep, TickPart
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
PARTS = {"reconcile", "run_sweep", "deliver_queued", "escalate", "remember_tallies"}


@pytest.fixture(autouse=True)
def at_noon(time_machine, gateway):
    time_machine.move_to(NOON, tick=False)


def parts(**lookups):
    return set(TickPart.objects.filter(**lookups).values_list("name", flat=True))


def fails(**options):
    raise OperationalError("the disk is full")


def test_a_tick_notes_itself_and_each_of_its_parts():
    tasks.tick()
    tasks.tick()

    assert parts(runs=2, failures=0, ended_at=NOON, succeeded_at=NOON) == PARTS | {"tick"}


def test_of_each_part_it_can_be_said_what_is_missing_while_it_fails():
    assert set(watching.MISSING) == PARTS


def test_how_long_it_took_is_added_up():
    ticking.note("run_sweep", seconds=1.5, succeeded=True)
    ticking.note("run_sweep", seconds=0.25, succeeded=True)

    part = TickPart.objects.get()
    assert (part.runs, part.seconds, part.last_seconds) == (2, 1.75, 0.25)


def test_a_part_that_fails_is_noted_and_so_is_the_tick_that_did_not_go_through(
    monkeypatch, time_machine
):
    tasks.tick()
    time_machine.move_to(NOON + MINUTE, tick=False)
    monkeypatch.setattr(delivery, "deliver_queued", fails)

    with pytest.raises(OperationalError):
        tasks.tick()

    assert parts(runs=2, failures=1, ended_at=NOON + MINUTE, succeeded_at=NOON) == {
        "deliver_queued",
        "tick",
    }
    assert ticking.failing_parts() == ["deliver_queued"]
    assert ticking.last_through() == NOON


def test_a_tick_that_was_asked_to_stop_did_not_go_through():
    stopping.ask()
    try:
        tasks.tick()
    finally:
        stopping.forget()

    assert parts(succeeded_at=None) == {"tick"}


def test_what_cannot_be_noted_does_not_fail_the_tick(caplog):
    def full(execute, sql, *rest):
        if "proactive_tickpart" in sql:
            raise OperationalError("the disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(full):
        tasks.tick()

    assert Sweep.objects.filter(finished_at=NOON).exists()
    assert "tick: how tick ended could not be noted" in caplog.text


def test_before_a_tick_was_ever_noted_the_last_sweep_counts():
    assert ticking.last_through() is None
    Sweep.objects.create(now=NOON, finished_at=NOON)

    assert ticking.last_through() == NOON


def test_a_sweep_that_somebody_runs_by_hand_is_no_tick():
    ticking.note(TickPart.TICK, seconds=1, succeeded=False)
    Sweep.objects.create(now=NOON, finished_at=NOON)

    assert ticking.last_through() is None
