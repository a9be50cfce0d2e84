"""The rules over all cadences, each to the edge. Local hours have their own file."""

from itertools import count

import pytest

from proactive.explaining import explain
from proactive.models import Message, Status
from tests.factories import MessageFactory
from tests.proactive.people import (
    DAY,
    DUE,
    FIRST,
    HOUR,
    MOMENT,
    NOON,
    due_for,
    person,
    sweep,
    sweep_among,
)

pytestmark = pytest.mark.django_db

each_cadence = pytest.mark.parametrize("cadence", DUE)
ROUTINE = [cadence for cadence in DUE if cadence != "crisis_followup"]
STAGED = [cadence for cadence in DUE if cadence != "wellness"]
COUNTER = {
    "crisis_followup": "crisis_followup_count",
    "dormant_reactivation": "reactivation_message_count",
    "assessment_reminder": "assessment_reminder_count",
    "onboarding_nudge": "onboarding_nudge_count",
}


def rule(someone, cadence: str, name: str, now=NOON) -> dict:
    """What `explain` says about one rule of one cadence."""
    (entry,) = (one for one in explain(someone, now=now)["cadences"] if one["cadence"] == cadence)
    (state,) = (one for one in entry["rules"] if one["rule"] == name)
    return state


# --- Gate ---


@each_cadence
def test_no_text_within_24_hours_of_the_one_before_and_at_24_hours_one(cadence):
    # The daily tier, so that no longer interval hides the gate.
    daily = {
        "burnout_band": "crisis",
        "last_crisis_event_at": NOON - 5 * DAY,
        "crisis_followup_count": 2,
    }
    fields = daily if cadence == "wellness" else {}
    first = ("wellness", "crisis_recent") if cadence == "wellness" else FIRST[cadence]
    people = {
        "24 hours": due_for(cadence, last_proactive_message_at=NOON - DAY, **fields),
        "a moment less": due_for(cadence, last_proactive_message_at=NOON - DAY + MOMENT, **fields),
        "never": due_for(cadence, last_proactive_message_at=None, **fields),
    }
    assert sweep_among(people) == {"24 hours": first, "a moment less": None, "never": first}


# --- Conversation ---


@pytest.mark.parametrize("cadence", ["assessment_reminder", "onboarding_nudge"])
def test_a_routine_text_leaves_whoever_wrote_alone_for_24_hours(cadence):
    people = {
        "24 hours": due_for(cadence, last_contact_at=NOON - DAY),
        "a moment less": due_for(cadence, last_contact_at=NOON - DAY + MOMENT),
    }
    assert sweep_among(people) == {"24 hours": FIRST[cadence], "a moment less": None}


def test_a_crisis_follow_up_waits_only_while_a_conversation_is_live():
    people = {
        "60 minutes": due_for("crisis_followup", last_contact_at=NOON - HOUR),
        "a moment less": due_for("crisis_followup", last_contact_at=NOON - HOUR + MOMENT),
    }
    assert sweep_among(people) == {"60 minutes": ("crisis_followup", 1), "a moment less": None}


@each_cadence
def test_every_cadence_knows_how_long_a_conversation_lasts(cadence):
    someone = person(last_contact_at=NOON - HOUR)
    quiet = "1 hour" if cadence == "crisis_followup" else "24 hours"
    assert rule(someone, cadence, "conversation")["says"].endswith(f"({quiet})")


# --- Reservation ---


@pytest.mark.parametrize("cadence", [one for one in ROUTINE if one != "dormant_reactivation"])
def test_a_routine_text_does_not_take_the_slot_of_a_crisis_follow_up(cadence):
    # The third follow-up falls due seven days after the crisis.
    def after_crisis(age, done):
        return due_for(cadence, last_crisis_event_at=NOON - age, crisis_followup_count=done)

    people = {
        "due in 12 hours": after_crisis(7 * DAY - 12 * HOUR, 2),
        "due in 12 hours and a moment": after_crisis(7 * DAY - 12 * HOUR - MOMENT, 2),
        "due now": after_crisis(7 * DAY, 2),
        "due now, counter null": after_crisis(7 * DAY, None),
        "due now, dealt with": after_crisis(7 * DAY, 3),
        "an earlier one not dealt with, its time over": after_crisis(42 * DAY, 6),
    }
    # The crisis cadence itself is not swept: nothing but the reservation is in the way.
    assert sweep_among(people, cadences=ROUTINE) == {
        "due in 12 hours": None,
        "due in 12 hours and a moment": FIRST[cadence],
        "due now": None,
        "due now, counter null": None,
        "due now, dealt with": FIRST[cadence],
        "an earlier one not dealt with, its time over": FIRST[cadence],
    }


@pytest.mark.parametrize("cadence", ROUTINE)
def test_every_routine_cadence_asks_for_the_reservation(cadence):
    someone = person(last_crisis_event_at=NOON - 12 * HOUR)
    assert rule(someone, cadence, "reservation") == {
        "rule": "reservation",
        "holds": False,
        "says": "crisis follow-up 1 of 7 is due Wed 6 Jan 00:00; its slot is kept from 12 hours "
        "before",
    }


# --- Consent and pause ---


@each_cadence
def test_nothing_is_queued_for_whoever_opted_out_or_is_paused(cadence):
    people = {
        "opted out just now": due_for(cadence, opted_out_at=NOON),
        "opted out long ago": due_for(cadence, opted_out_at=NOON - 300 * DAY),
        "paused for a moment more": due_for(cadence, outreach_paused_until=NOON + MOMENT),
        "paused until now": due_for(cadence, outreach_paused_until=NOON),
        "neither": due_for(cadence),
    }
    assert sweep_among(people) == {
        "opted out just now": None,
        "opted out long ago": None,
        "paused for a moment more": None,
        "paused until now": FIRST[cadence],
        "neither": FIRST[cadence],
    }


# --- Queue ---


@each_cadence
def test_a_waiting_text_keeps_the_next_one_back_even_when_the_gate_has_opened_again(cadence):
    people = {}
    for status in Status.values:
        people[status] = due_for(cadence, last_proactive_message_at=NOON - 5 * DAY)
        MessageFactory(
            caregiver=people[status],
            cadence="another",
            status=status,
            queued_at=NOON - 5 * DAY,
            occasion=NOON - 9 * DAY,
        )
    waiting = {"queued", "sending"}
    assert sweep_among(people) == {
        status: None if status in waiting else FIRST[cadence] for status in people
    }


# --- Once ---


@pytest.mark.parametrize("cadence", STAGED)
def test_a_counter_reset_by_hand_sends_no_stage_of_an_occasion_again(cadence):
    from proactive.cadences import BY_NAME

    people = {}
    for status in Status.values:
        if status not in ("queued", "sending"):
            people[status] = due_for(cadence, **{COUNTER[cadence]: 0})
            occasion = BY_NAME[cadence].anchor.of(people[status])
            MessageFactory(
                caregiver=people[status], cadence=cadence, occasion=occasion, status=status
            )
    people["no text so far"] = due_for(cadence)
    # Only what was given back may be planned again, and nobody else's text is held up.
    assert sweep_among(people) == {
        label: FIRST[cadence] if label in ("cancelled", "no text so far") else None
        for label in people
    }


def test_a_counter_reset_by_hand_does_not_record_an_earlier_stage_twice():
    someone = person(
        last_crisis_event_at=NOON - 4 * DAY,
        last_contact_at=NOON - 4 * DAY,
        crisis_followup_count=0,
    )
    first = MessageFactory(
        caregiver=someone, occasion=NOON - 4 * DAY, stage=1, status=Status.DELIVERED
    )
    assert sweep() == [("crisis_followup", 2)]
    assert list(Message.objects.filter(stage=1)) == [first]


def test_a_newer_occasion_earns_the_same_stage_anew():
    someone = due_for("assessment_reminder")
    MessageFactory(
        caregiver=someone,
        cadence="assessment_reminder",
        occasion=NOON - 30 * DAY,
        status=Status.DELIVERED,
    )
    assert sweep() == [("assessment_reminder", 1)]


# --- What they say ---


def test_the_gate_names_the_last_text_and_the_next_possible_one():
    someone = person(last_proactive_message_at=NOON, last_contact_at=NOON - 5 * DAY)
    assert rule(someone, "wellness", "gate", NOON + HOUR) == {
        "rule": "gate",
        "holds": False,
        "says": "last proactive message Tue 5 Jan 12:00, next possible Wed 6 Jan 12:00",
    }


SENTENCES = [
    ({}, "consent", True, "has not opted out"),
    ({"opted_out_at": NOON}, "consent", False, "opted out Tue 5 Jan 12:00"),
    ({}, "pause", True, "not paused by staff"),
    (
        {"outreach_paused_until": NOON + DAY},
        "pause",
        False,
        "paused by staff until Wed 6 Jan 12:00",
    ),
    (
        {"outreach_paused_until": NOON - DAY},
        "pause",
        True,
        "was paused by staff until Mon 4 Jan 12:00",
    ),
    ({}, "gate", True, "no proactive message so far"),
    ({}, "queue", True, "no other text is waiting"),
    ({"last_contact_at": None}, "conversation", True, "has never written"),
    (
        {"last_contact_at": NOON - 2 * HOUR},
        "conversation",
        False,
        "last wrote Tue 5 Jan 10:00; left alone until Wed 6 Jan 10:00 (24 hours)",
    ),
    ({}, "reservation", True, "no crisis follow-up is due soon"),
    ({}, "window", True, "local time 12:00 (UTC), texts go out 09:00-20:00"),
]


@pytest.mark.parametrize(
    ("fields", "name", "holds", "says"),
    SENTENCES,
    ids=[f"{row[1]}-{number}" for row, number in zip(SENTENCES, count(1), strict=False)],
)
def test_a_rule_says_in_numbers_what_it_found(fields, name, holds, says):
    someone = person(**fields)
    assert rule(someone, "wellness", name) == {"rule": name, "holds": holds, "says": says}


def test_the_queue_rule_says_that_a_text_is_waiting():
    someone = due_for("wellness")
    MessageFactory(caregiver=someone, occasion=NOON - 9 * DAY)
    assert rule(someone, "wellness", "queue") == {
        "rule": "queue",
        "holds": False,
        "says": "another text is waiting to be sent",
    }
