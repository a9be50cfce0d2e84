"""The table of cadences, row by row, as real sweeps of one person see it."""

from datetime import datetime, timedelta

import pytest

from caregiving.models import JourneyPhase
from proactive.cadences import CADENCES
from proactive.delivery import deliver_queued
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
    undone,
)

pytestmark = pytest.mark.django_db

ANCHOR = {
    "crisis_followup": "last_crisis_event_at",
    "dormant_reactivation": "last_contact_at",
    "assessment_reminder": "last_assessment_at",
    "onboarding_nudge": "created_at",
}
COUNTER = {
    "crisis_followup": "crisis_followup_count",
    "dormant_reactivation": "reactivation_message_count",
    "assessment_reminder": "assessment_reminder_count",
    "onboarding_nudge": "onboarding_nudge_count",
}
# (cadence, stage, due, late limit), the durations since the anchor.
STAGES = [
    ("crisis_followup", 1, 24 * HOUR, 72 * HOUR),
    ("crisis_followup", 2, 72 * HOUR, 7 * DAY),
    ("crisis_followup", 3, 7 * DAY, 14 * DAY),
    ("crisis_followup", 4, 14 * DAY, 21 * DAY),
    ("crisis_followup", 5, 21 * DAY, 28 * DAY),
    ("crisis_followup", 6, 28 * DAY, 35 * DAY),
    ("crisis_followup", 7, 35 * DAY, 42 * DAY),
    ("dormant_reactivation", 1, 7 * DAY, 14 * DAY),
    ("dormant_reactivation", 2, 14 * DAY, 30 * DAY),
    ("dormant_reactivation", 3, 30 * DAY, 31 * DAY),
    ("assessment_reminder", 1, 7 * DAY, 14 * DAY),
    ("assessment_reminder", 2, 14 * DAY, 21 * DAY),
    ("onboarding_nudge", 1, 48 * HOUR, 5 * DAY),
    ("onboarding_nudge", 2, 5 * DAY, 6 * DAY),
]
LAST = {"crisis_followup": 7, "dormant_reactivation": 3} | dict.fromkeys(
    ("assessment_reminder", "onboarding_nudge"), 2
)
WINDOWS = {
    "crisis_followup": (8, 21),
    "wellness": (9, 20),
    "dormant_reactivation": (11, 20),
    "assessment_reminder": (9, 20),
    "onboarding_nudge": (9, 20),
}

each_stage = pytest.mark.parametrize(
    ("cadence", "stage", "due", "limit"),
    STAGES,
    ids=[f"{cadence}-{stage}" for cadence, stage, *_ in STAGES],
)


def somebody(cadence: str, *, age: timedelta, done: int | None, now: datetime = NOON):
    """Whose occasion for `cadence` was `age` ago at `now`, with `done` stages dealt with."""
    fields = {"created_at": now - 2 * DAY, COUNTER[cadence]: done}
    if cadence == "crisis_followup":
        fields["last_contact_at"] = now - age  # a crisis counts as contact
    if cadence == "assessment_reminder":
        fields["last_contact_at"] = now - 2 * DAY
    if cadence == "onboarding_nudge":
        fields["first_name"] = ""
    return person(**fields | {ANCHOR[cadence]: now - age})


def test_the_table_names_the_five_cadences_in_order_of_priority():
    assert [cadence.name for cadence in CADENCES] == list(DUE)


def test_the_table_has_every_stage_with_its_times():
    assert [
        (cadence.name, step.stage, step.due, step.limit)
        for cadence in CADENCES
        for step in cadence.steps
        if step.stage is not None
    ] == STAGES


@each_stage
def test_a_stage_is_sent_from_its_due_instant_until_a_moment_before_its_late_limit(
    cadence, stage, due, limit
):
    ages = {
        "a moment before it is due": due - MOMENT,
        "when it falls due": due,
        "a moment before its late limit": limit - MOMENT,
        "at its late limit": limit,
    }
    people = {when: somebody(cadence, age=age, done=stage - 1) for when, age in ages.items()}
    people["when it falls due, dealt with"] = somebody(cadence, age=due, done=stage)
    assert sweep_among(people) == {
        "a moment before it is due": None,
        "when it falls due": (cadence, stage),
        "a moment before its late limit": (cadence, stage),
        "at its late limit": None if stage == LAST[cadence] else (cadence, stage + 1),
        "when it falls due, dealt with": None,
    }


@pytest.mark.parametrize("cadence", ANCHOR)
def test_a_counter_that_was_never_set_counts_as_none_dealt_with(cadence):
    age = next(due for name, _, due, _ in STAGES if name == cadence)
    someone = somebody(cadence, age=age, done=None)
    assert sweep() == [(cadence, 1)]
    someone.refresh_from_db()
    assert getattr(someone, COUNTER[cadence]) == 1


@pytest.mark.parametrize("age", [7 * DAY, 14 * DAY, 30 * DAY], ids=str)
def test_silence_of_somebody_who_never_wrote_counts_from_the_sign_up(age):
    person(last_contact_at=None, created_at=NOON - age, reactivation_message_count=None)
    assert sweep() == [("dormant_reactivation", {7: 1, 14: 2, 30: 3}[age.days])]


# --- Who ---

PHASES = {
    "crisis_followup": {"onboarding", "active"},
    "wellness": {"active"},
    "dormant_reactivation": {"active"},
    "assessment_reminder": {"active"},
    "onboarding_nudge": {"onboarding", "active"},
}


@pytest.mark.parametrize("cadence", DUE)
def test_a_cadence_is_for_these_phases_of_the_journey(cadence):
    people = {phase: due_for(cadence, journey_phase=phase) for phase in JourneyPhase.values}
    assert sweep_among(people) == {
        phase: FIRST[cadence] if phase in PHASES[cadence] else None for phase in people
    }


@pytest.mark.parametrize("cadence", ["crisis_followup", "assessment_reminder"])
def test_without_the_event_that_earns_it_nothing_is_sent(cadence):
    due_for(cadence, **{ANCHOR[cadence]: None})
    assert sweep() == []


def test_each_missing_part_of_the_profile_earns_a_nudge_and_a_complete_one_none():
    parts = ["first_name", "relationship", "zip_code"]
    people = {part: person(**{part: ""}) for part in parts}
    people["complete"] = person(care_recipient_name="")
    people["complete, onboarding"] = person(journey_phase="onboarding")
    assert sweep_among(people) == {
        "first_name": ("onboarding_nudge", 1),
        "relationship": ("onboarding_nudge", 1),
        "zip_code": ("onboarding_nudge", 1),
        "complete": None,
        "complete, onboarding": None,
    }


def test_a_newer_assessment_ends_the_reminders_of_the_one_before():
    due_for("assessment_reminder", last_assessment_at=NOON - 7 * DAY + MOMENT)
    assert sweep() == []


def test_dormant_messages_wait_while_a_crisis_cascade_is_open():
    # All follow-ups are dealt with, so none reserves the slot.
    crisis = {"crisis_followup_count": 7, "last_contact_at": NOON - 8 * DAY}
    person(**crisis, last_crisis_event_at=NOON - 42 * DAY + MOMENT)
    assert sweep() == []
    person(**crisis, last_crisis_event_at=NOON - 42 * DAY)
    assert sweep() == [("dormant_reactivation", 1)]


@pytest.mark.parametrize("cadence", ["wellness", "assessment_reminder", "onboarding_nudge"])
def test_an_active_person_silent_for_31_days_is_left_alone(cadence):
    silences = {"31 days": 31 * DAY, "a moment less": 31 * DAY - MOMENT}
    people = {
        words: due_for(cadence, last_contact_at=NOON - silence, reactivation_message_count=3)
        for words, silence in silences.items()
    }
    assert sweep_among(people) == {"31 days": None, "a moment less": FIRST[cadence]}


# --- Wellness tiers ---

IN_CRISIS = {"burnout_band": "crisis", "crisis_followup_count": 7}
# (id, who, tier, every, silence)
TIERS = [
    (
        "crisis-this-week",
        {**IN_CRISIS, "last_crisis_event_at": NOON - 7 * DAY},
        "crisis_recent",
        1 * DAY,
        2 * DAY,
    ),
    (
        "crisis-before",
        {**IN_CRISIS, "last_crisis_event_at": NOON - 7 * DAY - MOMENT},
        "crisis",
        7 * DAY,
        3 * DAY,
    ),
    ("crisis-undated", IN_CRISIS, "crisis", 7 * DAY, 3 * DAY),
    ("high", {"burnout_band": "high"}, "high", 3 * DAY, 2 * DAY),
    ("moderate", {"burnout_band": "moderate"}, "moderate", 7 * DAY, 3 * DAY),
    ("mild", {"burnout_band": "mild", "wellness_opt_in": True}, "well", 14 * DAY, 3 * DAY),
    ("thriving", {"burnout_band": "thriving", "wellness_opt_in": True}, "well", 14 * DAY, 3 * DAY),
]
each_tier = pytest.mark.parametrize(
    ("who", "tier", "every", "silence"),
    [row[1:] for row in TIERS],
    ids=[row[0] for row in TIERS],
)


@each_tier
def test_a_tier_texts_again_after_its_interval_and_its_silence(who, tier, every, silence):
    gone_by = {
        "both gone by": (silence, every),
        "a moment short of the interval": (silence, every - MOMENT),
        "a moment short of the silence": (silence - MOMENT, every),
    }
    people = {
        words: person(**who, last_contact_at=NOON - silent, last_proactive_message_at=NOON - ago)
        for words, (silent, ago) in gone_by.items()
    }
    assert sweep_among(people) == {
        "both gone by": ("wellness", tier),
        "a moment short of the interval": None,
        "a moment short of the silence": None,
    }


@each_tier
def test_a_tier_texts_who_never_got_a_text_after_its_silence(who, tier, every, silence):
    people = {
        "silent for long enough": person(**who, last_contact_at=NOON - silence),
        "a moment less": person(**who, last_contact_at=NOON - silence + MOMENT),
        "never wrote": person(**who, last_contact_at=None, created_at=NOON - silence),
        "signed up a moment later": person(
            **who, last_contact_at=None, created_at=NOON - silence + MOMENT
        ),
    }
    assert sweep_among(people) == {
        "silent for long enough": ("wellness", tier),
        "a moment less": None,
        "never wrote": ("wellness", tier),
        "signed up a moment later": None,
    }


def test_whoever_does_well_or_has_no_band_gets_check_ins_only_when_asked_for():
    silent = {"last_contact_at": NOON - 5 * DAY}
    people = {
        "mild": person(burnout_band="mild", **silent),
        "thriving": person(burnout_band="thriving", **silent),
        "no band": person(burnout_band="", **silent),
        "no band, asked": person(burnout_band="", wellness_opt_in=True, **silent),
    }
    assert sweep_among(people) == dict.fromkeys(people)


# --- Windows ---

each_window = pytest.mark.parametrize(
    ("cadence", "opens", "closes"), [(name, *hours) for name, hours in WINDOWS.items()], ids=WINDOWS
)


@each_window
def test_texts_go_out_from_the_opening_until_a_moment_before_the_closing(cadence, opens, closes):
    midnight = NOON - 12 * HOUR
    instants = [
        midnight + opens * HOUR - MOMENT,
        midnight + opens * HOUR,
        midnight + closes * HOUR - MOMENT,
        midnight + closes * HOUR,
    ]
    texts = []
    for now in instants:
        with undone():
            due_for(cadence, now)
            texts.append(sweep(now))
    assert texts == [[], [FIRST[cadence]], [FIRST[cadence]], []]


# --- Priority ---


def with_due(*cadences: str):
    """Somebody to whom the first texts of all of `cadences` are due at once."""
    fields = {"last_contact_at": NOON - 8 * DAY, "created_at": NOON - 2 * DAY}
    for cadence in cadences:
        own = DUE[cadence](NOON)
        own.pop("last_contact_at", None)
        fields |= own
    return person(**fields)


# A crisis keeps the dormant messages back, hence two rows.
ORDER = [
    ("crisis_followup", "wellness", "assessment_reminder", "onboarding_nudge"),
    ("wellness", "dormant_reactivation", "assessment_reminder", "onboarding_nudge"),
    ("dormant_reactivation", "assessment_reminder", "onboarding_nudge"),
]


@pytest.mark.parametrize("cadences", ORDER, ids=[row[0] for row in ORDER])
def test_of_several_that_are_due_only_the_most_urgent_is_sent(cadences):
    with_due(*cadences)
    assert sweep() == [FIRST[cadences[0]]]


@pytest.mark.parametrize("cadences", ORDER, ids=[row[0] for row in ORDER])
def test_whichever_order_they_are_asked_for_in(cadences):
    with_due(*cadences)
    assert sweep(cadences=reversed(cadences)) == [FIRST[cadences[0]]]


def test_the_assessment_reminder_goes_before_the_onboarding_nudge():
    due_for("onboarding_nudge", last_assessment_at=NOON - 8 * DAY)
    assert sweep() == [("assessment_reminder", 1)]


def test_what_had_to_stand_back_goes_out_a_day_later(gateway):
    with_due("wellness", "dormant_reactivation", "assessment_reminder")
    days = []
    for day in range(3):
        days.append(sweep(NOON + day * DAY))
        deliver_queued(now=NOON + day * DAY)
    assert days == [
        [("wellness", "high")],
        [("dormant_reactivation", 1)],
        [("assessment_reminder", 1)],
    ]


def test_every_rule_says_in_general_terms_what_it_means():
    rules = {
        (rule.name, rule.means)
        for cadence in CADENCES
        for step in cadence.steps
        for rule in cadence.rules(step)
    }

    assert [name for name, means in rules if not means] == []
    # What is declared stands in them.
    assert (
        "window",
        "it is 11:00-20:00 where they live, in every zone that they may be in",
    ) in rules
    assert ("reservation", "no crisis follow-up is due, or falls due within 12 hours") in rules
    assert ("conversation", "has not written in the last 1 hour") in rules
