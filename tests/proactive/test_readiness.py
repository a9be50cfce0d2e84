"""Which part is missing, by name, and what to do: for monitors at /health/ready/."""

import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from proactive import readiness, scheduling, ticking
from proactive.clocks import DAY, HOUR
from proactive.models import CadenceSwitch, TickPart
from proactive.readiness import MOST, check_all, texts_too_late
from tests.factories import MessageFactory
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
NAMES = ["database", "broker", "beat", "tick", "backlog"]


@pytest.fixture(autouse=True)
def well(time_machine):
    """At noon, with everything as it should be."""
    time_machine.move_to(NOON, tick=False)
    scheduling.sync_schedules()
    rung(NOON - 3 * MINUTE)
    ticking.note(TickPart.TICK, seconds=1, succeeded=True)


def rung(at):
    entry = scheduling.tick_entry()
    entry.last_run_at = at
    entry.save()


def ask(client):
    answer = client.get("/health/ready/")
    return answer.status_code, answer.json()


def missing(client):
    """The names of what does not hold; each says what it found, and what to do."""
    status, found = ask(client)
    broken = [name for name, check in found["checks"].items() if not check["ok"]]
    assert (status, found["status"]) == ((503, "not ready") if broken else (200, "ready"))
    for name, check in found["checks"].items():
        assert check["says"]
        assert bool(check["do"]) is (name in broken)
    return broken


def test_ready_when_every_check_holds(client):
    status, found = ask(client)

    assert (status, found["status"], list(found["checks"])) == (200, "ready", NAMES)
    assert missing(client) == []


def test_it_is_only_looked_at(client):
    assert client.post("/health/ready/").status_code == 405


def test_without_a_database_nothing_that_it_would_answer_is_known(client):
    def gone(*_):
        raise OperationalError("the server at 10.0.0.7 is gone")

    with connection.execute_wrapper(gone):
        assert missing(client) == ["database", "beat", "tick", "backlog"]
        assert "10.0.0.7" not in client.get("/health/ready/").content.decode()


def test_a_broker_that_does_not_answer(client, settings, monkeypatch):
    from caregiving.celery import app

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"redis://user:hunter2@127.0.0.1:{unused.getsockname()[1]}/0"
    settings.REDIS_URL = address
    for name in ("broker_url", "broker_read_url", "broker_write_url"):
        monkeypatch.setitem(app.conf, name, address)
    monkeypatch.setitem(app.conf, "broker_transport_options", {"max_retries": 0})

    assert missing(client) == ["broker"]
    assert "hunter2" not in client.get("/health/ready/").content.decode()


def test_a_redis_that_answers(client, settings, monkeypatch, redis_url):
    from caregiving.celery import app

    settings.REDIS_URL = redis_url
    for name in ("broker_url", "broker_read_url", "broker_write_url"):
        monkeypatch.setitem(app.conf, name, redis_url)
    monkeypatch.setitem(app.conf, "broker_transport_options", {"max_retries": 0})

    assert missing(client) == []


def test_a_broker_that_takes_the_call_and_says_nothing_is_waited_for_once(
    client, settings, monkeypatch
):
    from caregiving.celery import app

    monkeypatch.setattr(readiness, "BROKER_HAS", 0.25)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        for name in ("broker_url", "broker_read_url", "broker_write_url"):
            monkeypatch.setitem(app.conf, name, settings.REDIS_URL)
        options = {"socket_timeout": 5, "socket_connect_timeout": 5, "max_retries": 0}
        monkeypatch.setitem(app.conf, "broker_transport_options", options)
        began = time.perf_counter()

        assert missing(client) == ["broker"]

        # Twice as long would be a second try; the rest is the other checks.
        assert time.perf_counter() - began < 1


def test_a_storm_of_probes_asks_the_database_once_in_five_seconds(client, time_machine):
    ask(client)
    time_machine.move_to(NOON + timedelta(seconds=4.9), tick=False)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            assert ask(client)[0] == 200
    assert len(queries) == 0

    scheduling.tick_entry().delete()
    time_machine.move_to(NOON + timedelta(seconds=5), tick=False)

    assert missing(client) == ["beat"]


def test_an_answer_of_a_clock_that_was_set_back_does_not_hold(client, time_machine):
    ask(client)
    scheduling.tick_entry().delete()
    time_machine.move_to(NOON - MINUTE, tick=False)

    assert missing(client) == ["beat"]


def test_the_folder_of_the_embedded_broker_is_gone(client, settings, tmp_path):
    gone = {"data_folder_out": str(Path(tmp_path) / "gone")}
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = gone

    assert missing(client) == ["broker"]


@pytest.mark.parametrize("at", [None, NOON - 10 * MINUTE - timedelta(seconds=1)])
def test_beat_that_is_not_heard_from(client, at):
    rung(at)

    assert missing(client) == ["beat"]


@pytest.mark.parametrize(
    ("after", "says", "do"),
    [
        (2 * MINUTE, "not heard from yet; waiting for 2 minutes", "wait some minutes"),
        (11 * MINUTE, "not heard from yet, after 11 minutes", "read its log"),
    ],
)
def test_beat_that_has_not_rung_yet_is_waited_for_calmly_at_first(
    client, time_machine, after, says, do
):
    rung(None)
    time_machine.move_to(NOON + after, tick=False)

    beat = ask(client)[1]["checks"]["beat"]

    assert (ask(client)[0], beat["ok"], beat["says"]) == (503, False, says)
    assert do in beat["do"]


def test_a_tick_that_is_switched_off_in_the_schedule(client):
    scheduling.set_enabled(scheduling.tick_entry(), False)

    assert missing(client) == ["beat"]


def test_a_schedule_without_a_tick(client):
    scheduling.tick_entry().delete()

    assert missing(client) == ["beat"]


def test_a_worker_that_hangs_while_beat_rings(client, time_machine):
    time_machine.move_to(NOON + 11 * MINUTE, tick=False)
    rung(NOON + 10 * MINUTE)

    assert missing(client) == ["tick"]
    tick = ask(client)[1]["checks"]["tick"]
    assert tick["says"] == "none went through for 11 minutes"
    assert "Restart the worker" in tick["do"]


def test_a_tick_of_which_a_part_fails(client, time_machine):
    time_machine.move_to(NOON + 11 * MINUTE, tick=False)
    rung(NOON + 10 * MINUTE)
    ticking.note("run_sweep", seconds=1, succeeded=False)
    ticking.note(TickPart.TICK, seconds=1, succeeded=False)

    tick = ask(client)[1]["checks"]["tick"]
    assert tick["says"] == "none went through for 11 minutes; what fails: run_sweep"


def test_where_no_tick_ever_went_through(client):
    TickPart.objects.all().delete()

    assert missing(client) == ["tick"]


# --- The backlog ---


def too_late(**fields):
    """A follow-up whose words fitted until 72 hours after the crisis: ten minutes ago."""
    return MessageFactory(**{"occasion": NOON - 72 * HOUR - 10 * MINUTE} | fields)


def test_a_text_that_waits_past_its_late_limit(client):
    too_late()

    assert missing(client) == ["backlog"]
    assert ask(client)[1]["checks"]["backlog"]["says"].endswith("limit: 1")


@pytest.mark.parametrize(
    "fields",
    [
        {"occasion": NOON - 72 * HOUR - 4 * MINUTE},
        {"status": "sending"},
        {"status": "unknown"},
        {"status": "superseded"},
        {"cadence": "wellness", "stage": None, "occasion": None, "queued_at": NOON - 9 * DAY},
    ],
    ids=str,
)
def test_what_delivery_may_still_see_to_or_has_left_behind_is_no_backlog(client, fields):
    too_late(**fields)

    assert missing(client) == []


@pytest.mark.parametrize("switch", ["everything", "crisis_followup"])
def test_what_staff_have_switched_off_is_meant_to_wait(client, switch):
    too_late()
    CadenceSwitch.objects.create(cadence=switch, is_on=False)

    assert missing(client) == []


def test_what_a_halt_keeps_back_is_not(client):
    too_late()
    CadenceSwitch.objects.create(cadence="everything", is_on=False, halted=True)

    assert missing(client) == ["backlog"]


def test_a_long_backlog_is_counted_no_further_than_anybody_reads():
    with CaptureQueriesContext(connection) as queries:
        assert texts_too_late(now=NOON) == 0

    assert f"LIMIT {MOST + 1}" in queries[-1]["sql"]


def test_how_much_it_asks_does_not_grow():
    with CaptureQueriesContext(connection) as queries:
        check_all(now=NOON)

    assert len(queries) == 5
