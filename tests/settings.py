"""The project's settings for tests, whatever the shell or a local `.env` says.

The environment is set before `caregiving.settings` reads it, so that no test can reach a real
database, a real carrier or the files under `var/`; processes that tests start inherit it.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "OUTREACH_TEST_DIR" not in os.environ:
    # The first process makes the folder and removes it; the workers of pytest-xdist inherit it.
    os.environ["OUTREACH_TEST_DIR"] = tempfile.mkdtemp(prefix="outreach-tests-")
    atexit.register(shutil.rmtree, os.environ["OUTREACH_TEST_DIR"], ignore_errors=True)

_folder = Path(os.environ["OUTREACH_TEST_DIR"]) / os.environ.get("PYTEST_XDIST_WORKER", "main")
_folder.mkdir(exist_ok=True)

os.environ.update(
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{_folder / 'unused.sqlite3'}",
    DATABASE_PASSWORD="",
    REDIS_URL="",
    BROKER_DIR=str(_folder / "broker"),
    CONSOLE_SMS_LOG=str(_folder / "sms.jsonl"),
    DEBUG="true",
    SECRET_KEY="only-for-tests",
    OPT_OUT_KEY="",
    ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
    PUBLIC_BASE_URL="https://outreach.example.org",
    SERVICE_NAME="CareCheck",
    SERVICE_TIME_ZONE="",
    ALLOW_TIME_TRAVEL="false",
    SMS_GATEWAY="console",
    SMS_PER_SECOND="",
    # One after the other and in the test's own thread; those about many at once say so.
    SMS_IN_FLIGHT="1",
    SMS_SEGMENT_COST="",
    TWILIO_ACCOUNT_SID="",
    TWILIO_AUTH_TOKEN="",
    TWILIO_MESSAGING_SERVICE_SID="",
    TWILIO_FROM_NUMBER="",
    TWILIO_API_BASE_URL="",
    TWILIO_WEBHOOK_KEY="",
    OPT_OUT_CONFIRMATION="twilio",
    SWEEP_MULTIPLE="",
    SWEEP_CEILING="",
    RETENTION_MESSAGES_DAYS="",
    RETENTION_INBOUND_DAYS="",
    RETENTION_SWEEPS_DAYS="",
    RETENTION_WEBHOOKS_DAYS="",
    WEBHOOK_DISABLE_AFTER_DAYS="",
    PRUNE_DAILY="",
    ALERT_ESCALATION_EMAIL="",
    ALERT_ESCALATION_MINUTES="",
    METRICS_TOKEN="",
    DEAD_MANS_SWITCH_URL="",
    TICK_OVERDUE_MINUTES="",
    LOG_FORMAT="",
    LOG_LEVEL="",
    SENTRY_DSN="",
    WEEKLY_REPORT_EMAIL="",
    EMAIL_URL="",
    EMAIL_FROM="",
    PROXY_COUNT="",
    REQUIRE_SECOND_FACTOR="",
    SESSION_IDLE_MINUTES="",
    API_REQUESTS_PER_MINUTE="",
)

from caregiving.settings import *  # noqa: E402, F403
from caregiving.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because tests use several connections, threads and processes.
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / "test.sqlite3")}
    # Tests kill processes, not the machine: waiting for the disk would only slow them down.
    _init = DATABASES["default"]["OPTIONS"]["init_command"]
    DATABASES["default"]["OPTIONS"]["init_command"] = _init.replace("FULL", "OFF")

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
