"""Beat's entries are created when they are missing, and staff's edits to them stay."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from proactive.scheduling import sync_schedules
from proactive.tasks import (
    check_promises,
    deliver_webhooks,
    send_weekly_report,
    tick,
    tidy_up,
)

ALL = ["tick", "promises", "housekeeping", "weekly report", "webhooks"]

pytestmark = pytest.mark.django_db


def test_the_tick_rings_every_minute_and_never_piles_up(settings):
    assert sync_schedules() == ALL

    task = PeriodicTask.objects.get(name="tick")
    assert (task.name, task.task, task.enabled) == ("tick", tick.name, True)
    assert (task.interval.every, task.interval.period) == (60, "seconds")
    assert task.expire_seconds == 60
    # No crontab: in a zone with daylight saving that skips or repeats an hour.
    assert (task.crontab, task.solar, task.clocked) == (None, None, None)
    assert settings.CELERY_TIMEZONE == "UTC"


@pytest.mark.parametrize(
    ("name", "rings", "seconds"),
    [
        ("promises", check_promises, 86_400),
        ("housekeeping", tidy_up, 86_400),
        # Often, in UTC: the task itself knows when Monday morning is.
        ("weekly report", send_weekly_report, 900),
        ("webhooks", deliver_webhooks, 30),
    ],
)
def test_what_else_is_rung(name, rings, seconds):
    sync_schedules()

    task = PeriodicTask.objects.get(name=name)
    assert (task.task, task.enabled) == (rings.name, True)
    assert (task.interval.every, task.interval.period) == (seconds, "seconds")


def test_a_second_run_changes_nothing():
    sync_schedules()
    before = list(PeriodicTask.objects.values())

    assert sync_schedules() == []
    assert list(PeriodicTask.objects.values()) == before
    assert IntervalSchedule.objects.count() == 4


def test_what_staff_changed_stays():
    sync_schedules()
    slower = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.update(
        enabled=False, interval=slower, expire_seconds=300, description="Paused over the holidays"
    )
    before = list(PeriodicTask.objects.values())

    assert sync_schedules() == []
    assert list(PeriodicTask.objects.values()) == before


def test_an_interval_that_staff_changed_in_place_gets_no_twin():
    sync_schedules()
    IntervalSchedule.objects.filter(every=60).update(every=90)

    assert sync_schedules() == []
    assert set(IntervalSchedule.objects.values_list("every", flat=True)) == {30, 90, 86_400, 900}


def test_two_equal_intervals_of_staff_are_no_obstacle():
    for _ in range(2):
        IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)

    assert sync_schedules() == ALL
    assert IntervalSchedule.objects.filter(every=60).count() == 2


def test_a_tick_that_staff_deleted_comes_back():
    sync_schedules()
    PeriodicTask.objects.filter(name="tick").delete()

    assert sync_schedules() == ["tick"]


def test_a_schedule_of_before_gets_the_new_entry_and_keeps_what_is_there():
    sync_schedules()
    PeriodicTask.objects.filter(name="housekeeping").delete()
    before = list(PeriodicTask.objects.values())

    assert sync_schedules() == ["housekeeping"]
    assert [row for row in PeriodicTask.objects.values() if row in before] == before
