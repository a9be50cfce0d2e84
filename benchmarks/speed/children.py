"""Runs what is measured in processes of its own, with the settings of production.

The process that prints the table has no Django, so that it cannot warm up, slow down or configure
what it measures.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caregiving.secret_files import SECRETS

ROOT = Path(__file__).resolve().parent.parent.parent


class ChildFailed(Exception):
    """A process ended without a result; the text is the last that it said."""


def environ(database: str, **settings: str) -> dict[str, str]:
    """The whole environment of a process that works on `database`: production, and no carrier.

    `settings` go over it. Whatever the shell or a local `.env` says stays out.
    """
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "caregiving.settings",
        "DEBUG": "false",
        "SECRET_KEY": "of-no-use-to-anybody",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "PUBLIC_BASE_URL": "https://outreach.example.org",
        "SERVICE_NAME": "CareCheck",
        "SERVICE_TIME_ZONE": "UTC",
        "SMS_GATEWAY": "console",
        "CONSOLE_SMS_LOG": os.devnull,
        "TWILIO_AUTH_TOKEN": "signs-measured-webhooks",
        # What asks says that it came by https.
        "PROXY_COUNT": "1",
        # Said to be empty, or they would be read from a file.
        **dict.fromkeys(
            (
                *(f"{name}_FILE" for name in SECRETS),
                *("DATABASE_PASSWORD", "METRICS_TOKEN", "SENTRY_DSN"),
                *("REDIS_URL", "TWILIO_ACCOUNT_SID", "TWILIO_MESSAGING_SERVICE_SID"),
                *("TWILIO_FROM_NUMBER", "TWILIO_API_BASE_URL", "TWILIO_WEBHOOK_KEY"),
                *("EMAIL_URL", "EMAIL_FROM", "ALERT_ESCALATION_EMAIL", "SMS_PER_SECOND"),
                *("WEEKLY_REPORT_EMAIL", "DEAD_MANS_SWITCH_URL", "SENTRY_DSN"),
                *("ALLOW_TIME_TRAVEL", "REQUIRE_SECOND_FACTOR"),
                *("SWEEP_MULTIPLE", "SWEEP_CEILING"),
            ),
            "",
        ),
        **settings,
    }


def run(
    module: str,
    *arguments: object,
    database: str,
    settings: Mapping[str, str] | None = None,
) -> Any:
    """`python -m module arguments...` on `database`: what it printed last, read as JSON.

    Raises ChildFailed with its last words.
    """
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)],
        env=environ(database, **(settings or {})),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    lines = ended.stdout.strip().splitlines()
    if ended.returncode or not lines:
        said = ended.stderr.strip().splitlines() or ["it said nothing"]
        raise ChildFailed(f"{module}: {said[-1]} (status {ended.returncode})\n" + ended.stderr)
    return json.loads(lines[-1])
