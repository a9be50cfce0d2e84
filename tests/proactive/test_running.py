"""Whether outreach is running, from the switches and the last sweep that ended."""

from datetime import UTC, datetime, timedelta

import pytest

from proactive.admin.badge import headline
from proactive.models import CadenceSwitch, Sweep
from proactive.running import STALE_AFTER, State, last_run, outreach

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 13, 15, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def swept(ago, **fields):
    at = NOW - ago
    return Sweep.objects.create(**({"now": at, "started_at": at, "finished_at": at} | fields))


def state():
    return outreach(now=NOW).state


def test_it_runs_while_a_sweep_ended_within_five_minutes():
    swept(STALE_AFTER)

    assert state() == State.ON
    assert outreach(now=NOW + MOMENT).state == State.NOT_RUNNING


def test_a_sweep_that_has_no_end_or_only_looked_is_none():
    ended = swept(timedelta(minutes=7))
    swept(timedelta(minutes=1), finished_at=None, error="OperationalError: gone")
    swept(timedelta(minutes=1), dry_run=True)

    assert last_run(NOW).sweep == ended
    assert state() == State.NOT_RUNNING


def test_a_clock_that_is_behind_makes_no_age_negative():
    swept(-timedelta(seconds=2))

    assert last_run(NOW).age == timedelta()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"is_on": False}, State.OFF),
        ({"is_on": False, "halted": True}, State.HALTED),
        ({"paused_until": NOW + MOMENT}, State.PAUSED),
        ({"paused_until": NOW}, State.ON),
    ],
)
def test_what_was_decided_is_said_while_it_runs_and_yields_to_that_it_does_not(fields, expected):
    CadenceSwitch.objects.create(cadence="everything", **fields)
    assert state() == State.NOT_RUNNING

    swept(timedelta(minutes=1))

    assert state() == expected


def test_a_sweep_that_is_held_queues_nothing_until_somebody_lets_it_go_on():
    sweep = swept(timedelta(minutes=1), held="More than 200 people are due.")
    assert state() == State.HELD

    sweep.approved_at = NOW
    sweep.save()

    assert state() == State.ON


def test_since_when_it_does_not_run_is_told_on_the_clock_of_the_service(settings):
    settings.TIME_ZONE = "America/Chicago"
    swept(timedelta(minutes=20))
    found = outreach(now=NOW)

    assert headline(found, now=NOW) == "Not running since 08:40"
    assert headline(found, now=NOW + timedelta(days=1)) == "Not running since Wed 13 Jan 08:40"


def test_it_costs_two_queries(django_assert_num_queries):
    swept(timedelta(minutes=1))

    with django_assert_num_queries(2):
        outreach(now=NOW)
