"""What is to be told is taken to whoever listens, at least once, and nobody waits for another."""

import base64
import hmac
import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Q

from proactive import housekeeping
from proactive.hooks import keys, posting, replaying, sending
from proactive.hooks.sending import LONGEST_WAIT, deliver, wait_after
from proactive.models import AuditEntry, CareAlert, WebhookDelivery, WebhookEndpoint
from tests.proactive.hooks.listener import Listener
from tests.proactive.hooks.listening import listens, make_deliveries
from tests.proactive.people import DAY, NOON

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def local(settings):
    settings.DEBUG = True  # or nothing here could be reached


@pytest.fixture
def listener():
    with Listener() as listener:
        yield listener


def one():
    return WebhookDelivery.objects.get()


def verifies(heard, secret):
    """As docs/webhooks.md has it."""
    headers = heard.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + heard.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    given = [part.partition(",")[2] for part in headers["webhook-signature"].split()]
    return any(hmac.compare_digest(expected, one) for one in given)


# --- Taken ---


def test_what_is_due_is_handed_over_signed_and_then_done(listener):
    endpoint = listens(url=listener.url)
    (delivery,) = make_deliveries(endpoint)

    report = deliver(now=NOON)

    assert (report.delivered, report.failed) == (1, 0)
    (heard,) = listener.heard
    assert heard.path == "/hook?key=1"
    assert json.loads(heard.body) == delivery.payload
    assert heard.id == str(delivery.event_id)
    assert heard.headers["content-type"] == "application/json"
    assert verifies(heard, keys.valid(endpoint, now=NOON)[0])
    row = one()
    assert (row.state, row.attempts, row.last_status) == ("delivered", 1, 200)
    assert (row.delivered_at, row.next_attempt_at) == (NOON, None)
    deliver(now=NOON + DAY)
    assert len(listener.heard) == 1


def test_more_than_a_batch_goes_in_one_pass(listener):
    make_deliveries(listens(url=listener.url), count=2 * sending.BATCH + 1)

    assert deliver(now=NOON).delivered == 2 * sending.BATCH + 1
    assert len({heard.id for heard in listener.heard}) == 2 * sending.BATCH + 1


def test_while_a_secret_is_rotated_both_are_valid_and_later_the_new_one_alone(listener):
    endpoint = listens(url=listener.url)
    (old,) = keys.valid(endpoint, now=NOON)
    new = keys.rotate(endpoint, at_once=False, now=NOON)
    endpoint.save()
    make_deliveries(endpoint)
    deliver(now=NOON)
    make_deliveries(endpoint, now=NOON + keys.GRACE)
    deliver(now=NOON + keys.GRACE)

    first, second = listener.heard
    assert (verifies(first, old), verifies(first, new)) == (True, True)
    assert (verifies(second, old), verifies(second, new)) == (False, True)


def test_with_another_secret_key_nothing_is_signed_with_a_wrong_secret(listener, settings):
    make_deliveries(listens(url=listener.url))
    settings.SECRET_KEY = "another"

    deliver(now=NOON)

    assert listener.heard == []
    assert "rotate the secret" in one().last_error


# --- Not taken ---


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_what_is_refused_is_tried_again_later_under_the_same_id(listener, status):
    make_deliveries(listens(url=listener.url))
    listener.answers = [status]

    deliver(now=NOON)

    row = one()
    assert (row.state, row.attempts, row.last_status) == ("failing", 1, status)
    assert 0.8 * MINUTE <= row.next_attempt_at - NOON <= 1.2 * MINUTE
    assert deliver(now=NOON + 0.5 * MINUTE).delivered == 0
    assert deliver(now=NOON + 2 * MINUTE).delivered == 1
    assert len({heard.id for heard in listener.heard}) == 1


def test_a_redirect_is_not_followed(listener):
    with Listener() as elsewhere:
        make_deliveries(listens(url=listener.url))
        listener.answers, listener.headers = [307], {"Location": elsewhere.url}

        deliver(now=NOON)

        assert elsewhere.heard == []
    assert (one().last_status, one().delivered_at) == (307, None)


def test_nobody_there_is_a_failure_without_an_answer():
    with Listener() as gone:
        pass
    make_deliveries(listens(url=gone.url))

    deliver(now=NOON)

    assert (one().last_status, one().last_error) == (None, "no answer: ConnectionRefusedError")


def test_one_that_does_not_answer_in_time_is_left(listener, monkeypatch):
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.2)
    make_deliveries(listens(url=listener.url))
    listener.hold.clear()

    deliver(now=NOON)

    assert (one().last_error, one().state) == ("no answer in time", "failing")


def test_one_that_keeps_us_waiting_is_cut_off_whatever_it_does_meanwhile(listener, monkeypatch):
    monkeypatch.setattr(posting, "ALL_SECONDS", 0.2)
    make_deliveries(listens(url=listener.url))
    listener.hold.clear()

    deliver(now=NOON)

    assert one().last_error == "no answer in time"


def test_of_an_endpoint_that_takes_nothing_few_are_tried_and_the_rest_waits_for_the_next_pass(
    listener,
):
    make_deliveries(listens(url=listener.url), count=10)
    listener.answers = [500] * 10

    deliver(now=NOON)

    assert len(listener.heard) == sending.MOST_FAILURES
    assert WebhookDelivery.objects.due(now=NOON).count() == 10 - sending.MOST_FAILURES


def test_a_slow_endpoint_holds_up_no_other(listener):
    with Listener() as quick:
        slow = listens(name="slow", url=listener.url)
        make_deliveries(slow)
        make_deliveries(listens(name="quick", url=quick.url), count=2 * sending.BATCH)
        listener.hold.clear()
        # The slow one answers only once the other has heard everything.
        watcher = threading.Thread(target=_release_when, args=(listener, quick))
        watcher.start()

        report = deliver(now=NOON)

        watcher.join(30)
        assert len(quick.heard) == 2 * sending.BATCH
    assert report.delivered == 2 * sending.BATCH + 1


def _release_when(slow, quick):
    pause = threading.Event()
    for _ in range(1000):
        if len(quick.heard) == 2 * sending.BATCH:
            break
        pause.wait(0.01)
    else:
        return  # the request ends by itself, as a failure
    slow.hold.set()


def test_the_wait_doubles_to_six_hours_and_heeds_what_is_asked():
    waits = [wait_after(attempts) / MINUTE for attempts in range(1, 20)]

    assert all(0.8 <= wait / min(2**n, 360) <= 1.2 for n, wait in enumerate(waits))
    assert wait_after(1, asked=3600) == timedelta(hours=1)
    assert wait_after(1, asked=10**6) == LONGEST_WAIT


def test_after_three_days_it_is_given_up_also_of_an_endpoint_that_is_off(listener):
    make_deliveries(listens(url=listener.url, enabled=False))

    assert deliver(now=NOON + 3 * DAY - MINUTE).given_up == 0
    assert deliver(now=NOON + 3 * DAY).given_up == 1

    assert one().state == "given up"
    assert listener.heard == []


# --- Off ---


def test_410_switches_it_off_and_tells_a_person(listener):
    make_deliveries(listens(url=listener.url), count=3)
    listener.answers = [410]

    assert deliver(now=NOON).switched_off == ["assistant"]

    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.enabled, endpoint.disabled_why) == (False, "It answered 410 Gone")
    assert CareAlert.objects.get().kind == "webhook_off"
    deliver(now=NOON + DAY)
    assert len(listener.heard) == 1


def test_one_that_takes_nothing_for_days_is_switched_off_with_one_alert(listener, settings):
    settings.WEBHOOK_DISABLE_AFTER_DAYS = 5
    endpoint = listens(url=listener.url)
    listener.answers = [500] * 10
    for day in (0, 2, 4):
        make_deliveries(endpoint, now=NOON + day * DAY)
        deliver(now=NOON + day * DAY)
    assert WebhookEndpoint.objects.get().enabled

    deliver(now=NOON + 5 * DAY)

    assert not WebhookEndpoint.objects.get().enabled
    assert CareAlert.objects.count() == 1


def test_one_success_begins_the_days_anew(listener):
    endpoint = listens(url=listener.url, failing_since=NOON - 4 * DAY)
    make_deliveries(endpoint)

    deliver(now=NOON)

    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.last_succeeded_at) == (None, NOON)


# --- Where it does not go ---


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.7", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.7"),
        *("64:ff9b::a00:7", "2002:a00:7::1"),
    ],
)
def test_no_address_within_a_network_is_called_whatever_the_name(settings, monkeypatch, address):
    settings.DEBUG = False
    family = posting.socket.AF_INET6 if ":" in address else posting.socket.AF_INET
    found = [(posting.socket.AF_INET, 1, 6, "", ("93.184.215.14", 443))]
    found.append((family, 1, 6, "", (address, 443)))
    monkeypatch.setattr(posting.socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(posting.socket, "socket", pytest.fail)

    answer = posting.post("https://app.example.org/hook", b"{}", {})

    assert answer == posting.Answer(error="it is an address within a private network")


def test_it_connects_to_the_address_that_was_judged(listener, monkeypatch):
    port = int(listener.url.split(":")[2].split("/")[0])
    asked = []

    def look_up(host, *_, **__):
        asked.append(host)
        return [(posting.socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(posting.socket, "getaddrinfo", look_up)

    answer = posting.post(f"http://app.example.org:{port}/hook", b"{}", {})

    assert (answer.status, asked) == (200, ["app.example.org"])
    assert listener.heard[0].headers["host"] == f"app.example.org:{port}"


@pytest.mark.parametrize(
    "url",
    [
        *("http://app.example.org/", "ftp://app.example.org/", "https://", "app.example.org"),
        *("https://user:pass@app.example.org/", "https://app.example.org/#here"),
        *("https://app.example.org:99999/", "https://app.example.org/a b", "https://[::1/"),
    ],
)
def test_what_is_no_address_of_a_listener_is_refused(settings, url):
    settings.DEBUG = False

    with pytest.raises(posting.Refused):
        posting.check(url)
    assert posting.post(url, b"{}", {}).error


# --- Two at once, and a crash ---


def test_what_somebody_has_in_hand_nobody_else_sends_until_the_lease_ends(listener):
    endpoint = listens(url=listener.url)
    make_deliveries(endpoint)
    sending._lease(endpoint, at_most=10, now=NOON)  # and then it dies

    assert deliver(now=NOON + MINUTE).delivered == 0
    assert deliver(now=NOON + sending.LEASE).delivered == 1


@pytest.mark.django_db(transaction=True)
def test_two_senders_do_not_send_the_same_at_once(listener):
    make_deliveries(listens(url=listener.url), count=6 * sending.BATCH)
    barrier = threading.Barrier(2, timeout=30)
    reports = []

    def send():
        try:
            barrier.wait()
            reports.append(deliver(now=NOON))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(report.delivered for report in reports) == 6 * sending.BATCH
    assert len(listener.heard) == len({heard.id for heard in listener.heard}) == 6 * sending.BATCH


def test_an_answer_that_comes_after_the_lease_ended_does_not_undo_what_came_of_it_since(listener):
    endpoint = listens(url=listener.url)
    make_deliveries(endpoint)
    late = sending._lease(endpoint, at_most=1, now=NOON)
    deliver(now=NOON + sending.LEASE)

    failed = [sending._Attempt(late.deliveries[0], posting.Answer(500, "answered 500"))]
    sending._record(late, failed, sending.Pass(), now=NOON + sending.LEASE)

    assert (one().state, one().next_attempt_at) == ("delivered", None)


# --- Again, and never more ---


def test_a_replay_is_delivered_again_under_the_same_id_and_what_waits_is_left(listener):
    endpoint = listens(url=listener.url)
    make_deliveries(endpoint)
    deliver(now=NOON)
    make_deliveries(endpoint, now=NOON + DAY)

    assert replaying.again(Q(endpoint=endpoint), now=NOON + DAY) == 1
    deliver(now=NOON + DAY)

    ids = [heard.id for heard in listener.heard]
    assert (len(ids), len(set(ids))) == (3, 2)


def test_the_commands_replay_what_was_given_up_and_deliver_it(listener, time_machine):
    time_machine.move_to(NOON + 4 * DAY, tick=False)
    make_deliveries(listens(url=listener.url))
    out = StringIO()
    call_command("deliver_webhooks", stdout=out)
    assert out.getvalue() == "1 given up. 0 still waiting.\n"

    since = ["--since", NOON.isoformat()]
    call_command("replay_webhooks", *since, "--kind", "message.failed", stdout=StringIO())
    assert not AuditEntry.objects.exists()
    call_command("replay_webhooks", *since, "--endpoint", "assistant", "--json", stdout=StringIO())
    call_command("deliver_webhooks", "--limit", "5", stdout=StringIO())

    assert len(listener.heard) == 1
    assert AuditEntry.objects.get().action == "replay"
    with pytest.raises(CommandError, match="No endpoint is named 'nobody'"):
        call_command("replay_webhooks", *since, "--endpoint", "nobody")
    with pytest.raises(CommandError, match="--since 'noon'"):
        call_command("replay_webhooks", "--since", "noon")


def test_housekeeping_forgets_what_ended_long_ago_and_nothing_that_waits(settings, monkeypatch):
    settings.RETENTION_WEBHOOKS_DAYS = 30
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    endpoint = listens()
    old = make_deliveries(endpoint, count=8)
    keys_of = [row.pk for row in old]
    rows = WebhookDelivery.objects
    rows.filter(pk__in=keys_of[:3]).update(delivered_at=NOON, next_attempt_at=None)
    rows.filter(pk__in=keys_of[3:5]).update(given_up_at=NOON, next_attempt_at=None)
    rows.filter(pk=keys_of[5]).update(delivered_at=NOON + MINUTE, next_attempt_at=None)

    housekeeping.forget_webhooks(now=NOON + 30 * DAY)

    assert sorted(rows.values_list("pk", flat=True)) == keys_of[5:]
