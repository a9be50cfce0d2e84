"""What a line of the log says, and what it never does."""

import io
import json
import logging
import re
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, connection

from caregiving import logs
from caregiving.logs import Discreet, JsonFormatter, TextFormatter, clean
from tests.factories import CaregiverFactory


@pytest.fixture(autouse=True)
def outside_of_a_request():
    logs.request_id.set("")


@pytest.fixture(params=[TextFormatter, JsonFormatter], ids=["text", "json"])
def written(request):
    """Logs one record as the service does; returns the lines."""

    def write(log):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(request.param())
        logger = logging.Logger("proactive.sweeps")
        logger.addHandler(handler)
        log(logger)
        return stream.getvalue()

    return write


@pytest.fixture
def line():
    """The same as JSON, read."""

    def read(log):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonFormatter())
        logger = logging.Logger("proactive.sweeps")
        logger.addHandler(handler)
        log(logger)
        return json.loads(stream.getvalue())

    return read


@pytest.mark.parametrize(
    "number",
    [
        *("+14155552671", "+442079460958", "+1 415 555 2671", "%2B14155552671", "0014155552671"),
        *("4155552671", "14155552671", "(415) 555-2671", "415-555-2671", "415.555.2671"),
        *("415 5552671", "(415)555-2671", "(415) 5552671", "415-5552671", "415 - 555 - 2671"),
        *("1-415-555-2671", "1 (415) 555-2671", "1.415.555.2671", "+1.415.555.2671"),
        *("+1-(415)-555-2671", "+ 1 415 555 2671", "(+1) 415 555 2671", "+1 - 415 - 555 - 2671"),
        *("415\u2011555\u20112671", "415\u00a0555\u00a02671", "+44 (0)20 7946 0958"),
        *("020 7946 0958", "(030) 41555526", "%2B1%20%28415%29%20555-2671"),
        *("no.4155552671", "x,4155552671", "tel-4155552671", "'call\\n4155552671'"),
    ],
)
def test_a_number_is_masked_wherever_it_stands(written, number):
    said = written(lambda logger: logger.warning("the number %s is not valid", number))

    assert "the number" in said
    assert "is not valid" in said
    assert "***" in said
    # Four digits at its beginning and four at its end may be seen.
    shown = said.split("the number")[1].split("is not valid")[0]
    assert len(re.sub(r"\D", "", shown)) <= 8
    assert number not in said


@pytest.mark.parametrize(
    "harmless",
    [
        "sweep 4711 queued 1,234,567 of 10000000",
        "message 3f2504e0-4f89-41d3-9a0c-0305e82c3301: 30003",
        "message 12345678-1234-1234-1234-123456789012: late",
        "until 2026-11-30 15:20:46.123456+00:00",
        "SM0123456789abcdef0123456789abcdef at 192.168.100.1:8000",
        "1970-01-01T00:00:00+00:00",
        "request f3001234567890ab00415555267100aa late",
        "request a0014155552671b4155552671c5555ff late",
        "request 00141555526714155552671a5555ffff late",
        "task 3f2504e0-4f89-41d3-9a0c-001415555267 late",
        "[2026-11-30 15:20:46 +0000] [1234567] started",
        "on 2026-11-30 15 of 1000000 rows, 12.4155552671 s",
    ],
)
def test_what_is_no_number_of_a_person_stays(harmless):
    assert clean(harmless) == harmless


@pytest.mark.django_db
def test_the_values_in_an_error_of_the_database_are_left_out(written):
    """What PostgreSQL quotes: the row that it refused."""
    person = CaregiverFactory(first_name="Wilhelmina", care_recipient_name="Theodora\nSecond line")

    def log(logger):
        try:
            person.crisis_followup_count = 99
            person.save()
        except IntegrityError:
            logger.exception("caregiver %s: not saved", person.pk)

    said = written(log)

    assert f"caregiver {person.pk}: not saved" in said
    assert "IntegrityError" in said
    for word in ("Wilhelmina", "Theodora", "Second line", person.phone_number):
        assert word not in said
    if connection.vendor == "postgresql":
        assert "(values left out)" in said


def test_every_error_of_a_chain_is_cleaned_and_the_chain_stays():
    traceback = """Traceback (most recent call last):
psycopg.errors.CheckViolation: new row violates check "counts"
DETAIL:  Failing row contains (1, Ana,
Berta).

The above exception was the direct cause of the following exception:

django.db.utils.IntegrityError: new row violates check "counts"
DETAIL:  Failing row contains (1, Ana).
"""
    assert clean(traceback).splitlines() == [
        "Traceback (most recent call last):",
        'psycopg.errors.CheckViolation: new row violates check "counts"',
        "(values left out)",
        "The above exception was the direct cause of the following exception:",
        "",
        'django.db.utils.IntegrityError: new row violates check "counts"',
        "(values left out)",
    ]


def test_the_values_stay_out_of_an_error_whose_lines_are_written_out_as_celery_does(written):
    error = IntegrityError(
        'new row violates check "counts"\nDETAIL:  Failing row contains (1, Ana, likes "tea"\n).\n'
    )

    def log(logger):
        logger.error("Task %s raised unexpected: %r", "proactive.tasks.tick", error)
        logger.error("failed: %r", ["\nCONTEXT: Berta", error])

    said = written(log)

    assert "Task proactive.tasks.tick raised unexpected: IntegrityError(" in said
    assert "violates check" in said
    for word in ("Ana", "tea", "Berta"):
        assert word not in said


def test_what_comes_after_a_line_that_was_written_out_stays():
    text = "raised: Error('bad\\nDETAIL:  (1, Ana).\\n')\nTraceback (most recent call last):"

    assert clean(text) == (
        "raised: Error('bad\\n(values left out)\nTraceback (most recent call last):"
    )


def test_json_is_one_object_a_line(line):
    said = line(lambda logger: logger.info("two\nlines", extra={"fields": {"status": 200}}))

    assert said.pop("timestamp").endswith("+00:00")
    assert said == {
        "level": "INFO",
        "logger": "proactive.sweeps",
        "message": "two\nlines",
        "status": 200,
    }


def test_an_exception_stands_in_the_object(line):
    def log(logger):
        try:
            raise ValueError("+14155552671 is taken")
        except ValueError:
            logger.exception("it failed")

    assert line(log)["exception"].endswith("ValueError: +1415***2671 is taken")


def test_a_line_belongs_to_its_request_and_its_task(line, monkeypatch):
    task = SimpleNamespace(name="proactive.tasks.tick", request=SimpleNamespace(id="abc"))
    monkeypatch.setattr(logs, "current_task", task)
    token = logs.request_id.set("r1")
    try:
        said = line(lambda logger: logger.warning("late"))
    finally:
        logs.request_id.reset(token)

    assert (said["request_id"], said["task"], said["task_id"]) == (
        "r1",
        "proactive.tasks.tick",
        "abc",
    )


def test_as_text_the_ids_come_last():
    record = logging.LogRecord("proactive", logging.INFO, "", 0, "late", None, None)
    token = logs.request_id.set("r1")
    try:
        assert TextFormatter().format(record).endswith(" INFO proactive: late [request_id=r1]")
    finally:
        logs.request_id.reset(token)


@pytest.mark.parametrize(
    ("name", "level", "passes"),
    [
        ("django.db.backends", logging.DEBUG, False),
        ("django.db.backends.schema", logging.DEBUG, False),
        ("twilio.http_client", logging.INFO, False),
        ("twilio.http_client", logging.WARNING, True),
        ("django.request", logging.DEBUG, True),
        ("twiliolike", logging.DEBUG, True),
        ("proactive.sweeps", logging.DEBUG, True),
    ],
)
def test_what_tells_of_rows_and_requests_is_kept_out_at_any_level(name, level, passes):
    record = logging.LogRecord(name, level, "", 0, "said", None, None)

    assert Discreet().filter(record) is passes
