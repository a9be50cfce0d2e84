"""What the fake Twilio tells the web server: what became of texts, and what people write."""

import json
from urllib.parse import urlsplit

import pytest

from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER, FakeTwilio, Faults, Step
from tests.fake_twilio.inbound import INBOUND_PATH, START_WORDS, STOP_CONFIRMATION, STOP_WORDS
from tests.listener import Listener

PUBLIC = "https://outreach.example.org"
PERSON = "+12025550143"
SOMEBODY_ELSE = "+12025550199"
TWIML = "<?xml version='1.0'?><Response><Message>Thank you &amp; good night</Message></Response>"


@pytest.fixture
def web():
    with Listener(public_base=PUBLIC, auth_token=AUTH_TOKEN) as web:
        yield web


@pytest.fixture
def start(web, tmp_path):
    """Starts a fake that calls `web`; stopped at the end of the test."""
    running = []

    def start(**options) -> FakeTwilio:
        options = {"webhooks_base": web.url, "public_base": PUBLIC, "callback_delay": 0} | options
        running.append(FakeTwilio(tmp_path / "twilio.jsonl", **options).__enter__())
        return running[-1]

    yield start
    for fake in running:
        fake.stop()


@pytest.fixture
def fake(start):
    return start()


def send(fake, body="Hi", to=PERSON, path="/status/1/", **params):
    """The step by which it was answered, and the JSON."""
    return fake.create_message(
        {"To": to, "From": NUMBER, "Body": body, "StatusCallback": PUBLIC + path} | params
    )


def code_of(answer):
    return answer[1].get("code")


# Callbacks.


def test_each_status_is_reported_in_order_signed_over_the_public_address(fake, web):
    _, text = send(fake, path="/status/1/?kind=a%20b")
    assert fake.drain()

    assert [(call.path, call.signed, call.host) for call in web.calls] == [
        ("/status/1/?kind=a%20b", True, urlsplit(web.url).netloc)
    ] * 3
    assert [call.params for call in web.calls] == [
        {
            "MessageSid": text["sid"],
            "SmsSid": text["sid"],
            "MessageStatus": status,
            "SmsStatus": status,
            "To": PERSON,
            "From": NUMBER,
            "AccountSid": ACCOUNT_SID,
            "ApiVersion": "2010-04-01",
        }
        for status in ("sending", "sent", "delivered")
    ]


def test_a_failure_is_reported_with_its_code(fake, web):
    fake.script(Step(fails_with=30006))
    send(fake)
    fake.drain()

    assert web.statuses() == ["sending", "sent", "undelivered"]
    assert [call.params.get("ErrorCode") for call in web.calls] == [None, None, "30006"]


def test_a_text_that_was_taken_without_an_answer_is_reported_too(fake, web):
    fake.script(Step(drop=True, accept=True), Step(status=500, accept=True), Step(status=500))
    for n in range(3):
        send(fake, path=f"/status/{n}/")
    fake.drain()

    assert web.statuses("/status/0/") == ["sending", "sent", "delivered"]
    assert web.statuses("/status/1/") == ["sending", "sent", "delivered"]
    assert web.statuses("/status/2/") == []


def test_every_callback_is_on_disk_with_what_was_answered(fake, web, tmp_path):
    web.answer = (403, "no")
    send(fake)
    fake.drain()

    entries = [json.loads(line) for line in (tmp_path / "twilio.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["create", "callback", "callback", "callback"]
    assert {(e["url"], e["outcome"], e["http_status"]) for e in entries[1:]} == {
        (f"{PUBLIC}/status/1/", "sent", 403)
    }
    assert [entry["params"] for entry in entries[1:]] == [call.params for call in web.calls]


def test_callbacks_to_a_web_server_that_is_away_are_not_tried_again(fake, web):
    web.stop()
    send(fake)
    assert fake.drain()

    assert [(e["outcome"], e["http_status"]) for e in fake.callbacks] == [("unreachable", None)] * 3


def test_nobody_is_called_where_no_web_server_is_named(start, web):
    fake = start(webhooks_base=None)
    send(fake)
    assert fake.drain()
    assert (web.calls, fake.callbacks) == ([], [])


# Callbacks that go wrong.


def test_lost_callbacks_never_come_but_stand_in_the_log(fake, web):
    fake.misbehave(Faults(lose=1))
    send(fake)
    fake.drain()

    assert web.calls == []
    assert [entry["outcome"] for entry in fake.callbacks] == ["lost"] * 3
    assert fake.account.newest_first()[0].status == "delivered"


def test_repeated_callbacks_come_again_after_the_next(fake, web):
    fake.misbehave(Faults(repeat=1))
    send(fake)
    fake.drain()
    assert web.statuses() == ["sending", "sent", "sending", "delivered", "sent", "delivered"]


@pytest.mark.parametrize("delay", [0, 0.01])
def test_reordered_callbacks_come_after_the_next(start, web, delay):
    fake = start(callback_delay=delay, seed=4)
    fake.misbehave(Faults(reorder=0.5))
    for n in range(20):
        send(fake, path=f"/status/{n}/")
    fake.drain()

    orders = [tuple(web.statuses(f"/status/{n}/")) for n in range(20)]
    assert {tuple(sorted(order)) for order in orders} == {("delivered", "sending", "sent")}
    assert set(orders) > {("sending", "sent", "delivered"), ("sending", "delivered", "sent")}
    assert all(text.status == "delivered" for text in fake.account.newest_first())


def test_callbacks_may_name_a_text_that_nobody_knows(fake, web):
    fake.misbehave(Faults(wrong_sid=1))
    _, text = send(fake)
    fake.drain()

    sids = {call.params["MessageSid"] for call in web.calls}
    assert len(sids) == 3
    assert text["sid"] not in sids
    assert all(call.signed and call.params["SmsSid"] in sids for call in web.calls)


def test_callbacks_may_have_a_status_and_fields_that_nobody_knows(fake, web):
    fake.misbehave(Faults(unknown_status=1))
    send(fake)
    fake.drain()

    assert web.statuses() == ["pondering", "sending", "pondering", "sent", "pondering", "delivered"]
    assert [("Novelty" in call.params, call.signed) for call in web.calls] == [
        (True, True),
        (False, True),
    ] * 3


# Requests that go wrong at random.


@pytest.mark.parametrize(
    ("faults", "accepted", "answers"),
    [
        (Faults(drop_before=1), 0, "dropped"),
        (Faults(drop_after=1), 5, "dropped"),
        (Faults(slow_after=1, slow_seconds=0.01), 5, "201"),
        (Faults(error_500_before=1), 0, "500"),
        (Faults(error_500_after=1), 5, "500"),
        (Faults(busy_429=1), 0, "429 20429"),
        (Faults(codes={"21610": 1}), 0, "400 21610"),
        (Faults(codes={"20003": 1}), 0, "401 20003"),
    ],
)
def test_each_fault_befalls_as_many_as_its_fraction_says(fake, faults, accepted, answers):
    fake.misbehave(faults)
    steps = [send(fake)[0] for _ in range(5)]
    fake.misbehave(Faults())
    last, _ = send(fake)

    assert {entry["answer"] for entry in fake.requests[:5]} == {answers}
    assert len(fake.accepted) == accepted + 1
    assert {step.delay for step in steps} == {faults.slow_seconds if faults.slow_after else 0}
    assert last == Step()


def test_a_share_of_texts_fails_with_each_code(fake):
    fake.misbehave(Faults(fail={"30003": 0.5, "30006": 0.5}))
    for _ in range(30):
        send(fake)
    fake.drain()

    ends = {(text.status, text.error_code) for text in fake.account.newest_first()}
    assert ends == {("undelivered", 30003), ("undelivered", 30006)}


def test_the_same_seed_brings_the_same_faults(start, web):
    def run(seed):
        fake = start(seed=seed)
        fake.misbehave(
            Faults(drop_before=0.2, error_500_after=0.2, lose=0.3, fail={"30003": 0.3}, reorder=0.3)
        )
        for _ in range(10):
            send(fake)
        fake.drain()
        answers = [entry["answer"] for entry in fake.requests]
        reports = [(e["params"]["MessageStatus"], e["outcome"]) for e in fake.callbacks]
        fake.stop()
        return answers, sorted(reports)

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_a_script_goes_before_faults(fake):
    fake.misbehave(Faults(drop_before=1))
    fake.script(Step())
    assert [send(fake)[0].drop for _ in range(2)] == [False, True]


# What people write.


def test_a_text_from_a_person_is_passed_on_signed_over_the_public_address(fake, web):
    fake.receive(PERSON, "Hola 👋 & más\nsí")

    (call,) = web.calls
    assert (call.path, call.signed, call.host) == (INBOUND_PATH, True, urlsplit(web.url).netloc)
    sid = call.params["MessageSid"]
    assert sid.startswith("SM")
    assert call.params == {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "SmsStatus": "received",
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "From": PERSON,
        "To": NUMBER,
        "Body": "Hola 👋 & más\nsí",
        "NumSegments": "1",
        "NumMedia": "0",
        "FromCountry": "US",
    }


def test_pictures_and_the_kind_of_opt_out_are_passed_on(fake, web):
    fake.receive(PERSON, "", media=["https://a/1", "https://a/2"], opt_out_type="HELP")

    params = web.calls[0].params
    assert (params["NumMedia"], params["MediaUrl0"], params["MediaUrl1"]) == (
        "2",
        "https://a/1",
        "https://a/2",
    )
    assert params["OptOutType"] == "HELP"


def test_a_person_writes_to_the_number_that_texted_them(fake):
    send(fake, From="+12025550177")
    fake.receive(PERSON, "Hi")
    assert fake.inbound[0]["params"]["To"] == "+12025550177"


@pytest.mark.parametrize(
    ("answer", "outcome", "reply", "error"),
    [
        ((200, TWIML), "reply", "Thank you & good night", None),
        (
            (200, "<Response><Message><Body>Hi</Body></Message><Message>Ho</Message></Response>"),
            "reply",
            "Hi\nHo",
            None,
        ),
        ((200, "<Response/>"), "silent", None, None),
        ((204, ""), "silent", None, None),
        ((403, "no"), "failed", None, "The web server answered with HTTP 403"),
        ((302, ""), "failed", None, "The web server answered with HTTP 302"),
        *[
            (
                (200, page),
                "failed",
                None,
                "The web server answered with something that is no TwiML",
            )
            for page in ("<html>", "<html></html>", "ok")
        ],
    ],
)
def test_the_answer_is_read_and_on_record(fake, web, answer, outcome, reply, error):
    web.answer = answer
    said = fake.receive(PERSON, "Hi")

    status, twiml = answer
    assert said == {
        "http_status": status,
        "outcome": outcome,
        "twiml": twiml,
        "reply": reply,
        "error": error,
    }
    (entry,) = fake.inbound
    assert {key: entry[key] for key in said} == said
    assert entry["params"] == web.calls[0].params
    replies = [text.body for text in fake.account.newest_first() if not text.is_inbound]
    assert replies == ([*reversed(reply.split("\n"))] if reply else [])


def test_a_web_server_that_is_away_is_named_in_words(fake, web):
    web.stop()
    said = fake.receive(PERSON, "Hi")

    assert (said["outcome"], said["http_status"]) == ("unreachable", None)
    assert said["error"] == (
        f"The web server at {web.url} cannot be reached (Connection refused): is it running?"
    )


# STOP.


@pytest.mark.parametrize("word", [*sorted(STOP_WORDS), " Stop\n"])
def test_nobody_is_texted_after_stop_until_start(fake, web, word):
    web.answer = (200, TWIML)
    assert fake.receive(PERSON, word)["outcome"] == "blocked"

    assert code_of(send(fake)) == 21610
    assert code_of(send(fake, to=SOMEBODY_ELSE)) is None
    assert fake.state()["blocked"] == [(NUMBER, PERSON)]

    assert fake.receive(PERSON, "start")["outcome"] == "reply"
    assert code_of(send(fake)) is None


def test_a_stop_is_said_to_one_number(fake):
    fake.receive(PERSON, "STOP")
    assert code_of(send(fake, From="+12025550177")) is None


@pytest.mark.parametrize("word", sorted(START_WORDS))
def test_each_word_of_return_lifts_a_stop(fake, word):
    fake.receive(PERSON, "STOP")
    fake.receive(PERSON, word)
    assert fake.state()["blocked"] == []


@pytest.mark.parametrize("words", ["please stop", "stop.", "OPT OUT", "I cannot stop crying"])
def test_other_words_are_left_to_the_service(fake, words):
    fake.receive(PERSON, words)
    assert code_of(send(fake)) is None


def test_after_stop_a_person_gets_twilios_confirmation_and_not_ours(fake, web):
    web.answer = (200, TWIML)
    fake.receive(PERSON, "STOP")

    assert [(text.body, text.status) for text in fake.account.newest_first()] == [
        ("Thank you & good night", "failed"),
        (STOP_CONFIRMATION, "delivered"),
        ("STOP", "received"),
    ]


def test_opt_outs_can_be_left_to_the_service_alone(start, web):
    fake = start(opt_out_handling=False)
    web.answer = (200, TWIML)

    assert fake.receive(PERSON, "STOP")["outcome"] == "reply"
    assert code_of(send(fake)) is None
    assert fake.state()["blocked"] == []
