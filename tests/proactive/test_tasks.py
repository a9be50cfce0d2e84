"""The clock's tick and the doorbell: both may fail, repeat or stay away, and nothing is lost."""

import runpy
import socket
import time
from datetime import timedelta

import pytest
import redis
from django.db import OperationalError

from caregiving.celery import app
from proactive import delivery, reconciliation, sweeps, tasks
from proactive.models import CareAlert, Sweep
from tests.conftest import ROOT
from tests.factories import MessageFactory
from tests.proactive.people import HOUR, NOON, due_for, person
from tests.proactive.queueing import queued, statuses

pytestmark = pytest.mark.django_db

PARTS = {
    "reconcile": reconciliation,
    "run_sweep": sweeps,
    "deliver_queued": delivery,
}


@pytest.fixture
def at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


def a_lost_submission():
    """One that an earlier worker left behind two hours ago."""
    return MessageFactory(
        caregiver=person(),
        status="sending",
        attempt_started_at=NOON - 2 * HOUR,
        occasion=NOON - 30 * HOUR,
    )


def test_a_tick_looks_after_what_is_under_way_finds_who_is_due_and_delivers(gateway, at_noon):
    lost = a_lost_submission()
    due = due_for("wellness")

    tasks.tick()

    assert [entry["to"] for entry in gateway.sent] == [due.phone_number]
    lost.refresh_from_db()
    assert lost.status == "unknown"
    assert CareAlert.objects.get().message == lost
    assert Sweep.objects.get().now == NOON


def test_a_second_tick_at_the_same_instant_does_no_harm(gateway, at_noon):
    a_lost_submission()
    due_for("wellness")
    tasks.tick()
    before = statuses()

    tasks.tick()

    assert len(gateway.tried) == 1
    assert CareAlert.objects.count() == 1
    assert statuses() == before


@pytest.mark.parametrize("failing", PARTS)
def test_a_part_that_fails_does_not_keep_the_others_from_their_work(
    gateway, at_noon, monkeypatch, failing, caplog
):
    queued("wellness", now=NOON - timedelta(minutes=5))
    lost = a_lost_submission()
    due_for("crisis_followup")

    def fails(**options):
        raise OperationalError("the disk is full")

    fails.__name__ = failing
    monkeypatch.setattr(PARTS[failing], failing, fails)

    with pytest.raises(OperationalError, match="the disk is full"):
        tasks.tick()

    assert f"tick: {failing} failed; the next tick tries again" in caplog.text
    lost.refresh_from_db()
    assert (lost.status == "unknown") is (failing != "reconcile")
    assert (Sweep.objects.filter(now=NOON).count() == 1) is (failing != "run_sweep")
    sent = {"reconcile": 2, "run_sweep": 1, "deliver_queued": 0}
    assert len(gateway.sent) == sent[failing]


def test_the_next_tick_does_what_a_failed_one_could_not(gateway, at_noon, monkeypatch):
    due_for("wellness")

    def fails(**options):
        raise OperationalError("the disk is full")

    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(delivery, "deliver_queued", fails)
        tasks.tick()
    tasks.tick()

    assert len(gateway.sent) == 1


# --- The doorbell ---


@pytest.fixture
def broker(settings):
    """Point Celery at another broker, with the options that the settings have for it."""
    names = ("broker_url", "broker_read_url", "broker_write_url", "broker_transport_options")
    before = {name: app.conf[name] for name in names}

    def forget_connections():
        app.pool.force_close_all()
        app._pool = None
        app.amqp._producer_pool = None

    def point(url, **options):
        forget_connections()
        app.conf.update(dict.fromkeys(names[:3], url), broker_transport_options=options)

    yield point
    forget_connections()
    app.conf.update(before)


def redis_options(monkeypatch):
    """What the settings give a Redis broker: read from them, not repeated here."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1/0")
    return runpy.run_path(str(ROOT / "caregiving" / "settings.py"))[
        "CELERY_BROKER_TRANSPORT_OPTIONS"
    ]


@pytest.fixture
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Bound and not listening: nobody else takes it, and nobody answers.
        yield listener.getsockname()[1]


def test_with_the_broker_down_ringing_fails_fast_and_the_tick_finds_the_work(
    gateway, at_noon, broker, closed_port, monkeypatch
):
    queued("crisis_followup")
    broker(f"redis://127.0.0.1:{closed_port}/0", **redis_options(monkeypatch))
    tasks.ring()  # the first one also imports the client

    began = time.perf_counter()
    assert tasks.ring() is False
    assert time.perf_counter() - began < 1

    assert statuses() == {"queued": 1}
    tasks.tick()
    assert len(gateway.sent) == 1


def test_a_broker_without_a_server_whose_folder_is_gone_is_down_too(broker, tmp_path):
    gone = tmp_path / "gone"
    gone.write_text("a file, where a folder should be")
    broker(
        "filesystem://",
        data_folder_in=str(gone / "queue"),
        data_folder_out=str(gone / "queue"),
        control_folder=str(gone / "control"),
        processed_folder=str(gone / "processed"),
    )

    assert tasks.ring() is False


def test_a_ring_is_one_message_at_the_broker(broker, tmp_path):
    for folder in ("queue", "control", "processed"):
        (tmp_path / folder).mkdir()
    broker(
        "filesystem://",
        data_folder_in=str(tmp_path / "queue"),
        data_folder_out=str(tmp_path / "queue"),
        control_folder=str(tmp_path / "control"),
        processed_folder=str(tmp_path / "processed"),
    )

    assert tasks.ring() is True
    (message,) = (tmp_path / "queue").iterdir()
    assert '"proactive.tasks.tick"' in message.read_text()


def test_ringing_at_a_real_redis_leaves_one_message_there(broker, redis_url, monkeypatch):
    broker(redis_url, **redis_options(monkeypatch))

    assert tasks.ring() is True
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("celery") == 1
