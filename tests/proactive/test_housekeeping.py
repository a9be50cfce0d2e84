"""What is of no use any more goes once a day, and nothing else does."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.utils import timezone

from caregiving.models import ImportUpload
from proactive import housekeeping, stopping
from proactive.models import AuditEntry, CareAlert, Simulation
from proactive.tasks import tidy_up
from tests.factories import MessageFactory

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def session(ends_in):
    store = SessionStore()
    store.set_expiry(timezone.now() + ends_in)
    store.create()
    return store.session_key


def sign_in(model, ago):
    row = model.objects.create(username="nurse", ip_address="10.0.0.1", user_agent="Firefox")
    # The time is set by itself when a row is made.
    model.objects.filter(pk=row.pk).update(attempt_time=timezone.now() - ago)
    return row


def upload(ago):
    by, _ = User.objects.get_or_create(username="administrator")
    return ImportUpload.objects.create(
        by=by, name="people.csv", content=b"", preview={}, created_at=timezone.now() - ago
    )


def test_sessions_go_that_have_ended():
    session(-MINUTE)
    going_on = session(HOUR)

    tidy_up()

    assert [one.session_key for one in Session.objects.all()] == [going_on]


@pytest.mark.parametrize("log", [AccessLog, AccessFailureLog])
def test_sign_ins_are_kept_for_a_year(log):
    sign_in(log, 366 * DAY)
    kept = sign_in(log, 364 * DAY)

    tidy_up()

    assert list(log.objects.all()) == [kept]


def test_failures_count_until_the_lockout_is_over(settings):
    for ago in (16 * MINUTE, 14 * MINUTE):
        AccessAttempt.objects.filter(
            pk=AccessAttempt.objects.create(
                username=f"after {ago}", ip_address="10.0.0.1", failures_since_start=5
            ).pk
        ).update(attempt_time=timezone.now() - ago)
    assert settings.AXES_COOLOFF_TIME == 15 * MINUTE

    tidy_up()

    assert [one.username for one in AccessAttempt.objects.all()] == ["after 0:14:00"]


def test_a_file_that_was_brought_for_import_goes_after_its_hour():
    upload(61 * MINUTE)
    kept = upload(59 * MINUTE)

    tidy_up()

    assert list(ImportUpload.objects.all()) == [kept]


def test_simulations_are_kept_for_90_days_and_the_latest_hundred_for_longer():
    now = timezone.now()
    ages = [91 * DAY, *([92 * DAY] * 50), *([DAY] * 60), *([95 * DAY] * 10)]
    Simulation.objects.bulk_create(
        Simulation(question="?", request={}, created_at=now - age) for age in ages
    )

    tidy_up()

    kept = Simulation.objects.order_by("created_at").values_list("created_at", flat=True)
    assert [round((now - one) / DAY) for one in kept] == [*([92] * 39), 91, *([1] * 60)]

    Simulation.objects.bulk_create(
        Simulation(question="?", request={}, created_at=now) for _ in range(100)
    )

    tidy_up()

    # The young ones stay, however many there are.
    assert Simulation.objects.count() == 160


def test_what_happened_with_people_stays():
    long_ago = timezone.now() - 3000 * DAY
    message = MessageFactory(queued_at=long_ago, status="delivered")
    CareAlert.objects.create(kind="duplicate", message=message, resolved_at=long_ago)
    AuditEntry.objects.create(at=long_ago, action="pause", says="paused")

    tidy_up()
    tidy_up()

    counts = [model.objects.count() for model in (type(message), CareAlert, AuditEntry)]
    assert counts == [1, 1, 1]


def test_one_part_that_fails_does_not_keep_the_others_from_their_work(monkeypatch, caplog):
    upload(61 * MINUTE)

    def fails():
        raise OperationalError("the disk is full")

    monkeypatch.setattr(housekeeping, "forget_sessions", fails)

    with pytest.raises(OperationalError):
        tidy_up()

    assert not ImportUpload.objects.exists()
    assert "housekeeping: forget_sessions failed; the next housekeeping tries again" in caplog.text


def test_a_worker_that_stops_leaves_it_for_the_next_time():
    upload(61 * MINUTE)
    stopping.ask()
    try:
        tidy_up()
    finally:
        stopping.forget()

    assert ImportUpload.objects.count() == 1
