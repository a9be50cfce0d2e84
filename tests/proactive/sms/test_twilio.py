import json
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import traceback
import urllib.request
import uuid
from datetime import timedelta

import pytest
import requests
import urllib3.exceptions

from proactive.models import Message
from proactive.sms import twilio as twilio_gateway
from proactive.sms.errors import MEANINGS, read_refusal, say
from proactive.sms.gateway import Gateway, Outcome, SmsError, get_gateway
from proactive.sms.twilio import TwilioGateway
from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio, Step

NUMBER = "+12025550143"
BODY = "Hi Maria, it’s CareCheck. How are you and José today? 💛"
SERVICE_SID = "MG" + "ab" * 16
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy of the machine that runs the tests comes between."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def fake(tmp_path):
    with FakeTwilio(tmp_path / "twilio.jsonl") as fake:
        yield fake


@pytest.fixture
def configured(settings):
    settings.TWILIO_ACCOUNT_SID = ACCOUNT_SID
    settings.TWILIO_AUTH_TOKEN = AUTH_TOKEN
    settings.TWILIO_MESSAGING_SERVICE_SID = SERVICE_SID
    settings.TWILIO_FROM_NUMBER = ""
    settings.PUBLIC_BASE_URL = "https://outreach.example.org"
    return settings


@pytest.fixture
def gateway(configured, fake) -> Gateway:
    configured.TWILIO_API_BASE_URL = fake.url
    return TwilioGateway()


def a_message(**changes) -> Message:
    """As it comes from the database."""
    message = Message(**({"to_number": NUMBER, "body": BODY} | changes))
    message._state.adding = False
    return message


def fail(gateway: Gateway) -> SmsError:
    with pytest.raises(SmsError) as caught:
        gateway.send(a_message(), validity=HOUR)
    return caught.value


# What is sent.


def test_send_submits_exactly_these_parameters_and_returns_the_sid(gateway, fake):
    message = a_message(id=uuid.UUID("6f1d2c3b-0000-4000-8000-000000000001"))

    sid = gateway.send(message, validity=timedelta(minutes=90))

    (request,) = fake.requests
    assert request["sid"] == sid
    assert request["params"] == {
        "To": NUMBER,
        "MessagingServiceSid": SERVICE_SID,
        "Body": BODY,
        "StatusCallback": "https://outreach.example.org/webhooks/twilio/status/"
        "6f1d2c3b-0000-4000-8000-000000000001/",
        "ValidityPeriod": "5400",
    }


def test_no_reports_are_asked_for_on_a_text_that_is_stored_nowhere(gateway, fake):
    gateway.send(Message(to_number=NUMBER, body=BODY), validity=HOUR)

    assert fake.requests[0]["params"] == {
        "To": NUMBER,
        "MessagingServiceSid": SERVICE_SID,
        "Body": BODY,
        "ValidityPeriod": "3600",
    }


def test_the_from_number_is_used_without_a_messaging_service(gateway, fake, configured):
    configured.TWILIO_MESSAGING_SERVICE_SID = ""
    configured.TWILIO_FROM_NUMBER = "+12025550100"

    TwilioGateway().send(a_message(), validity=HOUR)

    params = fake.requests[0]["params"]
    assert params["From"] == "+12025550100"
    assert "MessagingServiceSid" not in params


@pytest.mark.parametrize(
    "body",
    ["plain", "line\nbreak & 100% + more = fine; $x", "ñ € 你好 👩🏽‍🦽 💛", " spaces ", "x" * 1600],
)
def test_the_body_arrives_as_it_is(gateway, fake, body):
    gateway.send(a_message(body=body), validity=HOUR)
    assert fake.requests[0]["params"]["Body"] == body


@pytest.mark.parametrize(
    ("validity", "seconds"),
    [
        (timedelta(seconds=-5), "1"),
        (timedelta(0), "1"),
        (timedelta(seconds=0.4), "1"),
        (timedelta(seconds=59.9), "59"),
        (timedelta(hours=10), "36000"),
        (timedelta(days=3), "36000"),
    ],
)
def test_validity_is_in_whole_seconds_and_within_bounds(gateway, fake, validity, seconds):
    gateway.send(a_message(), validity=validity)
    assert fake.requests[0]["params"]["ValidityPeriod"] == seconds


def test_the_http_timeout_is_set(configured):
    configured.SMS_TIMEOUT_SECONDS = 7
    client = TwilioGateway()._messages._version.domain.twilio
    assert client.http_client.timeout == 7.0
    assert isinstance(client.http_client.timeout, float)
    assert client.api.base_url == "https://api.twilio.com"


def test_threads_share_one_gateway(gateway, fake):
    messages = [a_message(to_number=f"+1202555{n:04}") for n in range(40)]
    sids = {}

    def send_some(part):
        for message in part:
            sids[message.to_number] = gateway.send(message, validity=HOUR)

    threads = [threading.Thread(target=send_some, args=(messages[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sids == {request["params"]["To"]: request["sid"] for request in fake.requests}
    assert len(sids) == 40


def test_settings_choose_this_gateway(configured):
    configured.SMS_GATEWAY = "twilio"
    assert isinstance(get_gateway(), TwilioGateway)
    assert get_gateway() is get_gateway()


# What a refusal means.


@pytest.mark.parametrize(
    ("status", "code", "outcome", "says"),
    [
        (400, 21610, Outcome.OPTED_OUT, "The person has opted out by texting STOP to our number"),
        (400, 21211, Outcome.REJECTED, "The number is not a valid phone number"),
        (400, 21408, Outcome.REJECTED, "Texts to this number's country are not enabled at Twilio"),
        (400, 21612, Outcome.REJECTED, "The number cannot be reached from our sender"),
        (400, 21614, Outcome.REJECTED, "The number cannot receive texts"),
        (400, 21617, Outcome.REJECTED, "The text is longer than 1600 characters"),
        (400, 21635, Outcome.REJECTED, "The number is a landline"),
        (400, 29999, Outcome.REJECTED, "Twilio refused the text"),
        (401, 20003, Outcome.MISCONFIGURED, "Twilio does not accept our account SID and token"),
        (403, 20003, Outcome.MISCONFIGURED, "Twilio does not accept our account SID and token"),
        (403, 29998, Outcome.MISCONFIGURED, "Twilio does not let us in"),
        (404, 20404, Outcome.MISCONFIGURED, "Twilio does not know our account SID"),
        (400, 21606, Outcome.MISCONFIGURED, "Our sender's number cannot send texts"),
        (400, 21608, Outcome.MISCONFIGURED, say(21608).removesuffix(" (21608)")),
        (400, 21609, Outcome.MISCONFIGURED, say(21609).removesuffix(" (21609)")),
        (400, 21659, Outcome.MISCONFIGURED, "Our sender's number is not a Twilio number"),
        (400, 21660, Outcome.MISCONFIGURED, say(21660).removesuffix(" (21660)")),
        (400, 21703, Outcome.MISCONFIGURED, say(21703).removesuffix(" (21703)")),
        (400, 30032, Outcome.MISCONFIGURED, "Our toll-free number is not verified"),
        (400, 30034, Outcome.MISCONFIGURED, say(30034).removesuffix(" (30034)")),
        (429, 20429, Outcome.BUSY, "Twilio asked us to slow down"),
        (400, 21611, Outcome.BUSY, "Our sender's queue at Twilio is full"),
        (429, 21611, Outcome.BUSY, "Our sender's queue at Twilio is full"),
        (400, 30001, Outcome.BUSY, "Our queue at Twilio is full"),
    ],
)
def test_each_refusal_has_its_outcome_and_sentence(gateway, fake, status, code, outcome, says):
    fake.script(Step(status=status, code=code))

    error = fail(gateway)

    assert (error.outcome, error.code, str(error)) == (outcome, str(code), f"{says} ({code})")
    assert fake.accepted == []


def test_refusals_in_the_newer_error_format_are_read_alike(gateway, fake):
    problem = {
        "type": "https://www.twilio.com/docs/errors/21610",
        "title": "Attempt to send to unsubscribed recipient",
        "status": 400,
        "code": 21610,
        "detail": f"The recipient {NUMBER} has replied with STOP",
    }
    fake.script(Step(status=400, body=json.dumps(problem)))

    error = fail(gateway)

    assert (error.outcome, error.code) == (Outcome.OPTED_OUT, "21610")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 302])
@pytest.mark.parametrize("accept", [True, False])
def test_an_error_of_twilios_own_is_unknown_whatever_became_of_the_text(
    gateway, fake, status, accept
):
    fake.script(Step(status=status, accept=accept))

    error = fail(gateway)

    assert error.outcome == Outcome.UNKNOWN
    assert str(error) == f"Twilio answered with an error of its own (HTTP {status})"
    assert len(fake.requests) == 1  # never tried again by itself
    assert len(fake.accepted) == accept


@pytest.mark.parametrize(
    ("status", "outcome", "says"),
    [
        (400, Outcome.REJECTED, "Twilio refused the text (HTTP 400)"),
        (403, Outcome.MISCONFIGURED, "Twilio does not let us in (HTTP 403)"),
        (407, Outcome.MISCONFIGURED, "Twilio does not let us in (HTTP 407)"),
        (429, Outcome.BUSY, "Twilio asked us to slow down (20429)"),
        (502, Outcome.UNKNOWN, "Twilio answered with an error of its own (HTTP 502)"),
    ],
)
@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", "", "[]", '"no"', '{"code": null}'])
def test_an_error_page_of_somebody_else_is_read_by_its_status(
    gateway, fake, status, outcome, says, body
):
    fake.script(Step(status=status, body=body))

    error = fail(gateway)

    assert (error.outcome, error.code, str(error)) == (outcome, "", says)


@pytest.mark.parametrize(
    ("header", "retry_after"),
    [
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({"retry-after": "120"}, timedelta(minutes=2)),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_busy_says_when_to_try_again_if_twilio_does(gateway, fake, header, retry_after):
    fake.script(Step(status=429, code=20429, headers=header))
    assert fail(gateway).retry_after == retry_after


def test_wrong_credentials_are_a_misconfiguration(gateway, fake, configured):
    configured.TWILIO_AUTH_TOKEN = "wrong"
    error = fail(TwilioGateway())
    assert (error.outcome, error.code) == (Outcome.MISCONFIGURED, "20003")


def test_every_code_has_one_meaning_and_a_sentence_of_its_own():
    codes = [code for sentences in MEANINGS.values() for code in sentences]
    assert sorted(codes) == sorted(set(codes))
    assert Outcome.UNKNOWN not in MEANINGS
    for outcome, sentences in MEANINGS.items():
        for code in sentences:
            assert read_refusal(400, code) == (outcome, say(code))


def test_a_code_that_nobody_knows_is_still_shown():
    assert say("39999") == "Twilio reports an error (39999)"
    assert say("21614") == "The number cannot receive texts (21614)"


# No answer.


def test_a_slow_answer_is_unknown_though_the_text_was_taken(fake, configured):
    configured.TWILIO_API_BASE_URL = fake.url
    configured.SMS_TIMEOUT_SECONDS = 0.2
    fake.script(Step(delay=1))

    error = fail(TwilioGateway())

    assert (error.outcome, str(error)) == (Outcome.UNKNOWN, "Twilio did not answer in time")
    assert len(fake.accepted) == 1


@pytest.mark.parametrize("accept", [True, False])
def test_a_dropped_connection_is_unknown(gateway, fake, accept):
    fake.script(Step(drop=True, accept=accept))

    error = fail(gateway)

    assert error.outcome == Outcome.UNKNOWN
    assert str(error) == "The connection broke before Twilio answered"
    assert len(fake.requests) == 1
    assert len(fake.accepted) == accept


def test_a_connection_dropped_after_earlier_answers_on_it_is_unknown_too(gateway, fake):
    gateway.send(a_message(), validity=HOUR)
    fake.script(Step(drop=True, accept=True))

    assert fail(gateway).outcome == Outcome.UNKNOWN
    assert len(fake.accepted) == 2


def test_an_answer_that_cannot_be_decoded_is_unknown(gateway, fake):
    fake.script(Step(body='{"sid": "SM1"}', headers={"Content-Encoding": "gzip"}))
    assert fail(gateway).outcome == Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "Twilio's answer names no text"),
        ("{}", "Twilio's answer names no text"),
        ('{"sid": null}', "Twilio's answer names no text"),
        ('{"sid": 5}', "Twilio's answer names no text"),
        ("<html>Welcome to our Wi-Fi</html>", "Twilio's answer cannot be read"),
        ('{"sid": "SM', "Twilio's answer cannot be read"),
        ("[]", "Twilio's answer cannot be read"),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_that_makes_no_sense_is_unknown(gateway, fake, status, body, says):
    fake.script(Step(status=status, body=body))

    error = fail(gateway)

    assert (error.outcome, str(error)) == (Outcome.UNKNOWN, says)
    assert len(fake.accepted) == 1


def test_a_refused_port_is_busy(configured):
    with socket.socket() as closed:  # bound, not listening
        closed.bind(("127.0.0.1", 0))
        configured.TWILIO_API_BASE_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"
        error = fail(TwilioGateway())
    assert (error.outcome, str(error)) == (Outcome.BUSY, "Twilio cannot be reached")


def test_a_server_that_went_away_between_two_texts_is_busy(gateway, fake):
    gateway.send(a_message(), validity=HOUR)
    fake.stop()
    assert fail(gateway).outcome == Outcome.BUSY


def test_a_name_that_does_not_resolve_is_busy(configured):
    configured.TWILIO_API_BASE_URL = "http://nonexistent.invalid"
    error = fail(TwilioGateway())
    assert (error.outcome, str(error)) == (Outcome.BUSY, "Twilio cannot be reached")


def test_a_connection_that_never_opens_in_time_is_busy(configured, monkeypatch):
    def time_out(*args, **kwargs):
        raise TimeoutError

    # A full backlog depends on the kernel; the socket's own answer does not.
    monkeypatch.setattr("urllib3.util.connection.socket.socket.connect", time_out)
    configured.TWILIO_API_BASE_URL = "http://127.0.0.1:9"
    assert fail(TwilioGateway()).outcome == Outcome.BUSY


def test_a_proxy_that_is_not_reached_is_busy(configured, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
        configured.TWILIO_API_BASE_URL = "https://nonexistent.invalid"
        assert fail(TwilioGateway()).outcome == Outcome.BUSY


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://"])
def test_a_base_address_that_is_none_is_a_misconfiguration(configured, address):
    configured.TWILIO_API_BASE_URL = address
    assert fail(TwilioGateway()).outcome == Outcome.MISCONFIGURED


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_certificate_that_cannot_be_verified_is_a_misconfiguration(fake, configured, tmp_path):
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"),
            *("-keyout", certificate, "-out", tmp_path / "only.pem"),
        ],
        check=True,
        capture_output=True,
    )
    with certificate.open("a") as file:
        file.write((tmp_path / "only.pem").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    fake._server.socket = context.wrap_socket(
        fake._server.socket, server_side=True, do_handshake_on_connect=False
    )
    configured.TWILIO_API_BASE_URL = fake.url.replace("http:", "https:")

    error = fail(TwilioGateway())

    assert error.outcome == Outcome.MISCONFIGURED
    assert str(error) == "Twilio's certificate cannot be verified"
    assert fake.requests == []


def test_any_other_tls_error_is_unknown(configured, fake):
    configured.TWILIO_API_BASE_URL = fake.url.replace("http:", "https:")  # it speaks no TLS
    assert fail(TwilioGateway()).outcome == Outcome.UNKNOWN


def test_an_exception_that_nobody_foresaw_is_unknown():
    for error in (
        requests.ConnectionError(),
        requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.")),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.RequestException("?"),
    ):
        assert twilio_gateway._read_failure(error)[0] == Outcome.UNKNOWN


# What nobody may read.


@pytest.mark.parametrize(
    "step",
    [
        Step(),
        Step(status=400, code=21211),
        Step(status=400, code=21610),
        Step(status=400, code=29999),
        Step(status=401, code=20003),
        Step(status=429, code=20429),
        Step(status=500, accept=True),
        Step(drop=True),
        Step(body="<html>"),
        Step(body=json.dumps({"to": NUMBER, "body": BODY})),
    ],
)
def test_neither_number_nor_words_reach_an_error_or_a_log(gateway, fake, caplog, step):
    caplog.set_level(logging.INFO)
    fake.script(step)

    said = ""
    try:
        gateway.send(a_message(), validity=HOUR)
    except SmsError as error:
        # The traceback too: whoever logs it prints all that led to the error.
        said = str(error) + "".join(traceback.format_exception(error))

    written = said + caplog.text
    assert NUMBER not in written
    assert NUMBER.removeprefix("+") not in written
    assert "Maria" not in written
    assert AUTH_TOKEN not in written


# The fake itself, as a process of its own.


def test_the_fake_runs_alone_takes_a_script_and_keeps_its_log(configured, tmp_path):
    log = tmp_path / "twilio.jsonl"
    fake = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_twilio", "--log", log],
        cwd=configured.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = fake.stdout.readline().removeprefix("listening on ").strip()
        configured.TWILIO_API_BASE_URL = url
        script = {"to": NUMBER, "steps": [{"status": 400, "code": 21614, "repeat": True}]}
        urllib.request.urlopen(
            urllib.request.Request(f"{url}/_fake/script", json.dumps(script).encode())
        ).close()
        gateway = TwilioGateway()

        assert [fail(gateway).code, fail(gateway).code] == ["21614", "21614"]
        sid = gateway.send(a_message(to_number="+12025550199"), validity=HOUR)

        entries = [json.loads(line) for line in log.read_text().splitlines()]
        assert [(e["params"]["To"], e["sid"], e["outcome"], e["answer"]) for e in entries] == [
            (NUMBER, None, "refused", "400 21614"),
            (NUMBER, None, "refused", "400 21614"),
            ("+12025550199", sid, "accepted", "201"),
        ]
    finally:
        fake.terminate()
        assert fake.wait(timeout=10) == 0
        fake.stdout.close()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to_number": ""}, "21604"),
        ({"to_number": "12025550143"}, "21211"),
        ({"body": ""}, "21602"),
        ({"body": "x" * 1601}, "21617"),
    ],
)
def test_the_fake_refuses_what_twilio_refuses(gateway, fake, changes, code):
    with pytest.raises(SmsError) as caught:
        gateway.send(a_message(**changes), validity=HOUR)
    assert (caught.value.outcome, caught.value.code) == (Outcome.REJECTED, code)
    assert fake.accepted == []
