"""Errors that Sentry is told of: where in the code, and nothing about whom."""

import json
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from caregiving import error_reports
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def events():
    """Of a view that breaks, and of an error that is logged."""
    pytest.importorskip("sentry_sdk")
    run = subprocess.run(
        [sys.executable, "-m", "tests.caregiving.reporting_errors"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_an_error_in_a_view_tells_where_it_was(events):
    error = events[0]["exception"]["values"][-1]

    assert error["value"] == "10 letters: the number +1415***2671 is taken"
    assert error["stacktrace"]["frames"][-1]["function"] == "breaks"
    assert events[0]["request"] == {"method": "POST", "url": "http://testserver/breaks/"}
    assert len(events[0]["tags"]["request_id"]) == 32


def test_no_event_tells_who_it_was_about_or_who_asked(events):
    assert len(events) == 2
    view, logged = events
    for frame in view["exception"]["values"][-1]["stacktrace"]["frames"]:
        assert "vars" not in frame
    for key in ("user", "breadcrumbs"):
        assert not view.get(key) or view[key] == {"values": []}
    # The lines of code around an error are told: theirs are no secrets.
    told = json.dumps([view["request"], view["tags"], view["exception"]["values"][-1]["value"]])
    for secret in ("+14155552671", "Wilhelmina", "hunter2", "crying", "10.1.2.3"):
        assert secret not in told
    assert "+14155552671" not in json.dumps(events)
    assert logged["logentry"]["formatted"] == "message 7: no such number: +1415***2671"
    assert "params" not in logged["logentry"]


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)

    with pytest.raises(ImproperlyConfigured, match="sentry-sdk is missing: install it"):
        error_reports.begin("https://key@sentry.example.org/1")


def test_a_dsn_that_is_none_is_said():
    pytest.importorskip("sentry_sdk")

    with pytest.raises(ImproperlyConfigured, match="SENTRY_DSN is malformed"):
        error_reports.begin("https://sentry.example.org/")
