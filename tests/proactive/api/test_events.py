"""What is told happens to the person, through the same functions as everything else."""

from datetime import timedelta

import pytest
import time_machine

from caregiving import events
from caregiving.models import ConsentChange, CrisisEvent
from proactive.api.schemas import MOST_EVENTS
from proactive.models import ApiReceipt
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import NOON, PHONE, a_client, event, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def later():
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def person():
    return CaregiverFactory(phone_number=PHONE, created_at=NOON - timedelta(days=9))


def test_a_contact_ends_the_silence(person):
    answer = tell(a_client(), told := event())

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "idempotency_key": told["idempotency_key"],
            "status": 200,
            "outcome": "recorded",
            "kept": [],
        },
    )
    person.refresh_from_db()
    assert person.last_contact_at == NOON


def test_a_crisis_owes_follow_ups_from_when_it_was_and_says_who_said_so(person):
    assert tell(a_client(), event("crisis_event", source="her sister")).status_code == 200

    person.refresh_from_db()
    assert (person.last_crisis_event_at, person.crisis_followup_count) == (NOON, 0)
    assert CrisisEvent.objects.get().source == "her sister"


def test_a_score_sets_the_band_and_entering_crisis_is_one(person):
    told = event("wellness_score", score=12, burnout_band="crisis")

    assert tell(a_client(), told).status_code == 200

    person.refresh_from_db()
    assert (person.burnout_band, person.last_crisis_event_at) == ("crisis", NOON)
    assert [one.score for one in person.scores.all()] == [12]


def test_consent_ends_and_begins_again_and_its_source_is_the_token(person):
    client = a_client()

    tell(client, event("opt_out"))
    person.refresh_from_db()
    assert person.opted_out_at == NOON
    tell(client, event("opt_in", at="2026-03-02T12:30:00Z"))

    person.refresh_from_db()
    assert person.opted_out_at is None
    assert {one.source for one in ConsentChange.objects.all()} == {"API: assistant"}


def test_an_older_opt_out_that_comes_late_does_not_undo_an_opt_in(person):
    client = a_client()
    tell(client, event("opt_out", at="2026-03-02T10:00:00Z"))
    tell(client, event("opt_in"))

    answer = tell(client, event("opt_out", at="2026-03-02T11:00:00Z"))

    assert answer.json()["outcome"] == "unchanged"
    person.refresh_from_db()
    assert person.opted_out_at is None


def test_a_number_in_another_notation_is_the_same_person(person):
    assert tell(a_client(), event(phone_number="(415) 555-2671")).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"at": "2026-03-02T12:00:00"}, "at"),
        ({"at": "2026-03-02T13:06:00Z"}, "at"),
        ({"at": "1999-03-02T12:00:00Z"}, "at"),
        ({"at": 1772452800}, "at"),
        ({"phone_number": "12"}, "phone_number"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "two words"}, "idempotency_key"),
        ({"type": "wellness"}, "type"),
        ({"type": "wellness_score", "score": 101, "burnout_band": "mild"}, "score"),
        ({"type": "wellness_score", "score": "5", "burnout_band": "mild"}, "score"),
        ({"type": "wellness_score", "score": 5, "burnout_band": "bad"}, "burnout_band"),
        ({"type": "crisis_event", "source": "x" * 41}, "source"),
        ({"type": "profile_change", "time_zone": "Chicago"}, "time_zone"),
        ({"type": "profile_change", "first_name": "A\nB"}, "first_name"),
        ({"type": "profile_change"}, ""),
        ({"happened": "yesterday"}, "happened"),
    ],
)
def test_what_is_wrong_is_refused_with_the_name_of_its_field(person, wrong, field):
    answer = tell(a_client(), event() | wrong)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert not ApiReceipt.objects.exists()


def test_a_clock_that_is_a_little_ahead_is_let_through(person):
    assert tell(a_client(), event(at="2026-03-02T13:04:00Z")).status_code == 200


def test_an_opt_in_of_a_clock_that_is_ahead_does_not_outlast_a_stop(person):
    now = NOON + timedelta(hours=1)
    events.record_opt_out(person, at=NOON)
    ahead = (now + timedelta(minutes=4)).isoformat()
    assert tell(a_client(), event("opt_in", at=ahead)).json()["outcome"] == "recorded"
    person.refresh_from_db()
    assert person.opted_in_at == now

    events.record_opt_out(person, at=now + timedelta(minutes=1))

    assert person.opted_out_at == now + timedelta(minutes=1)


def test_of_somebody_unknown_it_says_so_and_afterwards_the_same_event_is_taken():
    client, told = a_client(), event()

    answer = tell(client, told)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem:unknown-caregiver")
    assert answer.json()["errors"][0]["field"] == "phone_number"
    CaregiverFactory(phone_number=PHONE)

    assert tell(client, told).status_code == 200


# --- Several at once ---


def test_a_batch_has_a_result_for_each_in_order_and_one_that_is_refused_stops_no_other(person):
    events = [
        event(at="2026-03-02T11:00:00Z", idempotency_key="first"),
        event(phone_number="+14155550000", idempotency_key="unknown"),
        event(score=1, idempotency_key="odd"),
        7,
        event(idempotency_key="last"),
    ]

    answer = tell(a_client(), {"events": events})

    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [(one["idempotency_key"], one["status"]) for one in results] == [
        ("first", 200),
        ("unknown", 404),
        ("odd", 422),
        ("", 422),
        ("last", 200),
    ]
    assert results[2]["problem"]["errors"][0]["field"] == "score"
    person.refresh_from_db()
    assert person.last_contact_at == NOON


def test_a_batch_of_which_all_are_done_is_answered_with_200(person):
    told = {"events": [event(), event("crisis_event")]}

    answer = tell(a_client(), told)

    assert answer.status_code == 200
    assert [one["outcome"] for one in answer.json()["results"]] == ["recorded", "recorded"]


def test_a_batch_told_twice_does_each_once_and_is_answered_the_same(person):
    client = a_client()
    told = {"events": [event("wellness_score", score=n, burnout_band="mild") for n in range(3)]}

    first, second = tell(client, told), tell(client, told)

    assert first.content == second.content
    assert person.scores.count() == 3


def test_the_same_key_twice_in_a_batch_is_done_once(person):
    one = event("wellness_score", score=5, burnout_band="mild")

    answer = tell(a_client(), {"events": [one, one, one | {"score": 6}]})

    assert [result["status"] for result in answer.json()["results"]] == [200, 200, 422]
    assert [score.score for score in person.scores.all()] == [5]


@pytest.mark.parametrize("number", [0, MOST_EVENTS + 1])
def test_a_batch_is_of_one_to_a_thousand_events(number):
    answer = tell(a_client(), {"events": [{}] * number})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "events")


def test_each_event_of_a_batch_costs_the_same_few_queries(person, django_assert_max_num_queries):
    client = a_client()

    def batch(size):
        return {"events": [event() for _ in range(size)]}

    with django_assert_max_num_queries(5 + 20 * 7):
        tell(client, batch(20))
