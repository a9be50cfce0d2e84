"""Playing a caregiver: the fake Twilio's page, and its command line."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.fake_twilio import AUTH_TOKEN, NUMBER, FakeTwilio, Step
from tests.fake_twilio.__main__ import main
from tests.fake_twilio.page import read_number
from tests.listener import Listener

ROOT = Path(__file__).resolve().parent.parent
PERSON = "+12025550143"
CONVERSATION = "/?person=%2B12025550143"
TWIML = "<Response><Message>Thank you &amp; good night</Message></Response>"


@pytest.fixture
def web():
    with Listener(public_base="http://localhost:8000", auth_token=AUTH_TOKEN) as web:
        web.answer = (200, TWIML)
        yield web


@pytest.fixture
def fake(web):
    with FakeTwilio(
        webhooks_base=web.url, public_base="http://localhost:8000", callback_delay=0
    ) as fake:
        yield fake


def ask(fake, method, path, form=None):
    """The status, text and Location of the answer."""
    connection = http.client.HTTPConnection(urlsplit(fake.url).netloc, timeout=5)
    try:
        connection.request(method, path, urlencode(form) if form else None)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("Location")
    finally:
        connection.close()


def read(fake, path="/"):
    status, content, _ = ask(fake, "GET", path)
    assert status == 200
    return content


def send(fake, body="Hi Maria", to=PERSON):
    fake.create_message({"To": to, "From": NUMBER, "Body": body})
    fake.drain()


def test_an_empty_page_says_so(fake):
    assert "Nobody has texted or been texted yet." in read(fake)
    assert "No texts yet." in read(fake, CONVERSATION)


def test_the_latest_conversation_comes_first(fake):
    send(fake, to="+12025550101")
    send(fake, to="+12025550102")
    fake.receive("+12025550101", "Hello")

    content = read(fake)
    assert content.count('<li><a href="/?person=') == 2
    assert content.index("+12025550101") < content.index("+12025550102")


def test_a_conversation_shows_both_sides_and_what_became_of_each_text(fake):
    send(fake, "How are you?")
    fake.script(Step(fails_with=30006))
    send(fake, "And today?")
    fake.receive(PERSON, "Tired")
    send(fake, "Not for them", to="+12025550199")

    content = read(fake, CONVERSATION).partition('id="texts"')[2]

    for piece in (
        "<p>How are you?</p><small>The service",
        ">delivered</span>",
        "<p>And today?</p><small>The service",
        "undelivered, error 30006",
        '<li class="theirs"><p>Tired</p><small>The caregiver',
        "<p>Thank you &amp; good night</p><small>Automatic reply",
    ):
        assert piece in content
    assert "Not for them" not in content


def test_what_people_write_is_never_markup(fake, web):
    web.answer = (200, "<Response/>")
    nasty = """<script>alert("'x'")</script>&amp;"""
    send(fake, nasty)
    fake.receive(PERSON, nasty)
    path = "/?" + urlencode({"person": f'"><script>{PERSON}'})
    form = {"from": f'"><script>{PERSON}', "body": nasty}

    for content in (
        read(fake),
        read(fake, CONVERSATION),
        read(fake, path),
        ask(fake, "POST", "/text", form)[1],
    ):
        assert content.count("<script>") == 1  # the page's own
        assert "&lt;script&gt;" in content


def test_the_form_texts_the_service_and_leads_to_the_reply(fake, web):
    status, _, location = ask(
        fake, "POST", "/text", {"from": "(202) 555-0143", "body": "one\r\ntwo"}
    )

    assert (status, location) == (303, f"{CONVERSATION}#body")
    assert web.calls[0].params["Body"] == "one\ntwo"
    assert "Thank you &amp; good night" in read(fake, CONVERSATION)


def test_stop_is_shown_until_start(fake):
    warning = "They said STOP"
    ask(fake, "POST", "/text", {"from": PERSON, "body": "STOP"})
    assert warning in read(fake, CONVERSATION)

    ask(fake, "POST", "/text", {"from": PERSON, "body": "START"})
    assert warning not in read(fake, CONVERSATION)


def test_a_number_that_is_none_is_explained_and_the_words_are_kept(fake, web):
    status, content, _ = ask(fake, "POST", "/text", {"from": "12", "body": "Hello there"})

    assert status == 400
    assert "A person has a number such as +12025550143" in content
    assert ">Hello there</textarea>" in content
    assert web.calls == []


def test_a_form_without_its_fields_is_refused(fake):
    assert ask(fake, "POST", "/text", {"other": "x"})[0] == 400


def test_a_web_server_that_is_away_is_named_in_words(fake, web):
    web.stop()
    ask(fake, "POST", "/text", {"from": PERSON, "body": "Hello"})
    assert f"The web server at {web.url} cannot be reached" in read(fake, CONVERSATION)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("(202) 555-0143", "+12025550143"),
        ("1 202.555.0143", "+12025550143"),
        (" +44 20 7946 0958 ", "+442079460958"),
        ("nonsense", "nonsense"),
    ],
)
def test_numbers_are_read_as_people_write_them(typed, number):
    assert read_number(typed) == number


# The command line.


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
            *("--public-base", "http://localhost:8000", "--number", "+12025550177"),
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
