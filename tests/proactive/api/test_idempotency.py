"""Told once or ten times, in turn or at once, with a crash in between: it is done once."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from caregiving.models import WellnessScore
from proactive import housekeeping, stopping
from proactive.api import recording
from proactive.models import ApiReceipt
from proactive.tasks import tidy_up
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import (
    NOON,
    PHONE,
    a_client,
    client_with,
    event,
    make_token,
    put,
    tell,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(db):
    return CaregiverFactory(phone_number=PHONE)


def score(**fields):
    return event("wellness_score", score=40, burnout_band="mild", **fields)


def test_a_repeat_gets_the_same_answer_and_does_nothing(person):
    client, told = a_client(), score()
    first = tell(client, told)
    person.scores.all().delete()

    second = tell(client, told)

    assert second.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert not person.scores.exists()


def test_the_same_in_another_notation_is_a_repeat(person):
    client = a_client()
    tell(client, told := score())

    other = told | {"phone_number": "415-555-2671", "at": "2026-03-02T06:00:00-06:00"}

    assert tell(client, other).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("change", [{"score": 41}, {"at": "2026-03-02T12:00:01Z"}])
def test_something_else_under_the_same_key_is_refused(person, change):
    client = a_client()
    tell(client, told := score())

    answer = tell(client, told | change)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:key-reused")
    assert answer.json()["errors"][0]["field"] == "idempotency_key"
    assert person.scores.count() == 1


def test_a_key_of_an_event_cannot_be_put_again_as_a_profile(person):
    client = a_client()
    tell(client, told := score())

    assert put(client, idempotency_key=told["idempotency_key"]).status_code == 422


def test_each_token_has_keys_of_its_own_also_after_its_secret_was_rotated(person):
    tell(a_client(), told := score())
    _, other = make_token("phone line")

    assert "Idempotent-Replayed" not in tell(client_with(other), told).headers
    assert ApiReceipt.objects.count() == 2


def test_a_failure_halfway_leaves_neither_the_event_nor_a_receipt(person, monkeypatch):
    client, told = a_client(), score()

    def break_down(*args, **kwargs):
        recording.events.record_contact(person, at=NOON)
        raise OperationalError("the connection to +14155552671 was lost")

    with monkeypatch.context() as patch:
        patch.setattr(recording, "_apply", break_down)
        answer = tell(client, told)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "2671" not in answer.content.decode()

    before = person.last_contact_at
    person.refresh_from_db()
    assert person.last_contact_at == before
    assert not ApiReceipt.objects.exists()
    assert tell(client, told).status_code == 200


def test_what_is_known_of_what_was_told_is_not_the_words_or_the_number(person):
    tell(a_client(), event("profile_change", first_name="Zenobia"))

    kept = str(ApiReceipt.objects.values().get())

    assert "Zenobia" not in kept
    assert "2671" not in kept


def test_receipts_are_forgotten_after_thirty_days(person):
    client = a_client()
    for days in (29, 31):
        tell(client, score(idempotency_key=f"{days}-days"))
        ApiReceipt.objects.filter(key=f"{days}-days").update(
            received_at=timezone.now() - timedelta(days=days)
        )

    tidy_up()

    assert [one.key for one in ApiReceipt.objects.all()] == ["29-days"]


def test_receipts_are_forgotten_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 10)
    token, _ = make_token()
    now = timezone.now()
    ApiReceipt.objects.bulk_create(
        ApiReceipt(token=token, key=str(n), digest="", result={}, received_at=now - days)
        for n in range(25)
        for days in [timedelta(days=29 if n < 2 else 31)]
    )

    with CaptureQueriesContext(connection) as queries:
        housekeeping.forget_receipts(now=now)

    deleted = [one["sql"] for one in queries if one["sql"].startswith("DELETE")]
    assert [sql.count(",") + 1 for sql in deleted] == [10, 10, 3]
    assert {one.key for one in ApiReceipt.objects.all()} == {"0", "1"}


def test_a_worker_that_stops_leaves_receipts_for_the_next_time():
    token, _ = make_token()
    long_ago = timezone.now() - timedelta(days=31)
    ApiReceipt.objects.create(token=token, key="1", digest="", result={}, received_at=long_ago)
    stopping.ask()
    try:
        housekeeping.forget_receipts(now=timezone.now())
    finally:
        stopping.forget()

    assert ApiReceipt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["event", "put"])
def test_of_many_at_once_one_does_it_and_all_are_answered_the_same(how):
    _, secret = make_token()
    if how == "event":
        CaregiverFactory(phone_number=PHONE)
    told = event("wellness_score", score=40, burnout_band="mild")
    start, answers = threading.Barrier(4), []

    def call():
        try:
            client = client_with(secret)
            start.wait(timeout=30)
            if how == "event":
                answers.append(tell(client, told))
            else:
                answers.append(put(client, idempotency_key="the-same", first_name="Ada"))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(answers) == 4
    assert {(one.status_code, one.content) for one in answers} == {
        (answers[0].status_code, answers[0].content)
    }
    assert answers[0].status_code == (200 if how == "event" else 201)
    assert sum("Idempotent-Replayed" in one.headers for one in answers) == 3
    assert ApiReceipt.objects.count() == 1
    assert WellnessScore.objects.count() == (1 if how == "event" else 0)
