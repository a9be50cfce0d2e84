"""Beat's schedule in the back office: seen, switched with a reason, and kept who did."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from caregiving.celery import app
from proactive.models import AuditEntry
from proactive.scheduling import sync_schedules

pytestmark = pytest.mark.django_db

LIST = reverse("admin:django_celery_beat_periodictask_changelist")


@pytest.fixture
def tick():
    sync_schedules()
    return PeriodicTask.objects.get(name="tick")


@pytest.fixture
def boss(client):
    user = User.objects.create_user("boss", is_staff=True)
    user.groups.add(Group.objects.get(name="Administrator"))
    client.force_login(user)
    return user


def act(task, name):
    return reverse("admin:django_celery_beat_periodictask_act", args=[task.pk, name])


def page_of(task):
    return reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])


def form_of(client, task):
    form = client.get(page_of(task)).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)}


def test_the_list_says_how_often_in_words(client, boss, tick):
    html = client.get(LIST).content.decode()

    assert "every minute" in html
    assert "every day" in html


def test_the_page_offers_the_programs_tasks_and_shows_the_one_that_is_set(client, boss, tick):
    html = client.get(page_of(tick)).content.decode()

    assert '<option value="proactive.tasks.tick" selected' in html
    assert '<option value="proactive.tasks.check_promises"' in html


def test_disabling_the_tick_asks_why_is_kept_and_beat_hears_of_it(client, boss, tick):
    scheduler = DatabaseScheduler(app=app, lazy=True)
    assert "tick" in scheduler.all_as_schedule()
    before = PeriodicTasks.last_change()
    assert "Finds who is due" in client.get(act(tick, "disable_task")).content.decode()

    client.post(act(tick, "disable_task"))
    assert PeriodicTask.objects.get(pk=tick.pk).enabled
    client.post(act(tick, "disable_task"), {"reason": "moving house"})

    assert not PeriodicTask.objects.get(pk=tick.pk).enabled
    assert PeriodicTasks.last_change() > before
    assert "tick" not in scheduler.all_as_schedule()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.by, entry.reason) == ("disable_task", boss, "moving house")
    assert entry.changes == {"enabled": [True, False]}


def test_a_task_can_be_enabled_again_and_is_not_twice(client, boss, tick):
    client.post(act(tick, "disable_task"), {"reason": "x"})

    for _ in range(2):
        client.post(act(tick, "enable_task"), {"reason": "back"})

    assert PeriodicTask.objects.get(pk=tick.pk).enabled
    assert AuditEntry.objects.filter(action="enable_task").count() == 1


def test_what_beat_counted_since_the_form_was_read_stays(client, boss, tick):
    form = form_of(client, tick)
    now = timezone.now()
    PeriodicTask.objects.filter(pk=tick.pk).update(total_run_count=7, last_run_at=now)

    answer = client.post(page_of(tick), {**form, "kwargs": '{"limit": 5}'})

    assert answer.status_code == 302
    tick.refresh_from_db()
    assert (tick.kwargs, tick.total_run_count, tick.last_run_at) == ('{"limit": 5}', 7, now)
    assert tick.task == "proactive.tasks.tick"
    assert AuditEntry.objects.get().changes == {"kwargs": ["{}", '{"limit": 5}']}


def test_arguments_that_are_not_json_are_refused_with_words(client, boss, tick):
    html = client.post(page_of(tick), {**form_of(client, tick), "args": "five"}).content.decode()

    assert "Unable to parse JSON" in html
    assert not AuditEntry.objects.exists()


def test_an_interval_in_use_cannot_be_deleted_and_changing_one_is_kept(client, boss, tick):
    interval = tick.interval
    name = "admin:django_celery_beat_intervalschedule"

    gone = client.post(reverse(f"{name}_delete", args=[interval.pk]), {"post": "yes"})
    client.post(
        reverse(f"{name}_change", args=[interval.pk]),
        {
            "every": 30,
            "period": "seconds",
            "periodictask_set-TOTAL_FORMS": 0,
            "periodictask_set-INITIAL_FORMS": 0,
        },
    )

    assert gone.status_code == 403
    assert IntervalSchedule.objects.get(pk=interval.pk).every == 30
    assert AuditEntry.objects.get().changes == {"every": [60, 30]}


@pytest.mark.parametrize("role", ["Viewer", "Clinical lead"])
def test_whoever_is_no_administrator_may_not(client, tick, role):
    user = User.objects.create_user("other", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)

    assert client.get(LIST).status_code == 403
    assert client.post(act(tick, "disable_task"), {"reason": "x"}).status_code == 403
    assert PeriodicTask.objects.get(pk=tick.pk).enabled
