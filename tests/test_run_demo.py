"""`make run`: what it refuses before anything starts, and the texts that scroll by."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo_texts import Texts, read_twilio_log, read_worker_log
from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER, FakeTwilio

ROOT = Path(__file__).resolve().parent.parent
PERSON = "+12025550143"


def refusal(**environment):
    """What it says on standard error, having started nothing."""
    run = subprocess.run(
        [sys.executable, "scripts/run_demo.py"],
        cwd=ROOT,
        env={**os.environ, "SMS_GATEWAY": "twilio", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (1, "")
    return run.stderr


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("name", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"])
def test_made_up_people_never_meet_a_real_account(name):
    ours = {"TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN}
    said = refusal(**(ours | {name: "of-a-real-account"}))

    assert f"{name} is that of a real account: made-up people must not get real texts." in said
    assert "of-a-real-account" not in said


def test_a_port_that_is_taken_is_named(free_port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(PORT=str(free_port), FAKE_TWILIO_PORT=str(port))
    assert f"Port {port} is taken" in said
    assert f"make run FAKE_TWILIO_PORT={port + 1}" in said


def test_the_two_servers_need_two_ports(free_port):
    said = refusal(PORT=str(free_port), FAKE_TWILIO_PORT=str(free_port))
    assert f"FAKE_TWILIO_PORT must be another port than {free_port}" in said


# Texts on the terminal.


def test_texts_of_the_fake_show_as_they_come_with_numbers_masked(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    with FakeTwilio(log, callback_delay=0) as fake:
        texts = Texts(log, read_twilio_log)
        fake.create_message({"To": PERSON, "From": NUMBER, "Body": "Hi\n\x1b[31mMaria"})
        fake.create_message({"To": "nonsense", "From": NUMBER, "Body": "Refused"})
        fake.drain()
        texts.show_new()
        fake.receive(PERSON, "Hello")
        texts.show_new()
        texts.show_new()

    assert capsys.readouterr().out.splitlines() == [
        "SMS to +1202***0143: Hi  [31mMaria",
        "SMS from +1202***0143: Hello",
    ]


def test_replies_show_too():
    line = (
        '{"event": "inbound", "outcome": "%s", "reply": "Thank you",'
        ' "params": {"From": "+12025550143", "Body": "Hello"}}'
    )
    theirs, ours = "SMS from +1202***0143: Hello", "SMS to +1202***0143: Thank you"
    assert list(read_twilio_log(line % "reply")) == [theirs, ours]
    assert list(read_twilio_log(line % "blocked")) == [theirs]


def test_texts_of_the_console_gateway_are_found_in_the_workers_log():
    line = "2026-11-03 10:00:00 INFO proactive.sms.console: SMS to +12025550143: Hi Maria\n"
    assert list(read_worker_log(line)) == ["SMS to +1202***0143: Hi Maria"]
    assert list(read_worker_log("celery@here ready.\n")) == []


def test_a_flood_of_texts_is_counted(tmp_path, capsys):
    log = tmp_path / "worker.log"
    log.write_text("SMS to +12025550143: Hi\n" * 8 + "SMS to +1202")
    texts = Texts(log, read_worker_log)
    texts.show_new()
    assert capsys.readouterr().out.count("SMS to") == 5

    texts._since -= 60
    texts.show_new()
    assert capsys.readouterr().out == "... and 3 more\n"
