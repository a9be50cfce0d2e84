"""Each figure counts what its words say and is closed with its week; more rows ask no more."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving import events
from caregiving.models import InboundMessage
from proactive.models import CareAlert, Sweep
from proactive.weekly.measuring import measure
from proactive.weekly.weeks import Week
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, person

pytestmark = pytest.mark.django_db

WEEK = Week.parse("2026-W53")  # ended on the day before NOON
BEGINS, ENDS = WEEK.begins, WEEK.ends
MINUTE = timedelta(minutes=1)


def measured(now=NOON):
    return measure(WEEK, now=now)


def text(at, status="delivered", **fields):
    """One that was handed over at `at`, and taken unless it failed."""
    taken = None if status in ("failed", "sending") else at
    return MessageFactory(
        status=status,
        **{
            "cadence": "wellness",
            "stage": None,
            "queued_at": at,
            "attempt_started_at": at,
            "sent_at": taken,
        }
        | fields,
    )


# --- Texts ---


def test_texts_count_for_the_week_in_which_they_were_handed_over():
    text(BEGINS - MOMENT)
    text(BEGINS)
    text(ENDS - MOMENT, "failed")
    text(ENDS)

    assert measured()["texts"] == {"wellness": {"delivered": 1, "failed": 1}}


def test_what_was_never_handed_over_counts_for_when_it_was_planned():
    for status in ("superseded", "cancelled", "queued"):
        text(BEGINS + HOUR, status, attempt_started_at=None, sent_at=None)
    text(BEGINS + HOUR, "cancelled")  # given up after it was handed over: once only

    assert measured()["texts"] == {"wellness": {"superseded": 1, "cancelled": 2}}


def test_what_the_provider_took_is_paid_for_by_segment(settings):
    settings.SMS_SEGMENT_COST = 0.01
    text(BEGINS, segments=2)
    text(BEGINS, "undelivered", segments=3, cadence="onboarding_nudge")
    text(BEGINS, "failed", segments=7)

    assert measured()["cost"] == {
        "segments": {"wellness": 2, "onboarding_nudge": 3},
        "per_segment": 0.01,
    }


# --- Replies ---


def test_replies_count_if_they_came_before_the_week_ended():
    for minutes in (10, 30, 20, 90):
        text(BEGINS + HOUR, replied_at=BEGINS + HOUR + minutes * MINUTE)
    text(ENDS - HOUR, replied_at=ENDS)
    text(BEGINS)

    assert measured()["replies"] == {"sent": 6, "replied": 4, "median_seconds": 25 * 60}


def test_the_median_of_an_odd_number_is_the_one_in_the_middle_and_of_none_is_not_known():
    assert measured()["replies"]["median_seconds"] is None
    for minutes in (300, 1, 2):
        text(BEGINS, replied_at=BEGINS + minutes * MINUTE)

    assert measured()["replies"]["median_seconds"] == 2 * 60


# --- Crisis follow-ups ---


def in_crisis(at, **fields):
    someone = person(created_at=at - DAY, last_contact_at=at - DAY, **fields)
    events.record_crisis_event(someone, at=at, source="test")
    return someone


def followup(someone, stage, at, status="delivered"):
    return text(
        at,
        status,
        caregiver=someone,
        cadence="crisis_followup",
        stage=stage,
        occasion=someone.last_crisis_event_at,
    )


def test_follow_ups_count_for_the_week_in_which_they_fell_due():
    someone = in_crisis(BEGINS - DAY)  # stages 1, 2 and 3 fall due in days 0, 2 and 6
    followup(someone, 1, BEGINS + 12 * HOUR)
    followup(someone, 2, BEGINS + 2 * DAY + 12 * HOUR + MOMENT)
    followup(someone, 3, BEGINS + 6 * DAY, "failed")
    followup(in_crisis(BEGINS - DAY - MOMENT), 1, BEGINS + HOUR)  # due a moment before it began
    in_crisis(ENDS - DAY)  # due as it ended

    found = measured()["followups"]

    # The third is of whoever was due a moment before: stages 2 and 3 of theirs, never sent.
    assert found["due"] == 5
    assert (found["sent"], found["late"]) == (2, 1)
    assert found["ends"]["delivered"] == 2
    assert found["ends"]["failed"] == 1


def test_an_old_week_is_counted_from_what_is_kept_and_alerts_nobody():
    someone = in_crisis(BEGINS - DAY)
    followup(someone, 1, BEGINS)
    events.record_crisis_event(someone, at=BEGINS + DAY, source="test")  # a newer one replaces it

    found = measure(WEEK, now=NOON + 300 * DAY)["followups"]

    assert found["ends"]["delivered"] == 1
    assert found["due"] > 1  # those of the newer one
    assert not CareAlert.objects.exists()


# --- Who is back, and who asked for silence ---


def wrote(someone, at):
    InboundMessage.objects.create(
        caregiver=someone,
        from_number=someone.phone_number,
        received_at=at,
        provider_sid=f"SM{someone.pk}-{at.timestamp()}",
    )


def test_whoever_writes_within_seven_days_of_a_reactivation_is_back():
    sent = WEEK.before.begins + HOUR
    in_time, too_late, before, silent = people = CaregiverFactory.create_batch(4)
    for someone in people:
        text(sent, caregiver=someone, cadence="dormant_reactivation", stage=1, occasion=sent)
    wrote(in_time, sent + 7 * DAY)
    wrote(in_time, sent + DAY)
    wrote(too_late, sent + 7 * DAY + timedelta(seconds=1))
    wrote(before, sent - HOUR)
    text(sent, caregiver=silent)  # a check-in is no reactivation

    assert measured()["reactivated"] == {"texted": 4, "back": 1}


def test_opt_outs_of_the_week_are_told_with_the_texts_sent():
    for at in (BEGINS - MOMENT, BEGINS, ENDS - MOMENT, ENDS):
        CaregiverFactory(opted_out_at=at)
    text(BEGINS)
    text(BEGINS, "failed")

    assert measured()["opt_outs"] == {"people": 2, "sent": 1}


# --- The gate, alerts, people ---


def test_the_gate_is_told_of_the_sweeps_that_counted():
    def swept(at, counts, **fields):
        Sweep.objects.create(started_at=at, now=at, counts=counts, **fields)

    deferred = {"wellness": {"gate": 3, "window": 1}, "crisis_followup": {"gate": 1}}
    swept(BEGINS, {"deferred": deferred, "queued": {"wellness": 5}})
    swept(BEGINS + HOUR, {"deferred": {}, "queued": {"wellness": 0}})
    swept(BEGINS + HOUR, {"queued": {"wellness": 90}})  # did not count
    swept(BEGINS + HOUR, {"deferred": deferred}, dry_run=True)
    swept(ENDS, {"deferred": deferred})

    assert measured()["gate"] == {"owed": 10, "held_back": 4}


def test_without_a_sweep_that_counted_nothing_is_known_of_the_gate():
    assert measured()["gate"] is None


def test_alerts_count_for_the_week_in_which_they_opened():
    kind = CareAlert.Kind
    for opened_at, fields in (
        (BEGINS, {"kind": kind.DUPLICATE, "claimed_at": BEGINS + 10 * MINUTE}),
        (BEGINS, {"kind": kind.DUPLICATE, "claimed_at": BEGINS + 20 * MINUTE}),
        (BEGINS, {"kind": kind.FOLLOWUP_FAILED}),
        (BEGINS, {"kind": kind.FOLLOWUP_FAILED, "resolved_at": BEGINS + HOUR}),
        (ENDS, {"kind": kind.FOLLOWUP_FAILED}),
    ):
        CareAlert.objects.create(caregiver=CaregiverFactory(), opened_at=opened_at, **fields)

    assert measured()["alerts"] == {
        "opened": {"duplicate": 2, "followup_failed": 2},
        "claimed": 2,
        "median_seconds": 15 * 60,
        "nobody_yet": 1,
    }


def test_people_are_counted_by_band_and_phase_while_the_week_is_the_last():
    CaregiverFactory(burnout_band="crisis", journey_phase="active")
    CaregiverFactory.create_batch(2, burnout_band="", journey_phase="onboarding")

    assert measured()["people"] == {"crisis": {"active": 1}, "": {"onboarding": 2}}
    assert measured(ENDS + 7 * DAY)["people"] is None


# --- What it costs ---


def test_it_asks_as_much_for_many_as_for_few():
    def asked():
        with CaptureQueriesContext(connection) as captured:
            measured()
        return len(captured)

    def grow():
        someone = in_crisis(BEGINS - DAY)
        followup(someone, 1, BEGINS)
        text(BEGINS, replied_at=BEGINS + HOUR)
        CareAlert.objects.create(
            kind="duplicate", caregiver=someone, occasion=BEGINS, opened_at=BEGINS, claimed_at=ENDS
        )

    grow()
    few = asked()
    for _ in range(20):
        grow()

    assert asked() == few
    assert few < 25
