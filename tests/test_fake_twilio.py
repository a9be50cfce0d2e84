"""The fake Twilio as its API's users see it, through Twilio's own client."""

import base64
import http.client
import json
import re
import threading
import time
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER, FakeTwilio, Faults, Step

PERSON = "+12025550143"
SOMEBODY_ELSE = "+12025550199"
SERVICE_SID = "MG" + "ab" * 16
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy of the machine that runs the tests comes between."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def clock_file(tmp_path):
    return tmp_path / "clock"


@pytest.fixture
def fake(tmp_path, clock_file):
    with FakeTwilio(tmp_path / "twilio.jsonl", clock_file=clock_file, callback_delay=0.005) as fake:
        yield fake


@pytest.fixture
def client(fake):
    return make_client(fake)


def make_client(fake, auth_token=AUTH_TOKEN):
    client = Client(ACCOUNT_SID, auth_token)
    client.api.base_url = fake.url
    return client


def send(client, body="Hi", **changes):
    return client.messages.create(**({"to": PERSON, "from_": NUMBER, "body": body} | changes))


def fail(client):
    """The error instead of an answer."""
    with pytest.raises((OSError, TwilioRestException)) as caught:
        send(client)
    return caught.value


def bodies(texts):
    return [text.body for text in texts]


def request(fake, method, path, body=None, headers=None):
    """The status and JSON of one request, as a client of no manners sends it."""
    connection = http.client.HTTPConnection(urlsplit(fake.url).netloc, timeout=5)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def wait_until(holds):
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# What becomes of a text.


def test_a_text_is_queued_first_and_delivered_in_the_end(fake, client):
    queued = send(client)
    assert (queued.status, queued.from_, queued.date_sent) == ("queued", NUMBER, None)

    assert fake.drain()

    delivered = client.messages(queued.sid).fetch()
    assert (delivered.status, delivered.error_code) == ("delivered", None)
    assert delivered.date_created <= delivered.date_sent <= delivered.date_updated


def test_a_messaging_service_picks_its_number_later(fake, client):
    accepted = send(client, from_=None, messaging_service_sid=SERVICE_SID)
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
    (fail if step.status == 500 else send)(client)
    fake.drain()

    (text,) = client.messages.list()
    assert (text.status, text.error_code) == (status, error_code)


def test_dates_are_in_whole_seconds_as_twilio_writes_them(fake, client):
    sid = send(client).sid
    fake.drain()

    resource = fake.account.get(sid).resource(ACCOUNT_SID)

    for name in ("date_created", "date_sent", "date_updated"):
        assert re.fullmatch(
            r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000", resource[name]
        )


# The list.


def test_the_list_goes_through_all_pages_newest_first(fake, client):
    for n in range(7):
        send(client, f"{n}")

    assert bodies(client.messages.stream(page_size=3)) == ["6", "5", "4", "3", "2", "1", "0"]
    assert bodies(client.messages.stream(page_size=7)) == ["6", "5", "4", "3", "2", "1", "0"]
    assert bodies(client.messages.stream(page_size=1000)) == ["6", "5", "4", "3", "2", "1", "0"]
    assert bodies(client.messages.stream(limit=2)) == ["6", "5"]


def test_texts_that_arrive_meanwhile_move_no_page(fake, client):
    for n in range(4):
        send(client, f"{n}")
    first = client.messages.page(page_size=2)
    send(client, "late")

    second = first.next_page()

    assert (bodies(first), bodies(second)) == (["3", "2"], ["1", "0"])
    assert bodies(second.previous_page()) == ["3", "2"]
    assert second.next_page() is None


def test_filters_stay_on_every_page(fake, client):
    for n in range(3):
        send(client, f"{n}")
        send(client, "not this", to=SOMEBODY_ELSE)

    assert bodies(client.messages.stream(to=PERSON, page_size=1)) == ["2", "1", "0"]
    assert bodies(client.messages.stream(to=PERSON, from_=NUMBER, page_size=2)) == ["2", "1", "0"]
    assert bodies(client.messages.stream(to=PERSON, from_="+12025550101")) == []


def test_the_envelope_is_twilios(fake, client):
    for _ in range(3):
        send(client)
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
        send(client, f"{days}")
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
    send(client)
    fake.drain()

    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert client.messages.list(date_sent_after=an_hour_ago) == []
    assert len(client.messages.list()) == 1


def test_the_list_may_lag(fake, client, clock_file):
    fake.misbehave(Faults(list_lag=60))
    sid = send(client).sid

    assert client.messages.list() == []
    assert client.messages(sid).fetch().sid == sid

    clock_file.write_text("61")
    assert [text.sid for text in client.messages.list()] == [sid]


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


# Holding it up, and stopping.


def test_a_paused_fake_takes_nothing_until_it_goes_on(fake, client):
    fake.pause(True)
    sender = threading.Thread(target=send, args=(client,))
    sender.start()
    wait_until(lambda: fake.state()["waiting"] == 1)
    assert fake.requests == []

    fake.pause(False)
    sender.join()

    assert len(fake.accepted) == 1
    assert fake.state()["waiting"] == 0


def test_a_client_that_leaves_while_it_waits_has_sent_nothing(fake, client):
    fake.pause(True)
    gone = http.client.HTTPConnection(urlsplit(fake.url).netloc)
    token = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    gone.request("POST", MESSAGES, "To=%2B12025550143", {"Authorization": f"Basic {token}"})
    wait_until(lambda: fake.state()["waiting"] == 1)
    gone.close()
    fake.pause(False)
    wait_until(lambda: fake.state()["waiting"] == 0)
    send(client)

    assert len(fake.requests) == 1


def test_stopping_ends_every_thread_at_once_whatever_they_are_at(fake, client):
    before = set(threading.enumerate())
    other = FakeTwilio(callback_delay=30)
    with other:
        other.script(Step(delay=30))
        errors = []
        slow = threading.Thread(target=lambda: errors.append(fail(make_client(other))))
        slow.start()
        wait_until(lambda: other.accepted)
        began = time.monotonic()
    slow.join()
    assert len(errors) == 1
    assert time.monotonic() - began < 5
    assert set(threading.enumerate()) == before


def test_many_clients_at_once_are_all_heard(fake):
    def send_some(n):
        client = make_client(fake)
        for m in range(5):
            send(client, to=f"+1202555{n:02}{m:02}")

    threads = [threading.Thread(target=send_some, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({entry["params"]["To"] for entry in fake.accepted}) == 60
    assert len({entry["sid"] for entry in fake.accepted}) == 60


# Its controls.


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_fake/script", "{"),
        ("/_fake/script", "[]"),
        ("/_fake/script", "null"),
        ("/_fake/script", '{"steps": 5}'),
        ("/_fake/script", '{"steps": [{"colour": "red"}]}'),
        ("/_fake/script", '{"steps": [{"status": "400"}]}'),
        ("/_fake/script", '{"steps": [{"status": 99}]}'),
        ("/_fake/script", '{"to": [], "steps": []}'),
        ("/_fake/faults", '{"lose": 2}'),
        ("/_fake/faults", '{"lose": "often"}'),
        ("/_fake/faults", '{"drop_before": 0.6, "codes": {"21610": 0.6}}'),
        ("/_fake/faults", '{"fail": {"x": 0.1}}'),
        ("/_fake/faults", '{"codes": 7}'),
        ("/_fake/inbound", "{}"),
        ("/_fake/inbound", '{"from": "202", "body": ""}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": 5}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": "", "media": "x"}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": "", "opt_out_type": "PAUSE"}'),
        ("/_fake/pause", '{"on": "yes"}'),
        ("/_fake/drain", '{"timeout": "long"}'),
        ("/_fake/drain", b"\xff\xfe"),
    ],
)
def test_odd_input_is_refused_and_changes_nothing(fake, client, path, body):
    status, _ = request(fake, "POST", path, body)

    assert status == 400
    assert send(client).status == "queued"
    assert fake.inbound == []


def test_a_control_that_does_not_exist_is_not_found(fake):
    assert request(fake, "POST", "/_fake/nothing")[0] == 404


@pytest.mark.parametrize("length", ["-1", "many", "99999999999"])
def test_a_body_of_no_honest_length_is_refused(fake, length):
    assert request(fake, "POST", MESSAGES, headers={"Content-Length": length})[0] == 400


def test_the_state_counts_what_there_is(fake, client):
    send(client)
    fake.script(Step(status=400, code=21211))
    fail(client)
    assert request(fake, "POST", "/_fake/drain", '{"timeout": 5}') == (
        200,
        {"drained": True, "pending_callbacks": 0},
    )
    assert request(fake, "GET", "/_fake/state") == (
        200,
        {
            "requests": 2,
            "accepted": 1,
            "waiting": 0,
            "pending_callbacks": 0,
            "callbacks": 0,
            "inbound": 0,
            "blocked": [],
        },
    )
