"""Who in an open cascade hears from us next, and when."""

from datetime import timedelta

import pytest

from caregiving.models import Caregiver
from proactive.models import CadenceSwitch
from proactive.sweeps import run_sweep
from proactive.switches import Switchboard
from proactive.upcoming import next_in_line
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, person

pytestmark = pytest.mark.django_db


def in_crisis(ago, **fields):
    crisis = NOON - ago
    fields = {"last_contact_at": crisis} | fields
    return person(last_crisis_event_at=crisis, created_at=NOON - 90 * DAY, **fields)


def in_line(most=10, now=NOON):
    return next_in_line(now=now, switchboard=Switchboard.load(), most=most)


def told(one):
    """(stage, hours until it is due, hours until it goes), from NOON."""
    hours = [at and (at - NOON) / HOUR for at in (one.due_at, one.goes_at)]
    return (one.step and one.step.stage, *hours)


def test_whoever_is_due_first_comes_first_and_who_has_nothing_ahead_comes_last():
    done = in_crisis(36 * DAY, crisis_followup_count=7)
    later = in_crisis(2 * DAY, crisis_followup_count=1)
    soon = in_crisis(19 * HOUR)
    overdue = in_crisis(8 * DAY, crisis_followup_count=2)

    line = in_line()

    assert [one.person for one in line] == [overdue, soon, later, done]
    assert [told(one) for one in line] == [
        (3, -24, 0),
        (1, 5, 5),
        (2, 24, 24),
        (None, None, None),
    ]
    assert in_line(most=2) == line[:2]


def test_a_stage_that_its_time_has_passed_by_gives_way_to_the_one_that_fits():
    in_crisis(8 * DAY, crisis_followup_count=0)

    assert [told(one) for one in in_line()] == [(3, -24, 0)]


def test_a_stage_that_has_its_text_is_not_ahead_whatever_the_counter_says():
    someone = in_crisis(25 * HOUR)
    MessageFactory(
        caregiver=someone, stage=1, occasion=someone.last_crisis_event_at, status="delivered"
    )

    assert [told(one) for one in in_line()] == [(2, 47, 47)]


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({"time_zone": "Asia/Tokyo"}, 11),  # 21:00 there: its window has just closed
        ({"last_proactive_message_at": NOON - 20 * HOUR}, 4),
        ({"last_contact_at": NOON}, 1),
        ({"outreach_paused_until": NOON + 3 * HOUR}, 3),
    ],
)
def test_what_is_due_and_has_to_wait_says_until_when(fields, hours):
    in_crisis(26 * HOUR, **fields)

    assert [told(one) for one in in_line()] == [(1, -2, hours)]


def test_what_holds_a_text_back_without_an_end_is_said_in_words():
    someone = in_crisis(26 * HOUR)
    MessageFactory(caregiver=someone, cadence="wellness", stage=None, status="queued")
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)

    (one,) = in_line()
    assert (one.goes_at, one.held_back_by) == (None, "another text is waiting to be sent")

    CadenceSwitch.objects.create(cadence="crisis_followup", is_on=False, reason="new words")
    (one,) = in_line()
    assert (one.goes_at, one.held_back_by) == (None, "cadence is off: new words")


def test_a_text_that_cannot_go_in_time_says_what_holds_it_back():
    in_crisis(71 * HOUR, time_zone="America/Chicago")  # it is 06:00, and fits until 07:00

    (one,) = in_line()

    assert told(one) == (1, -47, None)
    assert one.held_back_by == "local time 06:00 (America/Chicago), texts go out 08:00-21:00"


def test_nobody_who_gets_no_text_stands_in_line():
    in_crisis(26 * HOUR, opted_out_at=NOON)
    in_crisis(26 * HOUR, unreachable_at=NOON)
    in_crisis(26 * HOUR, journey_phase="churned")
    in_crisis(42 * DAY)
    person(burnout_band="crisis")

    assert in_line() == []


@pytest.mark.parametrize("ago", [hours * HOUR for hours in (1, 24, 60, 72, 200, 500, 860)])
def test_it_goes_when_it_was_said_to_go(ago):
    in_crisis(ago, time_zone="America/Chicago", last_contact_at=NOON - 40 * DAY)
    (one,) = in_line()
    before = one.goes_at - timedelta(microseconds=1)

    assert run_sweep(now=before, cadences=["crisis_followup"]).texts_queued == 0
    assert run_sweep(now=one.goes_at, cadences=["crisis_followup"]).texts_queued == 1


def test_it_costs_the_same_for_10000_people_as_for_a_hundred(django_assert_num_queries):
    def add(count):
        rows = CaregiverFactory.build_batch(
            count, last_crisis_event_at=NOON - 26 * HOUR, last_contact_at=NOON - 26 * HOUR
        )
        Caregiver.objects.bulk_create(rows)

    switchboard = Switchboard.load()
    for count in (100, 9_900):
        add(count)
        with django_assert_num_queries(2):
            assert len(next_in_line(now=NOON, switchboard=switchboard, most=10)) == 10
