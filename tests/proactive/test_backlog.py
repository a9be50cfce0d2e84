"""What a switch holds back: numbers that the sweep makes true once it is switched on."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving.models import Caregiver
from proactive import backlog
from proactive.cadences import BY_NAME, CADENCES
from proactive.models import Message
from proactive.sweeps import run_sweep
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, DUE, HOUR, NOON, due_for
from tests.proactive.queueing import queued

pytestmark = pytest.mark.django_db

SIX = NOON - 6 * HOUR


def look(*names, now=NOON):
    return backlog.look([BY_NAME[name] for name in names] or CADENCES, now=now)


def hours(found):
    return [(hour.opens, hour.people) for hour in found.hours]


def test_who_is_due_is_who_the_sweep_then_texts():
    for name in DUE:
        due_for(name)
    due_for("wellness")
    due_for("dormant_reactivation", burnout_band="high")  # both: the more urgent one goes

    found = look()

    assert found.due == run_sweep(now=NOON, dry_run=True).counts["queued"]
    assert found.due["wellness"] == 3
    assert hours(found) == [(NOON, 7)]
    assert (found.texts, found.later) == (7, 0)


def test_whoever_is_kept_back_by_more_than_the_hour_is_not_counted():
    due_for("wellness", opted_out_at=NOON)
    due_for("wellness", outreach_paused_until=NOON + HOUR)
    due_for("wellness", last_proactive_message_at=NOON - HOUR)
    due_for("crisis_followup", last_contact_at=NOON - timedelta(minutes=10))

    found = look()

    assert sum(found.due.values()) == 0
    assert found.hours == []


def test_what_must_wait_for_its_hour_is_told_by_when_it_opens():
    due_for("crisis_followup", SIX)
    due_for("wellness", SIX)
    due_for("wellness", SIX, time_zone="Asia/Tokyo")  # 15:00 there
    due_for("wellness", SIX, time_zone="", derived_zones="America/Chicago")

    found = look(now=SIX)

    assert hours(found) == [
        (SIX, 1),
        (SIX + 2 * HOUR, 1),
        (SIX + 3 * HOUR, 1),
        (SIX + 9 * HOUR, 1),
    ]
    assert found.due["wellness"] == 1
    assert (found.texts, found.later) == (1, 3)


def test_of_two_texts_the_one_whose_hours_open_first_goes():
    ten = NOON - 2 * HOUR
    due_for("dormant_reactivation", ten, last_assessment_at=ten - 8 * DAY)

    found = look(now=ten)

    assert found.due["assessment_reminder"] == 1
    assert hours(found) == [(ten, 1)]


def test_a_zone_that_is_misspelt_never_opens():
    due_for("wellness")
    due_for("wellness", time_zone="Mars/Olympus")

    found = look()

    assert (found.nowhere, found.texts) == (1, 1)


def test_texts_that_are_queued_are_counted_with_their_segments_and_their_hour():
    night = queued("crisis_followup")
    Message.objects.update(segments=3)

    assert look().queued["crisis_followup"] == 1
    assert (look().texts, look().segments) == (1, 3)
    Caregiver.objects.filter(pk=night.caregiver_id).update(time_zone="Asia/Tokyo")  # 21:00
    found = look()
    assert (found.texts, found.segments) == (0, 0)
    assert hours(found) == [(NOON + 11 * HOUR, 1)]


def test_stages_that_ran_out_meanwhile_are_told():
    due_for("crisis_followup", last_crisis_event_at=NOON - 8 * DAY, last_contact_at=NOON - 8 * DAY)
    MessageFactory(occasion=NOON - 3 * DAY, cadence="crisis_followup", stage=1)

    found = look("crisis_followup")

    # Stages 1 and 2 are overtaken by 3; the queued first one fits until the second is due.
    assert found.run_out == 3
    assert found.queued == {"crisis_followup": 1}
    assert found.texts == 1


def test_only_what_is_switched_on_is_counted():
    due_for("wellness")
    queued("crisis_followup")

    found = look("wellness")

    assert (found.queued, found.due) == ({"wellness": 0}, {"wellness": 1})


@pytest.mark.parametrize(("ceiling", "is_held"), [(2, False), (1, True)])
def test_it_says_whether_the_blast_guard_will_hold_the_sweep(settings, ceiling, is_held):
    settings.SWEEP_CEILING = ceiling
    due_for("wellness"), due_for("wellness")
    queued("crisis_followup")  # it was let through when it was queued

    found = look()

    assert found.is_held is is_held
    assert bool(run_sweep(now=NOON, dry_run=True).held) is is_held
    assert [hour.is_held for hour in found.hours] == [is_held]


def test_it_says_how_long_and_how_much(settings):
    settings.SMS_PER_SECOND, settings.SMS_SEGMENT_COST = 0.5, 0.01
    for _ in range(3):
        due_for("wellness")

    found = look()

    assert found.takes == timedelta(seconds=6)
    assert found.cost == pytest.approx(0.03)


def test_more_than_can_be_counted_are_at_least_so_many(monkeypatch):
    monkeypatch.setattr(backlog, "MOST", 2)
    due_for("wellness"), due_for("wellness")
    assert look().is_partial is False

    due_for("crisis_followup")
    found = look()

    assert found.is_partial is True
    assert sum(found.due.values()) == 2


def test_ten_thousand_take_as_many_queries_as_a_hundred():
    def fill(count):
        Caregiver.objects.bulk_create(
            CaregiverFactory.build_batch(
                count, time_zone="UTC", created_at=NOON - 90 * DAY, **DUE["wellness"](NOON)
            )
        )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            found = look()
        return len(captured), found.due["wellness"]

    fill(100)
    few, due = queries()
    assert due == 100
    fill(9_900)

    assert queries() == (few, 10_000)
