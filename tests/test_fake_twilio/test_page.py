"""Playing a caregiver in a browser."""

from urllib.parse import urlencode

import pytest

from tests.fake_twilio import Step
from tests.fake_twilio.page import read_number
from tests.test_fake_twilio import PERSON, TWIML, ask, send

CONVERSATION = "/?person=%2B12025550143"


@pytest.fixture(autouse=True)
def reply(web):
    web.answer = (200, TWIML)


def read(fake, path="/"):
    status, content, _ = ask(fake, "GET", path)
    assert status == 200
    return content


def post(fake, **form):
    return ask(fake, "POST", "/text", urlencode({name.rstrip("_"): form[name] for name in form}))


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
    fake.drain()

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

    for content in (
        read(fake),
        read(fake, CONVERSATION),
        read(fake, path),
        post(fake, from_=f'"><script>{PERSON}', body=nasty)[1],
    ):
        assert content.count("<script>") == 1  # the page's own
        assert "&lt;script&gt;" in content


def test_the_form_texts_the_service_and_leads_to_the_reply(fake, web):
    status, _, location = post(fake, from_="(202) 555-0143", body="one\r\ntwo")

    assert (status, location) == (303, f"{CONVERSATION}#body")
    assert web.calls[0].params["Body"] == "one\ntwo"
    assert "Thank you &amp; good night" in read(fake, CONVERSATION)


def test_stop_is_shown_until_start(fake):
    warning = "They said STOP"
    post(fake, from_=PERSON, body="STOP")
    assert warning in read(fake, CONVERSATION)

    post(fake, from_=PERSON, body="START")
    assert warning not in read(fake, CONVERSATION)


def test_a_number_that_is_none_is_explained_and_the_words_are_kept(fake, web):
    status, content, _ = post(fake, from_="12", body="Hello there")

    assert status == 400
    assert "A person has a number such as +12025550143" in content
    assert ">Hello there</textarea>" in content
    assert web.calls == []


def test_a_form_without_its_fields_is_refused(fake):
    assert post(fake, other="x")[0] == 400


def test_a_web_server_that_is_away_is_named_in_words(fake, web):
    web.stop()
    post(fake, from_=PERSON, body="Hello")
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
