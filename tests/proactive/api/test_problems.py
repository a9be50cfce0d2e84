"""Whatever is refused, and by whom, is a problem in JSON; and nothing of it stands in a log."""

import logging

import pytest
from django.db import Error, InterfaceError, InternalError, OperationalError, connection
from django.test import Client

from caregiving.logs import TextFormatter
from proactive.api.reading import MOST_BYTES
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import EVENTS, PHONE, a_client, event, put, tell

pytestmark = pytest.mark.django_db

ADDRESS = f"/api/v1/caregivers/{PHONE}/"


def post(body, content_type="application/json"):
    return a_client().post(EVENTS, body, content_type=content_type)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"a": NaN}', 400),
        (b"[" * 100_000, 400),
        (b"1" * 5000, 400),
        (b'"\\ud800"', 422),
        (b'{"\\ud800": 1, "type": "contact"}', 422),
        (b'{"type": "contact", "phone_number": "\\u0000"}', 422),
        (b"[]", 422),
        (b"null", 422),
        (b'{"events": 7}', 422),
        (b'{"events": [[], null]}', 207),
    ],
)
def test_a_body_that_cannot_be_read_is_told_so(body, status):
    answer = post(body)

    assert answer.status_code == status
    if status != 207:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_is_not_said_to_be_json_is_not_read(content_type):
    assert post(b"{}", content_type).status_code == 415


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 3 * MOST_BYTES])
def test_a_body_that_is_too_large_is_refused(size):
    answer = post(b" " * size)

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:problem:too-large")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", EVENTS, 405),
        ("delete", f"/api/v1/caregivers/{PHONE}/", 405),
        ("get", "/api/v1/", 404),
        ("get", "/api/v2/events/", 404),
    ],
)
def test_addresses_and_methods_that_are_not_there_are_problems_too(method, path, status):
    answer = getattr(a_client(), method)(path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    )
    assert ("Allow" in answer.headers) == (status == 405)


def test_outside_of_the_api_refusals_stay_pages():
    assert "html" in Client().get("/nowhere/").headers["Content-Type"]


def test_a_bug_is_a_problem_that_says_nothing_of_it(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("about Zenobia")

    monkeypatch.setattr("proactive.api.recording.record", fail)
    client = a_client()
    client.raise_request_exception = False

    answer = tell(client, event())

    assert (answer.status_code, answer.json()["status"]) == (500, 500)
    assert "Zenobia" not in answer.content.decode()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, InternalError, Error])
@pytest.mark.parametrize("table", ["proactive_apitoken", "caregiving_caregiver"])
@pytest.mark.parametrize("call", [lambda c: c.get(ADDRESS), lambda c: tell(c, event()), put])
def test_a_database_that_fails_is_told_as_such_whatever_its_driver_calls_it(call, table, error):
    """Already while the token is looked up, or only when it comes to the person."""

    def fail(execute, sql, *rest):
        if table in sql:
            raise error(f"the connection to {PHONE} is already closed")
        return execute(sql, *rest)

    client = a_client()
    with connection.execute_wrapper(fail):
        answer = call(client)

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.headers["Retry-After"], answer.json()["type"]) == ("5", "urn:problem:try-again")
    assert PHONE not in answer.content.decode()


def test_a_misspelt_parameter_is_refused_and_not_overlooked():
    answer = a_client().get(f"/api/v1/caregivers/{PHONE}/?day=10")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "day")


# --- Logs ---


def test_no_number_name_or_secret_stands_in_a_log(caplog):
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(TextFormatter())
    CaregiverFactory(phone_number=PHONE)
    client = a_client()

    tell(client, event("profile_change", first_name="Zenobia"))
    tell(client, event(first_name="Zenobia"))
    put(client, first_name="Zenobia\n")
    client.get("/api/v1/caregivers/+14155550000/")
    Client(headers={"Authorization": "Secret outreach_abc"}).get(f"/api/v1/caregivers/{PHONE}/")

    said = "\n".join(
        caplog.handler.format(one) for one in caplog.records if one.name != "django.db.backends"
    )
    assert "Unauthorized: /api/v1/caregivers/" in said
    for secret in (PHONE[2:], "4155550000", "Zenobia", "outreach_abc"):
        assert secret not in said
