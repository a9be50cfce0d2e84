"""Texts as Twilio's own client sends, lists and fetches them."""

import re
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.fake_twilio import ACCOUNT_SID, NUMBER, Faults, Step
from tests.test_fake_twilio import MESSAGES, PERSON, SOMEBODY_ELSE, create, fail, make_client

SERVICE_SID = "MG" + "ab" * 16


def bodies(texts):
    return [text.body for text in texts]


# What becomes of a text.


def test_a_text_is_queued_first_and_delivered_in_the_end(fake, client):
    queued = create(client)
    assert (queued.status, queued.from_, queued.date_sent) == ("queued", NUMBER, None)

    assert fake.drain()

    delivered = client.messages(queued.sid).fetch()
    assert (delivered.status, delivered.error_code) == ("delivered", None)
    assert delivered.date_created <= delivered.date_sent <= delivered.date_updated


def test_a_messaging_service_picks_its_number_later(fake, client):
    accepted = create(client, from_=None, messaging_service_sid=SERVICE_SID)
    assert (accepted.status, accepted.from_) == ("accepted", None)

    fake.drain()

    delivered = client.messages(accepted.sid).fetch()
    assert (delivered.from_, delivered.messaging_service_sid) == (NUMBER, SERVICE_SID)


@pytest.mark.parametrize(
    ("step", "status", "error_code"),
    [
        (Step(fails_with=30003), "undelivered", 30003),
        (Step(statuses=["failed"], fails_with=30007), "failed", 30007),
        (Step(statuses=["sending", "sent"]), "sent", None),
        (Step(statuses=[]), "queued", None),
        (Step(status=500, accept=True), "delivered", None),
    ],
)
def test_a_step_decides_how_a_text_ends(fake, client, step, status, error_code):
    fake.script(step)
    (fail if step.status == 500 else create)(client)
    fake.drain()

    (text,) = client.messages.list()
    assert (text.status, text.error_code) == (status, error_code)


def test_dates_are_in_whole_seconds_as_twilio_writes_them(fake, client):
    sid = create(client).sid
    fake.drain()

    resource = fake.account.get(sid).resource(ACCOUNT_SID)

    for name in ("date_created", "date_sent", "date_updated"):
        assert re.fullmatch(
            r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000", resource[name]
        )


# The list.


def test_the_list_goes_through_all_pages_newest_first(fake, client):
    for n in range(7):
        create(client, f"{n}")

    assert bodies(client.messages.stream(page_size=3)) == ["6", "5", "4", "3", "2", "1", "0"]
    assert bodies(client.messages.stream(page_size=7)) == ["6", "5", "4", "3", "2", "1", "0"]
    assert bodies(client.messages.stream(page_size=1000)) == ["6", "5", "4", "3", "2", "1", "0"]
    assert bodies(client.messages.stream(limit=2)) == ["6", "5"]


def test_texts_that_arrive_meanwhile_move_no_page(fake, client):
    for n in range(4):
        create(client, f"{n}")
    first = client.messages.page(page_size=2)
    create(client, "late")

    second = first.next_page()

    assert (bodies(first), bodies(second)) == (["3", "2"], ["1", "0"])
    assert bodies(second.previous_page()) == ["3", "2"]
    assert second.next_page() is None


def test_filters_stay_on_every_page(fake, client):
    for n in range(3):
        create(client, f"{n}")
        create(client, "not this", to=SOMEBODY_ELSE)

    assert bodies(client.messages.stream(to=PERSON, page_size=1)) == ["2", "1", "0"]
    assert bodies(client.messages.stream(to=PERSON, from_=NUMBER, page_size=2)) == ["2", "1", "0"]
    assert bodies(client.messages.stream(to=PERSON, from_="+12025550101")) == []


def test_the_envelope_is_twilios(fake, client):
    for _ in range(3):
        create(client)
    page = client.messages.page(to=PERSON, page_size=2)
    second = page.next_page()

    envelope = {key: value for key, value in second._payload.items() if key != "messages"}
    _, middle, oldest = (
        text["sid"] for text in [*page._payload["messages"], *second._payload["messages"]]
    )
    asked = f"{MESSAGES}?To=%2B12025550143&PageSize=2"
    assert envelope == {
        "page": 1,
        "page_size": 2,
        "start": 2,
        "end": 2,
        "uri": f"{asked}&Page=1&PageToken=PA{middle}",
        "first_page_uri": f"{asked}&Page=0",
        "next_page_uri": None,
        "previous_page_uri": f"{asked}&Page=0&PageToken=PB{oldest}",
    }


def test_an_empty_list_is_a_page_too(client):
    assert client.messages.list() == []


def test_a_page_has_at_most_a_thousand_texts(client):
    assert client.messages.page(page_size=5000)._payload["page_size"] == 1000


def test_dates_filter_by_the_fakes_own_clock(fake, client, clock_file):
    def moved(days):
        return datetime.now(UTC) + timedelta(days=days)

    for days in (-2, 0, 2):
        clock_file.write_text(f"{timedelta(days=days).total_seconds()}\nignored")
        create(client, f"{days}")
        fake.drain()

    assert bodies(client.messages.list(date_sent_after=moved(-1))) == ["2", "0"]
    assert bodies(client.messages.list(date_sent_before=moved(-1))) == ["-2"]
    middle = client.messages.list(date_sent_after=moved(-1), date_sent_before=moved(1))
    assert bodies(middle) == ["0"]
    sent = middle[0].date_sent
    assert bodies(client.messages.list(date_sent_after=sent, date_sent_before=sent)) == ["0"]
    assert bodies(client.messages.list(date_sent=date(sent.year, sent.month, sent.day))) == ["0"]
    shifts = [entry["time"] - time.time() for entry in fake.requests]
    assert shifts == pytest.approx([-172800, 0, 172800], abs=60)


def test_what_has_yet_to_leave_has_no_date_to_be_found_by(fake, client):
    fake.script(Step(statuses=["sending"]))
    create(client)
    fake.drain()

    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert client.messages.list(date_sent_after=an_hour_ago) == []
    assert len(client.messages.list()) == 1


def test_the_list_may_lag(fake, client, clock_file):
    fake.misbehave(Faults(list_lag=60))
    sid = create(client).sid

    assert client.messages.list() == []
    assert client.messages(sid).fetch().sid == sid

    clock_file.write_text("61")
    assert [text.sid for text in client.messages.list()] == [sid]


def test_a_clock_that_goes_back_hides_nothing(fake, client, clock_file):
    clock_file.write_text("86400")
    create(client)
    clock_file.write_text("0")
    assert len(client.messages.list()) == 1


def test_a_clock_file_that_is_being_written_changes_nothing(fake, clock_file):
    clock_file.write_text("3600")
    fake.clock.time()
    clock_file.write_text("")
    assert fake.clock.time() - time.time() == pytest.approx(3600, abs=1)
    clock_file.unlink()
    assert fake.clock.time() == pytest.approx(time.time(), abs=1)


def test_what_is_not_there_and_what_is_not_ours_is_refused(fake, client):
    with pytest.raises(TwilioRestException) as unknown:
        client.messages("SM" + "0" * 32).fetch()
    assert (unknown.value.status, unknown.value.code) == (404, 20404)

    with pytest.raises(TwilioRestException) as stranger:
        make_client(fake, "wrong").messages("SM" + "0" * 32).fetch()
    assert (stranger.value.status, stranger.value.code) == (401, 20003)


@pytest.mark.parametrize(
    "query", ["PageSize=0", "PageSize=x", "Page=-1", "PageToken=PAnone", "DateSent%3E=yesterday"]
)
def test_a_query_that_makes_no_sense_is_refused(fake, client, query):
    answer = client.request("GET", f"{fake.url}{MESSAGES}?{query}")
    assert answer.status_code == 400
