"""The fake from a shell."""

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fake_twilio.__main__ import main
from tests.test_fake_twilio import PERSON, PUBLIC, TWIML

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def reply(web):
    web.answer = (200, TWIML)


def text(fake, body, person=PERSON):
    return main(["text", "--to-fake", fake.url, "--from", person, body])


def test_the_command_prints_the_reply(fake, web, capsys):
    assert text(fake, "Hello") == 0
    web.answer = (200, "<Response/>")
    assert text(fake, "Hello") == 0

    assert capsys.readouterr().out == "Thank you & good night\n(no reply)\n"
    assert [call.params["Body"] for call in web.calls] == ["Hello", "Hello"]


def test_the_command_fails_in_words(fake, web, capsys):
    assert text(fake, "Hello", person="12") == 1
    web.answer = (500, "")
    assert text(fake, "Hello") == 1
    fake.stop()
    assert text(fake, "Hello") == 1

    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "A person has a number such as +12025550143"
    assert errors[1] == "The web server answered with HTTP 500"
    assert errors[2].startswith(f"The fake at {fake.url} cannot be reached:")


def test_the_server_runs_alone_and_ends_when_it_is_told_to(web, tmp_path):
    log, clock = tmp_path / "twilio.jsonl", tmp_path / "clock"
    clock.write_text("86400")
    server = subprocess.Popen(
        [
            *(sys.executable, "-W", "error", "-m", "tests.fake_twilio"),
            *("--log", log, "--clock-file", clock, "--webhooks", web.url, "--seed", "5"),
            *("--public-base", PUBLIC, "--number", "+12025550177"),
            "--no-opt-out-handling",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().removeprefix("listening on ").strip()
        assert main(["text", "--to-fake", url, "--from", PERSON, "STOP"]) == 0
    finally:
        server.terminate()
        output, errors = server.communicate(timeout=10)

    assert (server.returncode, output, errors) == (0, "", "")
    (entry,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (entry["event"], entry["outcome"], entry["reply"]) == (
        "inbound",
        "reply",
        "Thank you & good night",
    )
    assert entry["time"] == pytest.approx(time.time() + 86400, abs=60)
    assert (web.calls[0].params["To"], web.calls[0].signed) == ("+12025550177", True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--webhooks", "ftp://x"], "is not an address such as http://127.0.0.1:8000"),
        (["--webhooks", "127.0.0.1:8000"], "is not an address such as http://127.0.0.1:8000"),
        (["--port", "TAKEN"], "Address already in use"),
    ],
)
def test_a_server_that_cannot_start_says_why(fake, tmp_path, capsys, arguments, problem):
    taken = str(urlsplit(fake.url).port)
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("--log", str(tmp_path / "log")),
                *(taken if argument == "TAKEN" else argument for argument in arguments),
            ]
        )
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
