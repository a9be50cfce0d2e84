"""Fixtures for all tests. Which database and carrier they use is set in `tests/settings.py`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.db import connection

from proactive.models import WebhookEndpoint
from tests.factories import CaregiverFactory
from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio
from tests.fakes import RecordingGateway

# These need a browser: `make browser-tests`, which names them.
collect_ignore = ["browser"]

ROOT = Path(__file__).resolve().parent.parent


def pytest_report_header() -> str:
    return f"database: {connection.vendor}"


@pytest.fixture(autouse=True)
def looks_anew_whether_all_is_ready():
    """What one test found holds for five seconds, and not for the next test."""
    yield
    readiness = sys.modules.get("proactive.readiness")
    if readiness is not None:
        readiness._recent.forget()


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    """No process asks who wants webhooks while there is nobody; to add an endpoint has it ask."""
    WebhookEndpoint.objects.assume_none()
    yield
    WebhookEndpoint.objects.assume_none()


@pytest.fixture
def caregiver(db):
    return CaregiverFactory()


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> RecordingGateway:
    """What `get_gateway()` returns during the test, wherever it was imported to."""
    recording = RecordingGateway()
    monkeypatch.setattr("proactive.sms.gateway._build", lambda *configuration: recording)
    return recording


@pytest.fixture
def console_log(settings, tmp_path: Path) -> Path:
    """Where the console gateway of this test writes, and of processes started with `environ`."""
    settings.CONSOLE_SMS_LOG = tmp_path / "sms.jsonl"
    return settings.CONSOLE_SMS_LOG


@pytest.fixture
def environ(transactional_db, console_log: Path, tmp_path: Path) -> dict[str, str]:
    """The environment for a process of the project that works on this test's database."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "caregiving.settings",
        "DATABASE_URL": database_url(),
        "CONSOLE_SMS_LOG": str(console_log),
        "BROKER_DIR": str(tmp_path / "broker"),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def twilio(environ: dict[str, str], tmp_path: Path) -> Iterator[FakeTwilio]:
    """A fake Twilio, through which processes started with `environ` send."""
    with FakeTwilio(tmp_path / "twilio.jsonl") as fake:
        environ |= {
            "SMS_GATEWAY": "twilio",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_FROM_NUMBER": "+14155550100",
            "TWILIO_API_BASE_URL": fake.url,
            # No proxy of the machine that runs the tests comes between.
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        yield fake


def database_url() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


@pytest.fixture
def redis_url() -> str:
    """An empty database, one for each test process, on a real Redis-compatible server."""
    server = os.environ.get("TEST_REDIS_URL")
    if not server:
        pytest.skip("no Redis-compatible server: run `make test`, or set TEST_REDIS_URL")
    process = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = urlsplit(server)._replace(path=f"/{process}").geturl()
    with redis.Redis.from_url(url) as client:
        # Only what Celery left there: the server may have other users.
        for key in client.scan_iter():
            if key == b"celery" or key.startswith((b"_kombu", b"unacked")):
                client.delete(key)
    return url
