"""Whether the service is up and sends: for monitors at /health/, for staff on every page."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from proactive.models import CadenceSwitch, Sweep

PAUSE = datetime(2090, 1, 5, 12, tzinfo=UTC)
STATES = {
    "on": ({}, "Sending is on", "success"),
    "off": ({"is_on": False, "reason": "audit"}, "Sending is off", "warning"),
    "paused": ({"paused_until": PAUSE}, "Paused until Thu 5 Jan 2090 12:00", "warning"),
    "halted": ({"is_on": False, "halted": True, "reason": "a secret"}, "Sending halted", "danger"),
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def running():
    """The clock ticks: a sweep has just come to its end."""
    return Sweep.objects.create(now=timezone.now(), finished_at=timezone.now())


@pytest.mark.parametrize("state", STATES)
def test_health_says_whether_sending_is_on_and_not_why(client, state):
    CadenceSwitch.objects.create(cadence="everything", **STATES[state][0])

    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/health/")

    expected = {"status": "ok", "sending": state, "last_sweep": None}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert len(queries) == 2


def test_on_a_fresh_system_sending_is_on(client):
    assert client.get("/health/").json()["sending"] == "on"


def test_one_cadence_that_is_off_does_not_stop_sending(client):
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)

    assert client.get("/health/").json()["sending"] == "on"


def test_health_says_when_a_sweep_last_ended_and_is_well_however_long_ago_that_was(client):
    ended = timezone.now() - timedelta(hours=3)
    Sweep.objects.create(now=ended, finished_at=ended)

    answer = client.get("/health/")

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    last = answer.json()["last_sweep"]
    assert datetime.fromisoformat(last["finished_at"]) == ended.replace(
        microsecond=ended.microsecond // 1000 * 1000
    )
    assert 3 * 3600 <= last["age"] < 3 * 3600 + 60


def test_when_the_database_does_not_answer_neither_does_the_service(client):
    def gone(*_):
        raise OperationalError("the server at 10.0.0.7 is gone")

    with connection.execute_wrapper(gone):
        answer = client.get("/health/")

    assert (answer.status_code, answer.json()) == (503, {"status": "database unreachable"})


def test_health_is_only_looked_at(client):
    assert client.post("/health/").status_code == 405


@pytest.mark.parametrize("address", ["/admin/", "/admin/caregiving/caregiver/"])
@pytest.mark.parametrize("state", STATES)
def test_every_page_says_at_its_top_whether_texts_go_out(admin_client, running, state, address):
    fields, words, colour = STATES[state]
    CadenceSwitch.objects.create(cadence="everything", **fields)

    answer = admin_client.get(address)

    assert answer.context["environment"] == (words, colour)
    assert words in answer.content.decode()


def test_whatever_is_switched_every_page_says_first_that_nothing_is_running(admin_client):
    CadenceSwitch.objects.create(cadence="everything", is_on=False)

    assert admin_client.get("/admin/").context["environment"] == (
        "Not running: it never has",
        "danger",
    )
