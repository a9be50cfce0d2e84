"""Every obligation of a hand-made world stands in the ledger with its due time and its end."""

from datetime import timedelta

import pytest

from proactive.cadences import (
    ASSESSMENT_REMINDER,
    CADENCES,
    CRISIS_FOLLOWUP,
    DORMANT_REACTIVATION,
    ONBOARDING_NUDGE,
)
from proactive.models import CareAlert, Message, Status
from proactive.simulation.ends import Ends, ends_from_database
from proactive.simulation.happenings import Kind
from proactive.simulation.histories import histories
from proactive.simulation.ledger import draw_up, hours, summary
from proactive.simulation.owing import obligations
from proactive.simulation.spec import Spec
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.simulation.logs import (
    DAY,
    HOUR,
    MICROSECOND,
    SECOND,
    SPEC,
    STARTS,
    happened,
    log,
    refusal,
    someone,
    text,
    wrote,
)

CRISIS = happened(STARTS, Kind.CRISIS)


def owed(cadence, *entries, who=None, spec=SPEC):
    """[(stage, due in days since the world began)]"""
    who = who or someone()
    history = histories(log(*entries), [who])[who.key]
    return [(one.stage, (one.due - STARTS) / DAY) for one in obligations(history, cadence, spec)]


def entry(cadence, *entries, who=None, ends=None, spec=SPEC, **fields):
    world = log(*entries, **fields)
    raw = draw_up(world, [who or someone()], spec=spec, cadences=CADENCES, ends=ends)
    return raw["obligations"][cadence.name]


def followup(at, stage=1, **fields):
    return text(at, "crisis_followup", stage, occasion=fields.pop("occasion", STARTS), **fields)


# --- What is owed ---


def test_a_crisis_earns_seven_follow_ups():
    stages = [(1, 1), (2, 3), (3, 7), (4, 14), (5, 21), (6, 28), (7, 35)]

    assert owed(CRISIS_FOLLOWUP, CRISIS) == stages
    assert owed(CRISIS_FOLLOWUP) == []
    assert owed(CRISIS_FOLLOWUP, happened(STARTS, Kind.CRISIS, acknowledged=False)) == []


def test_a_newer_crisis_ends_what_is_yet_to_fall_due_for_the_older():
    at_three_days = happened(STARTS + 3 * DAY, Kind.CRISIS)
    just_after = happened(STARTS + 3 * DAY + MICROSECOND, Kind.CRISIS)

    assert owed(CRISIS_FOLLOWUP, CRISIS, at_three_days)[:3] == [(1, 1), (1, 4), (2, 6)]
    assert owed(CRISIS_FOLLOWUP, CRISIS, just_after)[:2] == [(1, 1), (2, 3)]


def test_a_score_that_enters_the_band_crisis_is_one():
    low = happened(STARTS, Kind.SCORE, score=9, burnout_band="crisis")

    assert len(owed(CRISIS_FOLLOWUP, low)) == 7
    assert owed(CRISIS_FOLLOWUP, low, who=someone(burnout_band="crisis")) == []


def test_what_was_dealt_with_or_fell_due_before_the_world_began_is_not_owed_in_it():
    before = {"last_crisis_event_at": STARTS - 8 * DAY}

    assert owed(CRISIS_FOLLOWUP, who=someone(**before))[0] == (4, 6)
    assert owed(CRISIS_FOLLOWUP, who=someone(**before, crisis_followup_count=5))[0] == (6, 20)
    assert owed(CRISIS_FOLLOWUP, who=someone(last_crisis_event_at=STARTS - DAY))[0] == (1, 0)


def test_what_falls_due_after_the_world_has_ended_is_not_owed():
    late = happened(STARTS + 59 * DAY, Kind.CRISIS)

    assert owed(CRISIS_FOLLOWUP, late) == []
    assert owed(CRISIS_FOLLOWUP, happened(STARTS + 59 * DAY - HOUR, Kind.CRISIS)) == [
        (1, 60 - 1 / 24)
    ]


def test_each_silence_earns_reactivations_until_they_write():
    assert owed(DORMANT_REACTIVATION) == [(1, 7), (2, 14), (3, 30)]
    assert owed(DORMANT_REACTIVATION, wrote(STARTS + 10 * DAY)) == [
        (1, 7), (1, 17), (2, 24), (3, 40)
    ]  # fmt: skip
    assert owed(DORMANT_REACTIVATION, *(wrote(STARTS + days * DAY) for days in range(60))) == []
    assert owed(DORMANT_REACTIVATION, who=someone(journey_phase="onboarding")) == []


def test_reactivations_wait_for_the_end_of_a_cascade():
    writes = wrote(STARTS + 20 * DAY)

    # From the 42nd day on the silence is in its 22nd: the second of three is current.
    assert owed(DORMANT_REACTIVATION, CRISIS, writes) == [(2, 42), (3, 50)]
    assert owed(DORMANT_REACTIVATION, CRISIS) == []


def test_assessments_and_sign_ups_earn_two_texts_each():
    scored = happened(STARTS, Kind.SCORE, score=60, burnout_band="mild")
    incomplete = someone(first_name="")

    assert owed(ASSESSMENT_REMINDER, scored) == [(1, 7), (2, 14)]
    assert owed(ONBOARDING_NUDGE, who=incomplete) == [(1, 2), (2, 5)]
    assert owed(ONBOARDING_NUDGE) == []
    completes = happened(STARTS + 3 * DAY, Kind.PROFILE, first_name="Ada")
    assert owed(ONBOARDING_NUDGE, completes, who=incomplete) == [(1, 2)]


def test_whoever_signs_up_later_is_owed_nothing_before():
    newcomer = someone(is_there=False, first_name="", created_at=STARTS - 9 * DAY)
    signs_up = happened(STARTS + 4 * DAY, Kind.SIGN_UP)

    assert owed(ONBOARDING_NUDGE, who=newcomer) == []
    assert owed(ONBOARDING_NUDGE, signs_up, who=newcomer) == [(1, 6), (2, 9)]


# --- How it ended ---


def ends(*entries, **fields):
    return entry(CRISIS_FOLLOWUP, CRISIS, *entries, **fields)["ends"]


def test_what_was_delivered_is_late_by_the_time_until_its_receipt():
    found = entry(
        CRISIS_FOLLOWUP,
        CRISIS,
        followup(STARTS + DAY, takes=timedelta(minutes=5)),
        followup(STARTS + 3 * DAY + 2 * HOUR, 2),
    )

    assert found["owed"] == 7
    assert found["ends"]["delivered"] == 2
    assert found["late_minutes"] == [5, 120]


def test_the_provider_s_code_tells_what_was_not_delivered():
    key = {"cadence": "crisis_followup", "stage": 2, "occasion": STARTS}
    found = ends(
        followup(STARTS + DAY, status="undelivered", code="30005"),
        refusal(STARTS + 3 * DAY, "21614", **key),
        followup(STARTS + 7 * DAY, 3, status=""),
    )

    assert found == {
        "undelivered: 30005": 1,
        "failed: 21614": 1,
        "taken by the provider, nothing heard since": 1,
        "UNACCOUNTED": 4,
    }


def test_what_has_its_limit_after_the_end_of_the_world_is_still_running():
    spec = Spec(seed=1, people=1, days=8, starts=STARTS)

    assert ends(spec=spec) == {"UNACCOUNTED": 2, "still running": 1}


def test_a_stage_of_a_day_that_something_held_back_at_every_beat_needs_no_look():
    # The third reactivation: from 30 to 31 days of silence, from six in the morning in Chicago.
    third = STARTS + 30 * DAY
    works_again = third + 9 * HOUR  # at three in the afternoon

    def ends_of(*, tried):
        world = log(outages=[(third, works_again)])
        world.tried[1] = tried
        raw = draw_up(world, [someone()], spec=SPEC, cadences=CADENCES)
        return raw["obligations"]["dormant_reactivation"]["ends"]

    assert ends_of(tried=[]) == {"UNACCOUNTED": 3}
    assert ends_of(tried=[works_again + HOUR]) == {"UNACCOUNTED": 3}
    # Sent by the very beat that came first.
    assert ends_of(tried=[works_again + 10 * SECOND]) == ends_of(tried=[works_again])
    assert ends_of(tried=[works_again]) == {
        "UNACCOUNTED": 2,
        "let go: its time passed while window held it back": 1,
    }


def test_without_records_the_log_says_what_held_a_routine_text_back():
    held = {(1, "dormant_reactivation", 1, STARTS): ["gate", "window"]}
    outage = [(STARTS + 29 * DAY, STARTS + 32 * DAY)]

    def routine(*entries, **fields):
        return entry(DORMANT_REACTIVATION, *entries, **fields)["ends"]

    assert routine() == {"UNACCOUNTED": 3}
    assert routine(held_back=held, outages=outage) == {
        "let go: its time passed while window held it back": 1,
        # The second's time passed in it, the third's began and ended in it.
        "let go: its time passed while an outage held it back": 2,
    }
    assert routine(who=someone(opted_out_at=STARTS)) == {
        "let go: its time passed while consent held it back": 3
    }
    assert routine(happened(STARTS, Kind.NUMBER_DIES)) == {
        "let go: its time passed while reachable held it back": 3
    }
    assert routine(happened(STARTS, Kind.PAUSE, days=15)) == {
        "let go: its time passed while pause held it back": 1,
        "UNACCOUNTED": 2,
    }


def test_a_routine_text_is_no_longer_owed_once_the_person_writes():
    found = entry(DORMANT_REACTIVATION, *(wrote(STARTS + days * DAY) for days in (8, 31, 58)))

    assert found["ends"] == {
        "no longer owed: the person wrote, or a newer occasion began": 3,
        "UNACCOUNTED": 2,
    }


def test_a_nudge_is_no_longer_owed_once_the_profile_is_complete():
    completes = happened(STARTS + 3 * DAY, Kind.PROFILE, first_name="Ada")

    found = entry(ONBOARDING_NUDGE, completes, who=someone(first_name=""))

    assert found["ends"] == {"no longer owed: profile": 1}


def test_what_has_no_end_is_told():
    found = entry(CRISIS_FOLLOWUP, CRISIS, followup(STARTS + DAY))

    assert found["unaccounted"] == 6
    assert len(found["unaccounted_examples"]) == 5
    assert found["unaccounted_examples"][0] == (
        "crisis_followup 2 for +13125550001, due 2027-01-08 12:00 UTC, has no end"
    )


# --- Within 36 hours ---


def punctual(*entries, **fields):
    """Of the first follow-up."""
    spec = Spec(seed=1, people=1, days=fields.pop("days", 3), starts=STARTS)
    found = entry(CRISIS_FOLLOWUP, CRISIS, *entries, spec=spec, **fields)
    (words,) = found["in_time"]
    return words


def test_within_36_hours_is_counted_to_the_instant():
    due = STARTS + DAY

    assert punctual(followup(due + 36 * HOUR)) == "yes"
    assert punctual(followup(due + 36 * HOUR + MICROSECOND)) == "no"
    assert punctual() == "no"
    assert punctual(days=2) == "the time was not over when the world ended"


def test_the_time_of_outages_can_be_left_out():
    due = STARTS + DAY
    outages = [(due - DAY, due + HOUR), (due + 2 * HOUR, due + 3 * HOUR)]

    assert punctual(followup(due + 38 * HOUR), outages=outages) == "yes, not counting outages"
    assert punctual(followup(due + 38 * HOUR + MICROSECOND), outages=outages) == "no"


def test_whoever_cannot_be_texted_is_left_aside_but_not_whoever_could_be():
    due = STARTS + DAY
    stop, start = wrote(due - HOUR, "STOP"), wrote(due - MICROSECOND, "START")

    assert punctual(stop) == "opted out"
    assert punctual(stop, start) == "no"
    assert punctual(wrote(due + 36 * HOUR - MICROSECOND, "STOP")) == "opted out"
    assert punctual(wrote(due + 36 * HOUR, "STOP")) == "no"
    assert punctual(stop, followup(due + HOUR)) == "yes"
    assert punctual(happened(due, Kind.NUMBER_DIES)) == "the number cannot be texted"
    assert punctual(happened(due, Kind.PAUSE, days=2)) == "paused by staff"
    newer = happened(due + HOUR, Kind.CRISIS)
    assert punctual(newer, days=2) == "a newer occasion began within the time"


# --- What our own system recorded ---


def records(**fields):
    """The end of the first follow-up by one record in the database."""
    who = someone()
    caregiver = CaregiverFactory(phone_number=who.number)
    fields = {"occasion": STARTS, "stage": 1} | fields
    message = MessageFactory(caregiver=caregiver, cadence="crisis_followup", **fields)
    return who, caregiver, message


def recorded(who, *newer, days=6):
    """The ends of the follow-ups that fell due in that many days since the crisis: of the second
    nothing is recorded, and its time runs for seven."""
    raw = draw_up(
        log(CRISIS, *newer),
        [who],
        spec=Spec(seed=1, people=1, days=days, starts=STARTS),
        cadences=[CRISIS_FOLLOWUP],
        ends=ends_from_database([who]),
    )
    return raw["obligations"]["crisis_followup"]["ends"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "superseded", "reason": "overtaken by stage 3"}, "superseded by stage 3"),
        (
            {"status": "superseded", "reason": "a newer crisis took its place"},
            "superseded: a newer crisis took its place",
        ),
        (
            {"status": "superseded", "reason": "its time passed before it could go out; opted out"},
            "superseded: its time passed before it could go out",
        ),
        ({"status": "superseded", "reason": "ended by staff: moved"}, "superseded: ended by staff"),
        ({"status": "failed", "error_code": "21211"}, "failed: 21211"),
        ({"status": "undelivered", "error_code": ""}, "undelivered: no code"),
        ({"status": "cancelled", "reason": "consent: opted out"}, "UNACCOUNTED"),
        ({"status": "unknown", "attempt_started_at": STARTS + DAY}, "UNACCOUNTED"),
        ({"status": "queued"}, "UNACCOUNTED"),
        ({"status": "sent"}, "UNACCOUNTED"),
    ],
)
def test_a_record_is_an_end_where_it_tells_one(fields, words):
    who, _, _ = records(**fields)

    assert recorded(who) == {words: 1, "still running": 1}


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["unknown", "queued", "sending", "sent"])
@pytest.mark.parametrize("resolved", [None, STARTS + 2 * DAY])
def test_what_an_alert_is_about_is_with_a_person_also_once_it_is_resolved(status, resolved):
    who, caregiver, message = records(status=status)
    CareAlert.objects.create(
        kind=CareAlert.Kind.OUTCOME_UNKNOWN,
        message=message,
        caregiver=caregiver,
        occasion=STARTS,
        resolved_at=resolved,
    )

    assert recorded(who) == {"with a person": 1, "still running": 1}


@pytest.mark.django_db
def test_an_alert_about_missed_stages_counts_for_those_whose_time_it_knew_to_be_over():
    who = someone()
    caregiver = CaregiverFactory(phone_number=who.number)
    alert = CareAlert.objects.create(
        kind=CareAlert.Kind.FOLLOWUP_MISSED,
        caregiver=caregiver,
        occasion=STARTS,
        opened_at=STARTS + 3 * DAY,
        resolved_at=STARTS + 4 * DAY,
    )

    assert recorded(who, days=8) == {"with a person": 1, "UNACCOUNTED": 1, "still running": 1}
    CareAlert.objects.filter(pk=alert.pk).update(resolved_at=None)
    assert recorded(who, days=8) == {"with a person": 2, "still running": 1}


@pytest.mark.django_db
def test_a_text_that_took_the_place_of_a_cancelled_one_counts():
    who, caregiver, given_back = records(status="cancelled", reason="window: night")
    key = 1, "crisis_followup", 1, STARTS
    assert ends_from_database([who]).records[key].reason == "window: night"

    MessageFactory(
        caregiver=caregiver,
        stage=1,
        occasion=STARTS,
        status=Status.FAILED,
        error_code="21211",
        queued_at=given_back.queued_at - DAY,
    )

    assert recorded(who)["failed: 21211"] == 1
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_what_fell_at_the_recheck_for_a_newer_crisis_or_a_word_was_cancelled():
    who, caregiver, _ = records(status="cancelled", reason="occasion: crisis since")
    newer = happened(STARTS + 2 * DAY, Kind.CRISIS)
    assert recorded(who, newer)["cancelled: occasion"] == 1

    MessageFactory(
        caregiver=caregiver,
        cadence="dormant_reactivation",
        stage=1,
        occasion=STARTS,
        status="cancelled",
        reason="conversation: wrote",
    )
    found = entry(
        DORMANT_REACTIVATION, wrote(STARTS + 8 * DAY), who=who, ends=ends_from_database([who])
    )
    assert found["ends"]["cancelled: conversation"] == 1


@pytest.mark.django_db
def test_people_are_found_by_their_numbers_in_a_few_queries(django_assert_num_queries):
    people = [someone(key) for key in range(1, 41)]
    for one in people:
        MessageFactory(
            caregiver=CaregiverFactory(phone_number=one.number), occasion=STARTS, status="failed"
        )
    MessageFactory(status="failed")

    with django_assert_num_queries(3):
        found = ends_from_database(people)

    assert {key[0] for key in found.records} == {one.key for one in people}
    assert ends_from_database([]) == Ends()


# --- For people ---


def test_the_summary_has_shares_and_hours():
    world = [CRISIS, followup(STARTS + DAY + 6 * HOUR), followup(STARTS + 3 * DAY + 40 * HOUR, 2)]
    world += [wrote(STARTS + 15 * DAY, "STOP")]
    raw = draw_up(log(*world), [someone()], spec=SPEC, cadences=CADENCES)

    found = summary(raw)["crisis_followup"]

    assert found["owed"] == 7
    assert found["delivered"] == 2
    assert found["delivered_share"] == 2 / 7
    assert found["accounted_share"] == 6 / 7
    assert found["ends"]["let go: its time passed while consent held it back"] == 4
    assert found["in_time"] == {"opted out": 4, "no": 2, "yes": 1}
    assert found["asked"] == 3
    assert found["within_36h_share"] == 1 / 3
    assert found["late_hours"] == {"median": 23.0, "p95": 40.0, "worst": 40.0}
    assert summary(raw)["assessment_reminder"]["delivered_share"] is None


def test_hours_are_the_median_the_95th_percentile_and_the_worst():
    assert hours([60 * n for n in range(1, 101)]) == {"median": 50.5, "p95": 95, "worst": 100}
    assert hours([90]) == {"median": 1.5, "p95": 1.5, "worst": 1.5}
    assert hours([]) == {"median": None, "p95": None, "worst": None}
