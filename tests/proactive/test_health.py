"""Whether the service is up and sends: for monitors at /health/, for staff on every page."""

from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from proactive.models import CadenceSwitch

PAUSE = datetime(2090, 1, 5, 12, tzinfo=UTC)
STATES = {
    "on": ({}, "Sending is on", "success"),
    "off": ({"is_on": False, "reason": "audit"}, "Sending is off", "warning"),
    "paused": ({"paused_until": PAUSE}, "Paused until 2090-01-05 12:00 UTC", "warning"),
    "halted": ({"is_on": False, "halted": True, "reason": "a secret"}, "Sending halted", "danger"),
}

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", STATES)
def test_health_says_whether_sending_is_on_and_not_why(client, state):
    CadenceSwitch.objects.create(cadence="everything", **STATES[state][0])

    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/health/")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "sending": state})
    assert len(queries) == 1


def test_on_a_fresh_system_sending_is_on(client):
    assert client.get("/health/").json() == {"status": "ok", "sending": "on"}


def test_one_cadence_that_is_off_does_not_stop_sending(client):
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)

    assert client.get("/health/").json() == {"status": "ok", "sending": "on"}


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
def test_every_page_says_at_its_top_whether_texts_go_out(admin_client, state, address):
    fields, words, colour = STATES[state]
    CadenceSwitch.objects.create(cadence="everything", **fields)

    answer = admin_client.get(address)

    assert answer.context["environment"] == (words, colour)
    assert words in answer.content.decode()
