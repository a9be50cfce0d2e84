"""What the fake tells the web server of each text, in good order and in bad."""

import json
from urllib.parse import urlsplit

import pytest

from tests.fake_twilio import ACCOUNT_SID, NUMBER, Faults, Step
from tests.test_fake_twilio import PERSON, PUBLIC, send


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


@pytest.mark.parametrize("url", ["status/1/", "ftp://example.org/", "http://", "http://[/"])
def test_a_callback_to_no_address_is_refused(fake, url):
    _, answer = send(fake, StatusCallback=url)
    assert answer["code"] == 21609


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
