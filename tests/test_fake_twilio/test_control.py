"""How tests hold the fake up, question it and stop it, and what it makes of nonsense."""

import base64
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio, Step
from tests.test_fake_twilio import MESSAGES, ask, create, fail, make_client, wait_until

# Holding it up, and stopping.


def test_a_paused_fake_takes_nothing_until_it_goes_on(fake, client):
    fake.pause(True)
    sender = threading.Thread(target=create, args=(client,))
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
    create(client)

    assert len(fake.requests) == 1


def test_stopping_ends_every_thread_at_once_whatever_they_are_at():
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
            create(client, to=f"+1202555{n:02}{m:02}")

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
        ("/_fake/script", '{"steps": [{"statuses": [5]}]}'),
        ("/_fake/script", "[" * 100_000),
        ("/_fake/faults", '{"lose": 2}'),
        ("/_fake/faults", '{"lose": "often"}'),
        ("/_fake/faults", '{"drop_before": 0.6, "codes": {"21610": 0.6}}'),
        ("/_fake/faults", '{"fail": {"x": 0.1}}'),
        ("/_fake/faults", '{"codes": 7}'),
        ("/_fake/inbound", "{}"),
        ("/_fake/inbound", '{"from": "202", "body": ""}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": 5}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": "\\ud800"}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": "", "media": "x"}'),
        ("/_fake/inbound", '{"from": "+12025550143", "body": "", "opt_out_type": "PAUSE"}'),
        ("/_fake/pause", '{"on": "yes"}'),
        ("/_fake/drain", '{"timeout": "long"}'),
        ("/_fake/drain", b"\xff\xfe"),
    ],
)
def test_odd_input_is_refused_and_changes_nothing(fake, client, path, body):
    status, answer, _ = ask(fake, "POST", path, body)

    assert status == 400
    assert json.loads(answer) != {}
    assert create(client).status == "queued"
    assert fake.inbound == []


def test_a_control_that_does_not_exist_is_not_found(fake):
    assert ask(fake, "POST", "/_fake/nothing")[0] == 404


@pytest.mark.parametrize("length", ["-1", "many", "99999999999"])
def test_a_body_of_no_honest_length_is_refused(fake, length):
    assert ask(fake, "POST", MESSAGES, headers={"Content-Length": length})[0] == 400


def test_the_state_counts_what_there_is(fake, client):
    create(client)
    fake.script(Step(status=400, code=21211))
    fail(client)
    _, drained, _ = ask(fake, "POST", "/_fake/drain", '{"timeout": 5}')
    _, state, _ = ask(fake, "GET", "/_fake/state")

    assert json.loads(drained) == {"drained": True, "pending_callbacks": 0}
    assert json.loads(state) == {
        "requests": 2,
        "accepted": 1,
        "waiting": 0,
        "pending_callbacks": 0,
        "callbacks": 0,
        "inbound": 0,
        "blocked": [],
    }
