"""The doorbell for real: a worker and beat as processes of their own, and a Redis between them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery
from django_celery_beat.models import IntervalSchedule

from proactive.models import Message, Status
from proactive.scheduling import sync_schedules
from tests.conftest import ROOT
from tests.fake_twilio import Step
from tests.proactive.people import people_in_crisis
from tests.proactive.queueing import statuses

TICK = "proactive.tasks.tick"
PATIENCE = 90


@pytest.fixture
def environ(environ, redis_url) -> dict[str, str]:
    return environ | {"REDIS_URL": redis_url}


@contextmanager
def celery(environ: dict[str, str], log: Path, *arguments: str) -> Iterator[subprocess.Popen]:
    """`celery -A caregiving ...` in a process of its own, stopped at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "caregiving", *arguments, "--loglevel", "INFO"],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"still waiting; the log says:\n{log.read_text()}"
        time.sleep(0.1)


def test_ticks_that_come_doubled_and_again_text_each_person_once(
    environ, redis_url, console_log, tmp_path
):
    people = people_in_crisis(5)
    log = tmp_path / "worker.log"
    client = Celery(broker=redis_url)

    with celery(environ, log, "worker", "--without-mingle", "--concurrency", "2"):
        client.send_task(TICK)
        client.send_task(TICK, task_id="the same")
        client.send_task(TICK, task_id="the same")
        wait_until(lambda: log.read_text().count(" succeeded in ") == 3, log)

    sent = [json.loads(line)["to"] for line in console_log.read_text().splitlines()]
    assert sorted(sent) == sorted(person.phone_number for person in people)
    assert list(Message.objects.values_list("status", flat=True)) == [Status.SENT] * 5


def test_a_tick_that_failed_does_not_stop_the_worker(environ, redis_url, console_log, tmp_path):
    people_in_crisis(1)
    log = tmp_path / "worker.log"
    client = Celery(broker=redis_url)

    with celery(environ, log, "worker", "--without-mingle", "--pool", "solo"):
        client.send_task(TICK, args=["an argument that it does not take"])
        client.send_task(TICK)
        wait_until(lambda: " succeeded in " in log.read_text(), log)

    assert len(console_log.read_text().splitlines()) == 1


def test_a_worker_that_is_told_to_stop_finishes_the_text_in_hand_and_begins_no_other(
    environ, redis_url, twilio, tmp_path
):
    people_in_crisis(6)
    twilio.script(Step(delay=2, repeat=True))
    log = tmp_path / "worker.log"

    with celery(environ, log, "worker", "--without-mingle", "--concurrency", "2") as worker:
        Celery(broker=redis_url).send_task(TICK)
        wait_until(lambda: len(twilio.requests) == 1, log)
        worker.send_signal(signal.SIGTERM)
        # All six would take longer.
        assert worker.wait(timeout=10) == 0, log.read_text()

    assert len(twilio.requests) == 1
    assert statuses() == {"sent": 1, "queued": 5}


def test_beat_rings_the_tick_that_is_scheduled(environ, redis_url, tmp_path):
    sync_schedules()
    # Nobody should wait a minute for a test.
    IntervalSchedule.objects.filter(every=60).update(every=1)
    log = tmp_path / "beat.log"

    with (
        redis.Redis.from_url(redis_url) as broker,
        celery(environ, log, "beat", "--pidfile", ""),
    ):
        wait_until(lambda: broker.llen("celery") > 0, log)
        rung = json.loads(broker.lindex("celery", 0))

    assert rung["headers"]["task"] == TICK
    # What waited for longer than until the next one is dropped.
    assert rung["headers"]["expires"] is not None
