"""What people write: signed webhooks, replies, and words that end or renew consent."""

from urllib.parse import urlsplit

import pytest

from tests.fake_twilio import ACCOUNT_SID, NUMBER
from tests.fake_twilio.inbound import INBOUND_PATH, START_WORDS, STOP_CONFIRMATION, STOP_WORDS
from tests.test_fake_twilio import PERSON, SOMEBODY_ELSE, TWIML, send


def code_of(answer):
    return answer[1].get("code")


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
