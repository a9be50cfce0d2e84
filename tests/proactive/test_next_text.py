"""The short answer: what a person gets next and why, or what stops it."""

import pytest

from proactive.models import CadenceSwitch
from proactive.next_text import look_ahead
from proactive.sweeps import run_sweep
from tests.proactive.people import DAY, DUE, FIRST, HOUR, NOON, due_for, person

pytestmark = pytest.mark.django_db


def stops(someone, now=NOON):
    outlook = look_ahead(someone, now=now)
    assert outlook.next is None
    return [(stop.label, stop.says) for stop in outlook.stops]


@pytest.mark.parametrize("cadence", DUE)
def test_what_is_due_now_is_what_the_sweep_queues_with_the_same_words_and_grounds(cadence):
    someone = due_for(cadence)
    coming = look_ahead(someone, now=NOON).next

    run_sweep(now=NOON)

    queued = someone.messages.get()
    assert (queued.cadence, queued.stage or queued.tier) == FIRST[cadence]
    assert (coming.at, coming.body, coming.waiting) == (NOON, queued.body, False)
    assert "; ".join(coming.because) == queued.because
    assert coming.held_back == ()


def test_what_comes_later_says_when_and_what_holds_it_back_until_then():
    someone = due_for("crisis_followup", last_proactive_message_at=NOON - 20 * HOUR)
    coming = look_ahead(someone, now=NOON).next
    assert coming.at == NOON + 4 * HOUR
    assert coming.label == "Crisis follow-up 1"
    assert coming.held_back == (
        "last proactive message Mon 4 Jan 16:00, next possible Tue 5 Jan 16:00",
    )


def test_a_queued_text_is_next_and_says_why_it_was_queued():
    someone = due_for("wellness")
    run_sweep(now=NOON)
    coming = look_ahead(someone, now=NOON).next
    queued = someone.messages.get()
    assert (coming.waiting, coming.body) == (True, queued.body)
    assert coming.because == tuple(queued.because.split("; "))
    assert coming.held_back == ()


def test_a_queued_text_that_delivery_would_not_take_says_so():
    someone = due_for("wellness")
    run_sweep(now=NOON)
    CadenceSwitch.objects.create(cadence=CadenceSwitch.EVERYTHING, is_on=False, reason="drill")
    someone.opted_out_at = NOON
    someone.save()
    held = look_ahead(someone, now=NOON + HOUR).next.held_back
    assert held == ("everything is off: drill", "opted out Tue 5 Jan 12:00")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"opted_out_at": NOON - DAY}, "opted out Mon 4 Jan 12:00"),
        (
            {"unreachable_at": NOON - DAY, "unreachable_reason": "a landline"},
            "cannot be texted since Mon 4 Jan 12:00: a landline",
        ),
        ({"journey_phase": "churned"}, "journey phase is churned"),
        (
            {"outreach_paused_until": NOON + 60 * DAY},
            "paused by staff until Sat 6 Mar 12:00",
        ),
        (
            {"time_zone": "Mars/Base"},
            "time zone 'Mars/Base' is unknown: correct it or leave it empty",
        ),
    ],
)
def test_what_stops_everything_is_said_once_and_alone(fields, says):
    assert stops(due_for("wellness", **fields)) == [("", (says,))]


def test_a_switch_over_everything_stops_everything():
    CadenceSwitch.objects.create(cadence=CadenceSwitch.EVERYTHING, is_on=False, reason="drill")
    assert stops(due_for("wellness")) == [("", ("everything is off: drill",))]


def test_a_pause_that_ends_after_the_forecast_says_when_something_may_come():
    someone = due_for("wellness", outreach_paused_until=NOON + 40 * DAY, last_crisis_event_at=NOON)
    outlook = look_ahead(someone, now=NOON)
    assert (outlook.next, outlook.later) == (None, NOON + 40 * DAY)


def test_where_each_cadence_has_its_own_reason_each_is_named():
    someone = person(
        journey_phase="active",
        burnout_band="",
        last_contact_at=NOON - 2 * DAY,
        reactivation_message_count=3,
        last_assessment_at=None,
    )
    named = dict(stops(someone))
    assert named["Crisis follow-up 1"] == ("no crisis on record",)
    assert named["Wellness check-in"] == ("no burnout band yet, so no check-ins",)
    assert named["Onboarding nudge 1"][0] == "the profile is complete"
    assert set(named) == {
        "Crisis follow-up 1",
        "Wellness check-in",
        "Dormant reactivation 1",
        "Assessment reminder 1",
        "Onboarding nudge 1",
    }


def test_a_cadence_that_others_delay_is_expected_when_the_forecast_has_it():
    someone = person(
        last_crisis_event_at=NOON - 5 * DAY,
        last_assessment_at=NOON - 5 * DAY,
        last_contact_at=NOON - 4 * DAY,
        crisis_followup_count=2,
    )
    outlook = look_ahead(someone, now=NOON)
    expected = {one["cadence"]: one["expected"] for one in outlook.cadences}
    first = next(one for one in outlook.messages if one["cadence"] == "assessment_reminder")
    assert expected["assessment_reminder"] == first["at"]
    assert expected["wellness"] is None
