"""`manage.py prune`: what operators read, what machines read, and what it refuses."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from django.utils import timezone

from proactive import archiving
from proactive.checks import retention_is_chosen
from proactive.models import Message
from tests.conftest import ROOT
from tests.factories import MessageFactory
from tests.proactive.commanding import AT, refusal, run, run_json
from tests.proactive.people import DAY, NOON, person
from tests.proactive.test_pruning import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


def test_it_says_what_went_and_what_stays(at_noon):
    text()
    text(status="unknown")
    text(caregiver=person(legal_hold_since=NOON))

    shown = run("prune")

    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    assert ["texts", "2025-01-05", "1", "2"] in rows
    assert ["sweeps", "2026-10-07", "0", "0"] in rows
    assert "under a legal hold (1 people)" in shown
    assert Message.objects.count() == 2


def test_it_tells_machines(at_noon):
    text()
    quiet = {"gone": 0, "stays": 0, "passed_over": 0}
    retained = {"older_than": "2025-01-05T12:00:00+00:00", **quiet}

    assert run_json("prune") == {
        "now": AT,
        "dry_run": False,
        "kinds": {
            "texts": retained | {"gone": 1},
            "received texts": retained,
            "alerts": retained,
            "sweeps": {"older_than": "2026-10-07T12:00:00+00:00", **quiet},
        },
        "on_hold": 0,
        "archive": None,
        "stopped": "",
    }


def test_a_dry_run_may_look_into_the_future():
    text()
    assert "would go" in run("prune", "--dry-run")
    assert run_json("prune", "--dry-run", "--at", AT)["kinds"]["texts"]["gone"] == 1
    assert Message.objects.count() == 1
    assert "--at goes with --dry-run only" in refusal("prune", "--at", AT)


def test_another_age_can_be_named(at_noon):
    text(queued_at=NOON - 100 * DAY, occasion=NOON - 101 * DAY)
    assert run_json("prune", "--older-than", "101d")["kinds"]["texts"]["gone"] == 0
    assert run_json("prune", "--older-than", "100d")["kinds"]["texts"]["gone"] == 1


def test_the_archive_is_named_with_what_is_in_it(at_noon, tmp_path):
    one = text()
    path = tmp_path / "2027-01.jsonl.gz"

    shown = run("prune", "--archive", str(path))

    assert f"All of it is in {path}, with numbers and what people wrote" in shown
    assert [row["id"] for row in archiving.read(path)] == [str(one.pk)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_to_archive_leaves_no_file(at_noon, tmp_path):
    path = tmp_path / "2027-01.jsonl.gz"
    assert run_json("prune", "--archive", str(path))["archive"] is None
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--older-than", "2y"], "--older-than '2y' is no number of days: write it as 730d."),
        (["--older-than", "89d"], "Nothing younger than 90 days may be deleted"),
        (["--older-than", "0d"], "Nothing younger than 90 days may be deleted"),
        (["--older-than", "99999d"], "--older-than 99999d is longer ago than there were texts."),
        (["--archive", "x.jsonl"], "give it a name that ends in .jsonl.gz."),
        (["--archive", "x.gz", "--dry-run"], "--archive goes without --dry-run"),
        (["--archive", "/nowhere/x.gz"], "cannot be written: No such file or directory."),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(at_noon, arguments, says):
    text()
    assert says in refusal("prune", *arguments)
    assert Message.objects.count() == 1


def test_an_archive_is_never_added_to(at_noon, tmp_path):
    text()
    path = tmp_path / "x.jsonl.gz"
    path.write_text("of last year")
    assert "exists already" in refusal("prune", "--archive", str(path))
    assert path.read_text() == "of last year"
    assert Message.objects.count() == 1


def test_a_full_disk_is_told_and_loses_nothing(at_noon, tmp_path, monkeypatch):
    text()

    def full(self, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archiving.Archive, "keep", full)
    says = refusal("prune", "--archive", str(tmp_path / "x.jsonl.gz"))
    assert "No space left on device. What is deleted by now is in it" in says
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_stopped_has_lost_nothing_and_the_next_finishes(environ, tmp_path, kill):
    someone = person()
    queued = {"queued_at": timezone.now() - 1000 * DAY, "status": "sent"}
    Message.objects.bulk_create(
        MessageFactory.build_batch(5000, caregiver=someone, stage=None, occasion=None, **queued)
    )
    everything = {str(pk) for pk in Message.objects.values_list("pk", flat=True)}
    path = tmp_path / "1.jsonl.gz"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "prune", "--archive", str(path)],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # As soon as the first batch is in the archive, so that most are still to come.
    while process.poll() is None and (not path.exists() or path.stat().st_size < 5000):
        time.sleep(0.001)
    os.kill(process.pid, kill)
    output, _ = process.communicate(timeout=60)

    left = {str(pk) for pk in Message.objects.values_list("pk", flat=True)}
    kept = set()
    try:
        for row in archiving.read(path):
            kept.add(row["id"])
    except EOFError:
        assert kill == signal.SIGKILL
    assert kept | left == everything
    assert len(kept) >= 1000
    if kill == signal.SIGTERM and left:
        assert process.returncode == 1
        assert "Stopped early: it was asked to stop. Run this again" in output
        assert not kept & left

    second = tmp_path / "2.jsonl.gz"
    if left:
        run("prune", "--archive", str(second))
        kept |= {row["id"] for row in archiving.read(second)}
    assert kept == everything
    assert not Message.objects.exists()


# --- Settings ---


@pytest.mark.parametrize(
    ("daily", "days", "warnings"),
    [(True, "", ["proactive.W010"]), (True, "1460", []), (False, "", [])],
)
def test_what_is_deleted_every_day_is_a_decision(settings, monkeypatch, daily, days, warnings):
    settings.PRUNE_DAILY = daily
    for name in ("RETENTION_MESSAGES_DAYS", "RETENTION_INBOUND_DAYS"):
        monkeypatch.setenv(name, days)

    assert [warning.id for warning in retention_is_chosen()] == warnings
