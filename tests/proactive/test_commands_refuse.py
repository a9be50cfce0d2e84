"""What a command refuses or cannot do: one sentence that says what to do, and an exit status."""

import json
import socket
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from proactive.models import Message
from tests.conftest import ROOT
from tests.proactive.commanding import AT, CADENCES, refusal, run_json
from tests.proactive.people import NOON, due_for, person
from tests.proactive.queueing import queued

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "command", [["sweep"], ["deliver"], ["reconcile"], ["deliver", "--limit", "3"]]
)
def test_the_clock_is_not_moved_where_real_texts_might_go_out(gateway, command):
    queued()

    assert refusal(*command, "--at", AT) == (
        "--at goes with --dry-run only: another time could mean texts at night. "
        "On a rehearsal system, set ALLOW_TIME_TRAVEL=1."
    )
    assert gateway.tried == []


def test_a_rehearsal_system_may_move_the_clock_everywhere(settings, gateway):
    settings.ALLOW_TIME_TRAVEL = True
    due_for("wellness")

    assert run_json("sweep", "--at", AT)["queued"]["wellness"] == 1
    assert run_json("deliver", "--at", AT)["results"] == {"sent": 1}
    assert Message.objects.get().sent_at == NOON
    assert set(run_json("reconcile", "--at", AT).values()) == {0}


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2027-01-05T12:00:00", "has no UTC offset: add one, such as +00:00 or Z."),
        ("2027-01-05", "has no UTC offset: add one, such as +00:00 or Z."),
        ("noon", "is not ISO 8601: write it as 2026-03-01T15:00:00+00:00."),
        ("", "is not ISO 8601: write it as 2026-03-01T15:00:00+00:00."),
        ("2027-02-30T12:00:00Z", "is not ISO 8601: write it as 2026-03-01T15:00:00+00:00."),
        ("0001-01-01T00:00:00Z", "is too far away: name a year from 2000 to 2199."),
        ("9999-12-31T23:59:59Z", "is too far away: name a year from 2000 to 2199."),
    ],
)
@pytest.mark.parametrize("command", ["sweep", "explain", "forecast"])
def test_an_instant_that_cannot_be_meant_is_refused(command, at, says):
    arguments = ["--dry-run"] if command == "sweep" else [person().phone_number]

    assert refusal(command, *arguments, "--at", at) == f"--at {at!r} {says}"


@pytest.mark.parametrize(
    ("command", "flag"), [("after_restore", "--from"), ("replay_webhooks", "--since")]
)
def test_an_instant_that_cannot_be_meant_is_named_by_its_own_flag(command, flag):
    says = "is not ISO 8601: write it as 2026-03-01T15:00:00+00:00."

    assert refusal(command, flag, "noon") == f"{flag} 'noon' {says}"


def test_any_offset_names_the_same_instant():
    assert run_json("sweep", "--dry-run", "--at", "2027-01-05T07:00:00-05:00") == run_json(
        "sweep", "--dry-run", "--at", "2027-01-05T12:00:00Z"
    ) | {"now": "2027-01-05T07:00:00-05:00"}


@pytest.mark.parametrize("command", ["explain", "forecast"])
@pytest.mark.parametrize(
    ("number", "says"),
    [
        (
            "+14155550177",
            "Nobody has the number +14155550177. Look the person up by name in the admin, or "
            "check the country code.",
        ),
        (
            "maria",
            "'maria' is not a telephone number: write it with its country code, such as "
            "+14155552671.",
        ),
        (
            "123",
            "'123' has too few or too many digits for a telephone number: write it with its "
            "country code, such as +14155552671.",
        ),
    ],
)
def test_a_number_that_leads_to_nobody_is_refused(command, number, says):
    assert refusal(command, number) == says


def test_an_unknown_cadence_is_refused_with_those_that_exist():
    assert refusal("sweep", "--cadence", "birthday") == (
        f"unknown cadence 'birthday': choose from {', '.join(CADENCES)}"
    )


def test_a_held_sweep_is_a_failure_that_says_what_to_do(settings, time_machine, capsys):
    time_machine.move_to(NOON, tick=False)
    settings.SWEEP_CEILING = 1
    due_for("wellness")
    due_for("wellness")

    held = (
        "More than 1 people are due a text at once; there is no usual yet, which takes 3 days of "
        "texts."
    )
    says = (
        f"{held} Nothing was queued.\nLook at who is due with manage.py sweep --dry-run. If it is "
        "as it should be, run manage.py sweep --force, or open the sweep in the admin under Sweeps "
        "and let it go on."
    )
    assert refusal("sweep") == says
    with pytest.raises(CommandError, match="Nothing was queued"):
        call_command("sweep", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert (shown["held"], sum(shown["queued"].values())) == (held, 0)
    assert Message.objects.count() == 0


@pytest.mark.parametrize("days", ["0", "-1", "367"])
def test_a_forecast_of_days_that_cannot_be_is_refused(days):
    assert refusal("forecast", person().phone_number, "--days", days) == (
        "--days must be 1 to 366."
    )


def test_a_limit_that_lets_nothing_through_is_refused():
    assert refusal("deliver", "--limit", "0") == "--limit must be 1 or more."


# --- As a process: exit status, standard output, no tracebacks ---


def manage(*arguments, environ):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.django_db(transaction=True)
def test_json_stands_alone_on_standard_output_also_when_texts_are_printed(environ, console_log):
    message = queued("crisis_followup")

    ended = manage("deliver", "--json", "--at", AT, environ=environ | {"ALLOW_TIME_TRAVEL": "true"})

    assert ended.returncode == 0
    assert json.loads(ended.stdout) == {
        "results": {"sent": 1},
        "stopped": "",
        "still_queued": 0,
    }
    assert ended.stderr == f"SMS to {message.to_number}: {message.body}\n"
    assert len(console_log.read_text().splitlines()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_one_sentence_and_a_status(environ):
    ended = manage("explain", "maria", "--json", environ=environ)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "CommandError: 'maria' is not a telephone number: write it with its country code, such "
        "as +14155552671.\n"
    )


@pytest.fixture
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


COMMANDS = {
    "sweep": ["sweep"],
    "deliver": ["deliver"],
    "reconcile": ["reconcile"],
    "explain": ["explain", "+14155550100"],
    "forecast": ["forecast", "+14155550100"],
    "sync_schedules": ["sync_schedules"],
}


@pytest.mark.parametrize("command", ["sweep", "deliver", "explain", "sync_schedules"])
def test_with_the_database_gone_it_fails_and_says_what_to_do(environ, closed_port, command):
    ended = manage(
        *COMMANDS[command],
        "--json",
        environ=environ | {"DATABASE_URL": f"postgres://u:secret@127.0.0.1:{closed_port}/x"},
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("CommandError: The database failed: connection")
    assert "Check DATABASE_URL and that the server runs" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("command", ["reconcile", "forecast"])
def test_with_a_database_that_was_not_migrated_it_fails_and_says_so(environ, tmp_path, command):
    ended = manage(
        *COMMANDS[command],
        "--json",
        environ=environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"},
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "CommandError: The database failed: no such table" in ended.stderr
    assert "is migrated (manage.py migrate)" in ended.stderr
    assert "Traceback" not in ended.stderr
