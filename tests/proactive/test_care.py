"""What staff do for one person: what it changes, what it refuses, and that all stays accounted."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from caregiving import events
from caregiving.models import Caregiver
from proactive import care, cascades, ordering
from proactive.cadences import (
    ASSESSMENT_REMINDER,
    CADENCES,
    CRISIS_FOLLOWUP,
    DORMANT_REACTIVATION,
    WELLNESS,
)
from proactive.care import Refused
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message
from proactive.promises import UNACCOUNTED, check_promises
from proactive.rules import look_up_standing
from proactive.sweeps import run_sweep, to_churn
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, due_for, person, sweep
from tests.proactive.queueing import queued, statuses

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def nurse():
    return User.objects.create_user("nurse")


@pytest.fixture
def send(nurse):
    """Has one text sent now, such as send(someone, "crisis_followup", "1")."""

    def send(someone, cadence, variant, *, now=NOON):
        return ordering.send_now(someone, *ordering.find(cadence, variant), by=nurse, now=now)

    return send


def in_crisis(age=26 * HOUR, **fields):
    someone = person(created_at=NOON - 90 * DAY, last_contact_at=NOON - age - DAY, **fields)
    events.record_crisis_event(someone, at=NOON - age, source="test")
    return someone


def stored(someone):
    return Caregiver.objects.get(pk=someone.pk)


def rows(someone, occasion=None):
    """(stage, status) of the follow-ups of one crisis, by default the current one."""
    found = someone.messages.filter(
        cadence="crisis_followup", occasion=occasion or someone.last_crisis_event_at
    )
    return sorted(found.values_list("stage", "status"))


def refusal(do, *args, **options):
    with pytest.raises(Refused) as refused:
        do(*args, **options)
    return str(refused.value)


# --- Consent, pauses, numbers ---


def test_a_pause_lasts_to_the_end_of_the_day_where_the_person_is():
    someone = person(time_zone="America/Chicago")

    deed = care.pause(someone, last_day=date(2027, 1, 8), now=NOON)

    until = datetime(2027, 1, 9, 6, tzinfo=UTC)
    assert stored(someone).outreach_paused_until == until
    assert deed.says == "paused until Sat 9 Jan 00:00 on their clock"
    assert deed.changes == {"outreach_paused_until": [None, until]}


def test_where_a_person_may_be_in_several_zones_the_day_must_be_over_in_all_of_them():
    # +1 208 is Idaho: Boise or Los Angeles time.
    someone = person(phone_number="+12085550123", zip_code="", time_zone="")

    care.pause(someone, last_day=date(2027, 1, 8), now=NOON)

    assert stored(someone).outreach_paused_until == datetime(2027, 1, 9, 8, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["", "Amerika/Chicago", "Pacific/Kiritimati"])
def test_a_pause_ends_after_it_began_in_any_zone(zone):
    someone = person(time_zone=zone, zip_code="", phone_number="+18005550123")
    care.pause(someone, last_day=date(2027, 1, 6), now=NOON)
    assert stored(someone).outreach_paused_until > NOON


def test_a_pause_that_would_change_nothing_is_refused():
    someone = person()
    assert refusal(care.pause, someone, last_day=date(2027, 1, 4), now=NOON) == (
        "that day is over where they are"
    )
    care.pause(someone, last_day=date(2027, 1, 5), now=NOON)
    assert refusal(care.pause, someone, last_day=date(2027, 1, 5), now=NOON) == (
        "is paused by staff until Wed 6 Jan 00:00 already"
    )


def test_what_is_queued_when_somebody_is_paused_does_not_go_out_and_is_owed_again(gateway):
    message = queued("crisis_followup")
    someone = message.caregiver
    care.pause(someone, last_day=date(2027, 1, 5), now=NOON)

    deliver_queued(now=NOON + MINUTE)

    assert (gateway.sent, statuses()) == ([], {"cancelled": 1})
    care.resume(someone, now=NOON + HOUR)
    assert sweep(NOON + HOUR) == [("crisis_followup", 1)]


def test_resuming_ends_the_pause_at_once_and_needs_one():
    someone = person(outreach_paused_until=NOON + DAY)
    deed = care.resume(someone, now=NOON)
    assert deed.changes == {"outreach_paused_until": [NOON + DAY, None]}
    assert refusal(care.resume, someone, now=NOON) == "is not paused"
    assert refusal(care.resume, person(outreach_paused_until=NOON), now=NOON) == "is not paused"


def test_opting_out_and_in_keeps_where_it_came_from():
    someone = person()
    care.opt_out(someone, how="by phone", now=NOON)
    assert stored(someone).opted_out_at == NOON
    assert refusal(care.opt_out, someone, how="again", now=NOON + HOUR) == (
        "opted out Tue 5 Jan 12:00 already"
    )
    deed = care.opt_in(someone, where="signed form", now=NOON + DAY)
    assert deed.changes == {"opted_out_at": [NOON, None], "opted_in_at": [None, NOON + DAY]}
    assert refusal(care.opt_in, someone, where="again", now=NOON + DAY) == "has not opted out"
    assert list(someone.consents.order_by("at").values_list("opted_in", "source")) == [
        (False, "by phone"),
        (True, "signed form"),
    ]


def test_what_is_older_than_what_is_known_of_consent_is_refused_and_leaves_no_trace():
    someone = person(opted_in_at=NOON + HOUR)
    assert refusal(care.opt_out, someone, how="x", now=NOON) == "a newer consent is on record"
    other = person(opted_out_at=NOON + HOUR)
    assert refusal(care.opt_in, other, where="x", now=NOON) == "a newer opt-out is on record"
    assert someone.consents.count() + other.consents.count() == 0


def test_a_number_that_was_checked_is_texted_again():
    someone = due_for("wellness", unreachable_at=NOON - DAY, unreachable_reason="landline")
    assert sweep(NOON) == []
    deed = care.clear_unreachable(someone, now=NOON)
    assert deed.changes == {
        "unreachable_at": [NOON - DAY, None],
        "unreachable_reason": ["landline", ""],
    }
    assert sweep(NOON) == [("wellness", "high")]
    assert "nothing says" in refusal(care.clear_unreachable, someone, now=NOON)


# --- Contact ---


def test_a_contact_moves_silence_forward_and_never_back():
    someone = person(last_contact_at=NOON - 9 * DAY, reactivation_message_count=1)
    deed = care.record_contact(someone, at=NOON - DAY, now=NOON)
    assert deed.says == (
        "heard from Mon 4 Jan 12:00; silence counts from then, and reactivation from 0 instead of 1"
    )
    assert deed.changes == {
        "last_contact_at": [NOON - 9 * DAY, NOON - DAY],
        "reactivation_message_count": [1, 0],
    }
    assert refusal(care.record_contact, someone, at=NOON - DAY, now=NOON) == (
        "was heard from since then: Mon 4 Jan 12:00"
    )


def test_whoever_is_reactivated_is_not_churned_by_the_next_sweep_but_after_as_long_a_silence():
    someone = person(
        journey_phase="churned", last_contact_at=NOON - 60 * DAY, reactivation_message_count=3
    )

    deed = care.reactivate(someone, at=NOON - HOUR, now=NOON)
    run_sweep(now=NOON)

    assert deed.says.endswith("active again, and churned again if silent until Fri 5 Feb 11:00")
    now = stored(someone)
    assert (now.journey_phase, now.reactivation_message_count) == ("active", 0)
    assert to_churn(now=NOON + 31 * DAY - HOUR - MOMENT).count() == 0
    assert to_churn(now=NOON + 31 * DAY - HOUR).count() == 1
    assert sweep(NOON + 7 * DAY) == [("dormant_reactivation", 1)]


def test_who_would_be_churned_again_at_once_is_not_reactivated():
    someone = person(journey_phase="churned", last_contact_at=NOON - 60 * DAY)
    assert refusal(care.reactivate, someone, at=NOON - 31 * DAY, now=NOON) == (
        "would be churned again at once: 31 days of silence have passed since Sat 5 Dec 12:00"
    )
    assert refusal(care.reactivate, person(), at=NOON, now=NOON) == "is not churned: active"
    assert stored(someone).journey_phase == "churned"


# --- Crises and counters ---


def test_a_crisis_that_staff_record_is_owed_its_follow_ups_and_tells_the_first():
    someone = person()
    deed = cascades.record_crisis(someone, at=NOON - 2 * HOUR, source="her sister", now=NOON)
    assert deed.says == (
        "crisis Tue 5 Jan 10:00; next is crisis follow-up 1 of 7, due Wed 6 Jan 10:00"
    )
    assert deed.changes["last_crisis_event_at"] == [None, NOON - 2 * HOUR]
    assert list(someone.crises.values_list("source", flat=True)) == ["her sister"]
    assert "is on record" in refusal(
        cascades.record_crisis, someone, at=NOON - 3 * HOUR, source="x", now=NOON
    )


def test_a_crisis_of_somebody_whom_nothing_may_reach_says_what_holds_it_up():
    someone = person(opted_out_at=NOON - DAY)
    assert cascades.foresee_crisis(someone, at=NOON, now=NOON).endswith(
        "; held up: opted out Mon 4 Jan 12:00"
    )


def test_a_crisis_that_is_no_news_leaves_whoever_has_churned_so_and_says_it():
    someone = person(journey_phase="churned", last_contact_at=NOON - DAY)
    assert "held up: journey phase is churned" in cascades.foresee_crisis(
        someone, at=NOON - 2 * DAY, now=NOON
    )
    assert "held up" not in cascades.foresee_crisis(someone, at=NOON, now=NOON)


def test_starting_the_follow_ups_again_owes_all_seven_and_the_old_ones_stay_accounted(gateway):
    someone = in_crisis(8 * DAY)
    old = someone.last_crisis_event_at
    run_sweep(now=NOON)
    assert rows(someone) == [(1, "superseded"), (2, "superseded"), (3, "queued")]

    deed = cascades.restart_crisis_followups(someone, now=NOON + MINUTE)
    deliver_queued(now=NOON + 2 * MINUTE)
    run_sweep(now=NOON + 2 * MINUTE)

    assert "next is crisis follow-up 1 of 7, due Wed 6 Jan 12:01" in deed.says
    assert gateway.sent == []
    assert sweep(NOON + DAY + MINUTE) == [("crisis_followup", 1)]
    assert rows(someone, old) == [
        *((1, "superseded"), (2, "superseded")),
        *((3, "cancelled"), (3, "superseded")),
    ]
    assert check_promises(now=NOON + 2 * DAY).unaccounted == 0


def test_starting_again_does_not_bring_back_whoever_has_churned():
    someone = in_crisis(60 * DAY)
    Caregiver.objects.filter(pk=someone.pk).update(journey_phase="churned")

    assert "has churned" in refusal(cascades.foresee_restart, stored(someone), now=NOON)
    assert "has churned" in refusal(cascades.restart_crisis_followups, someone, now=NOON)
    assert stored(someone).journey_phase == "churned"
    assert sweep(NOON + DAY) == []


def test_to_start_again_there_must_have_been_a_crisis():
    someone = person()
    assert "record one" in refusal(cascades.restart_crisis_followups, someone, now=NOON)


def test_a_reset_counts_from_0_and_says_which_stage_is_left(gateway):
    someone = in_crisis(30 * HOUR)
    run_sweep(now=NOON)
    deliver_queued(now=NOON)

    deed = cascades.reset(stored(someone), CRISIS_FOLLOWUP, now=NOON + HOUR)

    assert deed.says == (
        "counter from 1 to 0; next is crisis follow-up 2 of 7, due Thu 7 Jan 06:00"
    )
    assert deed.changes == {"crisis_followup_count": [1, 0]}
    # The first has its text, and a counter does not change that.
    run_sweep(now=NOON + 25 * HOUR)
    assert len(gateway.sent) == 1
    assert sweep(NOON + 42 * HOUR + 2 * HOUR) == [("crisis_followup", 2)]
    assert check_promises(now=NOON + 2 * DAY).unaccounted == 0


def test_a_reset_of_what_was_counted_without_a_text_owes_the_current_stage_and_names_the_others():
    someone = in_crisis(15 * DAY)
    Caregiver.objects.filter(pk=someone.pk).update(crisis_followup_count=7)

    deed = cascades.reset(stored(someone), CRISIS_FOLLOWUP, now=NOON)

    assert deed.says == (
        "counter from 7 to 0; next is crisis follow-up 4 of 7, due now; "
        "passed without a text: 1, 2, 3"
    )
    assert sweep(NOON) == [("crisis_followup", 4)]
    assert rows(someone) == [*((n, "superseded") for n in (1, 2, 3)), (4, "queued")]
    assert check_promises(now=NOON).unaccounted == 0


@pytest.mark.parametrize("cadence", [CRISIS_FOLLOWUP, DORMANT_REACTIVATION])
def test_a_counter_at_0_is_not_reset(cadence):
    assert "is at 0" in refusal(cascades.reset, person(), cadence, now=NOON)


def test_what_a_reset_says_is_what_the_sweep_then_does():
    for age in (1, 25, 80, 200, 400, 800, 1000, 1009):
        someone = in_crisis(age * HOUR)
        Caregiver.objects.filter(pk=someone.pk).update(crisis_followup_count=7)
        someone = stored(someone)
        look_up_standing(someone)
        says = cascades.foresee_reset(someone, CRISIS_FOLLOWUP, now=NOON)
        cascades.reset(someone, CRISIS_FOLLOWUP, now=NOON)
        run_sweep(now=NOON)
        text = someone.messages.filter(status="queued").first()
        assert ("due now" in says) == (text is not None)
        assert text is None or f"next is crisis follow-up {text.stage} of 7" in says


# --- The end of a cascade ---


@pytest.mark.parametrize("age", [HOUR, 26 * HOUR, 15 * DAY, 41 * DAY])
def test_what_is_ended_is_sent_no_more_and_every_stage_has_its_end(gateway, age):
    someone = in_crisis(age)
    run_sweep(now=NOON)
    had = set(rows(someone))

    deed = cascades.end(someone, CRISIS_FOLLOWUP, reason="we talk daily", now=NOON + MINUTE)

    waited = [(stage, "cancelled") for stage, status in had if status == "queued"]
    assert rows(someone) == sorted([*waited, *((n, "superseded") for n in range(1, 8))])
    assert stored(someone).crisis_followup_count == 7
    assert "will not be sent" in deed.says
    ended = someone.messages.filter(reason="ended by staff: we talk daily")
    assert ended.count() == 7 + len(waited) - sum(status == "superseded" for _, status in had)
    for days in (0, 1, 3, 7, 14, 21, 28, 35, 43, 60):
        run_sweep(now=NOON + days * DAY + 2 * MINUTE)
        deliver_queued(now=NOON + days * DAY + 2 * MINUTE)
        outcomes = check_promises(now=NOON + days * DAY + 3 * HOUR).outcomes
        assert outcomes[UNACCOUNTED] == 0
    assert [text for text in gateway.sent if text["body"] in _words("crisis_followup")] == []
    assert not someone.messages.filter(cadence="crisis_followup", sent_at__isnull=False).exists()


def _words(cadence):
    return set(Message.objects.filter(cadence=cadence).values_list("body", flat=True))


def test_the_slot_of_a_text_that_was_waiting_is_given_back():
    someone = due_for("crisis_followup", last_proactive_message_at=NOON - 3 * DAY)
    run_sweep(now=NOON)
    deed = cascades.end(stored(someone), CRISIS_FOLLOWUP, reason="x", now=NOON + MINUTE)
    assert deed.says == (
        "crisis follow-up 1, 2, 3, 4, 5, 6, 7 of 7 will not be sent; "
        "the text that waits (1) is not sent"
    )
    assert deed.changes == {
        "last_proactive_message_at": [NOON, NOON - 3 * DAY],
        "crisis_followup_count": [1, 7],
    }


def test_a_text_that_is_on_its_way_goes_out_and_the_rest_is_ended():
    message = queued("crisis_followup")
    Message.objects.mark_sending([message.pk], now=NOON)
    someone = stored(message.caregiver)
    deed = cascades.end(someone, CRISIS_FOLLOWUP, reason="x", now=NOON)
    assert "cannot be called back" in deed.says
    assert rows(someone) == [(1, "sending"), *((n, "superseded") for n in range(2, 8))]


def test_nor_does_it_go_out_later_if_the_provider_did_not_take_it(gateway):
    message = queued("crisis_followup")
    Message.objects.mark_sending([message.pk], now=NOON)
    cascades.end(stored(message.caregiver), CRISIS_FOLLOWUP, reason="x", now=NOON)
    message.mark_queued_again(retry_at=NOON + MINUTE, code="20429", reason="slow down")

    deliver_queued(now=NOON + MINUTE)

    assert gateway.sent == []
    assert rows(message.caregiver) == [(1, "cancelled"), *((n, "superseded") for n in range(2, 8))]
    assert stored(message.caregiver).crisis_followup_count == 7
    assert check_promises(now=NOON + 40 * DAY).unaccounted == 0


def test_another_series_is_left_alone():
    someone = due_for("assessment_reminder")
    run_sweep(now=NOON)
    assert "no crisis on record" in refusal(
        cascades.end, someone, CRISIS_FOLLOWUP, reason="x", now=NOON
    )
    cascades.end(stored(someone), DORMANT_REACTIVATION, reason="x", now=NOON)
    assert statuses() == {"queued": 1, "superseded": 3}
    assert stored(someone).reactivation_message_count == 3


def test_nothing_is_ended_twice_or_once_it_is_over():
    someone = in_crisis()
    cascades.end(someone, CRISIS_FOLLOWUP, reason="x", now=NOON)
    assert "is left to end" in refusal(cascades.end, someone, CRISIS_FOLLOWUP, reason="x", now=NOON)
    over = in_crisis(42 * DAY)
    assert "was over" in refusal(cascades.end, over, CRISIS_FOLLOWUP, reason="x", now=NOON)


def test_what_was_ended_is_not_owed_again_by_a_reset_but_by_a_new_crisis():
    someone = in_crisis()
    cascades.end(someone, CRISIS_FOLLOWUP, reason="x", now=NOON)
    says = cascades.reset(someone, CRISIS_FOLLOWUP, now=NOON).says
    assert "no stage is left to send" in says
    assert sweep(NOON) == []
    cascades.restart_crisis_followups(someone, now=NOON)
    assert sweep(NOON + DAY) == [("crisis_followup", 1)]


# --- Send now ---


def test_what_staff_have_sent_goes_out_before_its_turn_and_counts_as_that_stage(gateway, send):
    someone = in_crisis(2 * HOUR, first_name="Ada")
    cadence, step = ordering.find("crisis_followup", "1")
    foreseen = ordering.foresee_sending(someone, cadence, step, now=NOON)

    deed = send(someone, "crisis_followup", "1")
    deliver_queued(now=NOON + MINUTE)

    assert [text["body"] for text in gateway.sent] == [foreseen.body]
    assert foreseen.segments == Message.objects.get().segments
    assert foreseen.not_asked == (
        "crisis Tue 5 Jan 10:00: 1 of 7 is due Wed 6 Jan 10:00 and fits until Fri 8 Jan 10:00",
    )
    message = Message.objects.get()
    assert (message.status, message.stage, message.sweep) == ("sent", 1, None)
    assert (message.ordered_by.username, message.because) == ("nurse", "nurse had it sent now")
    assert message.occasion == someone.last_crisis_event_at
    assert deed.says == "Crisis follow-up 1 of 7 is queued and goes out now"
    assert deed.changes == {
        "last_proactive_message_at": [None, NOON],
        "crisis_followup_count": [0, 1],
        "text": [None, str(message.pk)],
    }
    assert sweep(NOON + 26 * HOUR) == []
    assert sweep(NOON + 70 * HOUR) == [("crisis_followup", 2)]
    assert check_promises(now=NOON + 3 * DAY).unaccounted == 0


def test_a_check_in_goes_to_whom_no_band_would_give_one_and_moves_no_counter(gateway, send):
    someone = person(burnout_band="")
    deed = send(someone, "wellness", "crisis_recent")
    deliver_queued(now=NOON + MINUTE)
    assert len(gateway.sent) == 1
    assert set(deed.changes) == {"last_proactive_message_at", "text"}


def test_a_second_text_within_24_hours_is_refused_and_told_when_it_is_possible(gateway, send):
    someone = person()
    send(someone, "wellness", "high")
    assert refusal(send, someone, "wellness", "high", now=NOON + MINUTE).startswith(
        "last proactive message Tue 5 Jan 12:00, next possible Wed 6 Jan 12:00"
    )
    deliver_queued(now=NOON + MINUTE)
    assert refusal(send, someone, "wellness", "high", now=NOON + DAY) == (
        "last proactive message Tue 5 Jan 12:01, next possible Wed 6 Jan 12:01; "
        "possible from Wed 6 Jan 12:01 on their clock"
    )
    assert len(gateway.sent) == 1


def test_at_night_it_is_refused_and_told_when_the_hours_begin_where_the_person_is(send):
    someone = person(time_zone="America/Chicago")
    assert refusal(send, someone, "wellness", "high", now=NOON - HOUR) == (
        "local time 05:00 (America/Chicago), texts go out 09:00-20:00; "
        "possible from Tue 5 Jan 09:00 on their clock"
    )


# What is so with the person, which text, and what is then said.
REFUSED = {
    "opted out": ({"opted_out_at": NOON - DAY}, ("wellness", "high"), "opted out Mon 4 Jan 12:00"),
    "paused": (
        {"outreach_paused_until": NOON + DAY},
        ("wellness", "high"),
        "paused by staff until Wed 6 Jan 12:00; possible from Wed 6 Jan 12:00 on their clock",
    ),
    "unreachable": (
        {"unreachable_at": NOON - DAY},
        ("wellness", "high"),
        "cannot be texted since Mon 4 Jan 12:00",
    ),
    "churned": (
        {"journey_phase": "churned"},
        ("wellness", "high"),
        "journey phase is churned",
    ),
    "no crisis": ({}, ("crisis_followup", "1"), "no crisis on record"),
    "dealt with": (
        {"last_crisis_event_at": NOON - 4 * DAY, "crisis_followup_count": 2},
        ("crisis_followup", "1"),
        "2 of 7 are dealt with already",
    ),
    "its time has passed": (
        {"last_crisis_event_at": NOON - 4 * DAY},
        ("crisis_followup", "1"),
        "crisis Fri 1 Jan 12:00: the words of 1 fit until Mon 4 Jan 12:00",
    ),
    "an earlier one comes first": (
        {"last_crisis_event_at": NOON - 4 * DAY},
        ("crisis_followup", "3"),
        "crisis follow-up 2 comes first",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_protects_the_person_binds_whoever_has_it_sent(send, what):
    fields, text, says = REFUSED[what]
    someone = person(**fields)
    assert refusal(send, someone, *text) == says
    assert Message.objects.count() == 0
    assert stored(someone).last_proactive_message_at is None


def test_a_stage_that_has_its_text_is_not_sent_again_whatever_the_counter(send):
    someone = in_crisis()
    MessageFactory(
        caregiver=someone, occasion=someone.last_crisis_event_at, stage=1, status="delivered"
    )
    assert refusal(send, someone, "crisis_followup", "1") == (
        "stage 1 of this occasion has its text already"
    )


@pytest.mark.parametrize("switch", ["wellness", CadenceSwitch.EVERYTHING])
def test_what_is_switched_off_is_not_sent_by_anybody(send, switch):
    CadenceSwitch.objects.create(cadence=switch, is_on=False, reason="new wording")
    assert "new wording" in refusal(send, person(), "wellness", "high")


# What happens before it is delivered, and the reason then; "" when it goes out all the same.
MEANWHILE = {
    "opted out": (lambda one: events.record_opt_out(one, at=NOON), MINUTE, "consent"),
    "paused": (lambda one: events.record_pause(one, until=NOON + DAY), MINUTE, "pause"),
    "unreachable": (lambda one: events.record_unreachable(one, at=NOON), MINUTE, "reachable"),
    "another number": (
        lambda one: Caregiver.objects.filter(pk=one.pk).update(phone_number="+14155550199"),
        MINUTE,
        "number",
    ),
    "churned": (
        lambda one: Caregiver.objects.filter(pk=one.pk).update(journey_phase="churned"),
        MINUTE,
        "journey",
    ),
    "newer crisis": (
        lambda one: events.record_crisis_event(one, at=NOON + MINUTE, source="x"),
        2 * MINUTE,
        "occasion",
    ),
    "window closed": (lambda one: None, 9 * HOUR, "window"),
    "its words do not fit any more": (lambda one: None, 71 * HOUR, "stage"),
    "switched off": (
        lambda one: CadenceSwitch.objects.create(cadence="crisis_followup", is_on=False),
        MINUTE,
        "switch",
    ),
    "wrote": (lambda one: events.record_contact(one, at=NOON + MINUTE), 2 * MINUTE, ""),
    "nothing": (lambda one: None, MINUTE, ""),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_at_delivery_all_is_asked_again_but_whether_it_is_its_turn(gateway, send, what):
    happens, after, reason = MEANWHILE[what]
    someone = in_crisis(HOUR)
    send(someone, "crisis_followup", "1")
    happens(someone)

    deliver_queued(now=NOON + after)

    message = Message.objects.get()
    assert message.status == ("cancelled" if reason else "sent")
    assert message.reason.partition(":")[0] == reason
    assert len(gateway.sent) == (not reason)
    if reason:
        now = stored(someone)
        assert (now.crisis_followup_count, now.last_proactive_message_at) == (0, None)


@pytest.mark.parametrize("cadence", CADENCES, ids=lambda cadence: cadence.name)
def test_should_the_account_be_gone_the_text_is_asked_whether_it_is_its_turn(
    gateway, send, cadence
):
    someone = person(
        created_at=NOON - DAY,
        last_contact_at=NOON - DAY,
        last_crisis_event_at=NOON - HOUR,
        last_assessment_at=NOON - HOUR,
    )
    send(someone, cadence.name, cadence.steps[0].variant)
    Message.objects.update(ordered_by=None)
    deliver_queued(now=NOON + MINUTE)
    assert (gateway.sent, statuses()) == ([], {"cancelled": 1})


def test_a_stage_whose_predecessors_have_had_their_time_overtakes_them_and_a_person_is_told(send):
    someone = in_crisis(8 * DAY)
    send(someone, "crisis_followup", "3")
    assert rows(someone) == [(1, "superseded"), (2, "superseded"), (3, "queued")]
    assert list(someone.alerts.values_list("kind", flat=True)) == [CareAlert.Kind.FOLLOWUP_MISSED]


def test_the_preview_changes_nothing(send):
    someone = in_crisis()
    before = Caregiver.objects.values().get(pk=someone.pk)
    ordering.foresee_sending(someone, *ordering.find("crisis_followup", "1"), now=NOON)
    cascades.foresee_end(someone, CRISIS_FOLLOWUP, now=NOON)
    cascades.foresee_restart(someone, now=NOON)
    assert Caregiver.objects.values().get(pk=someone.pk) == before
    assert (Message.objects.count(), someone.crises.count()) == (0, 1)


def test_a_delivery_is_rung_for_once_it_is_committed(
    send, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr("proactive.tasks.ring", lambda: rung.append(Message.objects.count()))
    with django_capture_on_commit_callbacks(execute=True):
        send(person(), "wellness", "high")
        assert rung == []
    assert rung == [1]


def test_there_is_no_step_of_another_name():
    with pytest.raises(LookupError):
        ordering.find("wellness", "1")
    with pytest.raises(LookupError):
        ordering.find("birthday", "1")
    assert ordering.find("wellness", "high") == (WELLNESS, WELLNESS.steps[2])
    assert ordering.find("assessment_reminder", "2")[0] is ASSESSMENT_REMINDER
