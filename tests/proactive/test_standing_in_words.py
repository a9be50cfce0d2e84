"""How far each staged cadence has come, as staff read it."""

import pytest

from proactive import standing_in_words as module
from proactive.standing_in_words import standing_in_words
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, person
from tests.proactive.test_sixth_cadence import ANNIVERSARY

pytestmark = pytest.mark.django_db
CRISIS = NOON - 8 * DAY


def standing(someone, cadence, now=NOON):
    someone.refresh_from_db()
    return {one.cadence: one for one in standing_in_words(someone, now=now)}.get(cadence)


def in_crisis(done=3, **fields):
    defaults = {"last_crisis_event_at": CRISIS, "last_contact_at": CRISIS, "created_at": CRISIS}
    return person(**defaults | {"crisis_followup_count": done} | fields)


def followup(someone, stage, **fields):
    defaults = {"status": "sent", "sent_at": CRISIS + 7 * DAY, "occasion": CRISIS}
    return MessageFactory(caregiver=someone, stage=stage, **defaults | fields)


def test_how_many_went_out_when_the_last_did_and_when_the_next_is_due():
    someone = in_crisis()
    followup(someone, 2)
    last = followup(someone, 3)
    found = standing(someone, "crisis_followup")
    assert (found.done, found.count, found.last) == (3, 7, last)
    assert found.next_due == CRISIS + 14 * DAY
    assert found.says == (
        "Crisis follow-up 3 of 7, sent Mon 4 Jan 12:00; "
        "crisis Mon 28 Dec 12:00 (8 days ago); next Mon 11 Jan 12:00 (in 6 days)"
    )


def test_nothing_sent_so_far_and_for_how_long_they_are_silent():
    someone = person(last_contact_at=NOON - 5 * DAY)
    found = standing(someone, "dormant_reactivation")
    assert (found.done, found.count, found.last) == (0, 3, None)
    assert found.says == (
        "Dormant reactivation: none of 3 sent; "
        "last heard from Thu 31 Dec 12:00 (5 days ago); next Thu 7 Jan 12:00 (in 2 days)"
    )


def test_what_is_due_and_still_fits_is_said_with_both_ends():
    found = standing(in_crisis(done=2), "crisis_followup")
    assert found.next_due == CRISIS + 7 * DAY
    assert found.then.endswith("3 is due since Mon 4 Jan 12:00, fits until Mon 11 Jan 12:00")


def test_a_stage_that_was_missed_is_passed_over_for_the_one_that_fits():
    found = standing(in_crisis(done=0), "crisis_followup")
    assert found.next_due == CRISIS + 7 * DAY


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": "queued", "queued_at": NOON}, "queued Tue 5 Jan 12:00, not sent yet"),
        (
            {"status": "delivered", "delivered_at": NOON, "replied_at": NOON + HOUR},
            "delivered Tue 5 Jan 12:00, answered Tue 5 Jan 13:00",
        ),
        (
            {"status": "unknown", "attempt_started_at": NOON, "sent_at": None},
            "tried Tue 5 Jan 12:00, and nobody knows whether it arrived",
        ),
        ({"status": "failed", "reason": "a landline"}, "failed: a landline"),
        (
            {"status": "undelivered", "reason": "phone off"},
            "sent Mon 4 Jan 12:00 but not delivered: phone off",
        ),
    ],
)
def test_the_state_of_the_last_text_is_in_words(fields, says):
    someone = in_crisis()
    followup(someone, 3, **fields)
    assert standing(someone, "crisis_followup").so_far == f"Crisis follow-up 3 of 7, {says}"


def test_what_was_given_back_or_overtaken_or_of_an_earlier_crisis_is_no_last_text():
    someone = in_crisis(done=2)
    followup(someone, 1, status="superseded", sent_at=None)
    followup(someone, 2, status="cancelled", sent_at=None)
    followup(someone, 5, occasion=CRISIS - 90 * DAY)
    found = standing(someone, "crisis_followup")
    assert found.last is None
    assert found.so_far == "Crisis follow-up: 2 of 7 dealt with"


def test_one_whose_event_never_happened_is_not_told_of():
    assert standing(person(), "crisis_followup") is None


def test_one_that_is_not_for_them_says_which_rule_keeps_them_out():
    found = standing(in_crisis(journey_phase="churned"), "crisis_followup")
    assert found.next_due is None
    assert found.then.endswith("none for them as things stand: journey phase is churned")


def test_the_end_is_either_complete_or_too_late():
    late = {"last_crisis_event_at": NOON - 43 * DAY}
    complete = standing(in_crisis(done=7, **late), "crisis_followup")
    too_late = standing(in_crisis(done=4, **late), "crisis_followup")
    assert complete.then.endswith("; all dealt with")
    assert too_late.then.endswith("; the time for the rest is over")


def test_the_due_time_it_names_is_the_one_at_which_the_sweep_acts():
    someone = person(last_contact_at=NOON - 6 * DAY)
    due = standing(someone, "dormant_reactivation").next_due
    run_sweep(now=due - HOUR)
    assert not someone.messages.exists()
    run_sweep(now=due)
    assert standing(someone, "dormant_reactivation", due).so_far.startswith(
        "Dormant reactivation 1 of 3, queued"
    )


def test_a_further_cadence_without_a_counter_is_told_of_by_its_texts(monkeypatch):
    monkeypatch.setattr(module, "CADENCES", (*module.CADENCES, ANNIVERSARY))
    someone = person(created_at=NOON - 150 * DAY)
    MessageFactory(
        caregiver=someone,
        cadence="anniversary",
        stage=1,
        occasion=someone.created_at,
        status="sent",
        sent_at=NOON - 50 * DAY,
    )
    found = standing(someone, "anniversary")
    assert (found.done, found.next_due) == (1, NOON + 50 * DAY)


def test_it_takes_one_query_however_many_texts_there_are(django_assert_num_queries):
    someone = in_crisis()
    for n in range(30):
        followup(someone, 1, occasion=CRISIS - n * DAY)
    with django_assert_num_queries(1):
        standing_in_words(someone, now=NOON)
