"""At delivery everything is asked again, and what fails is given back as if never claimed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from caregiving import events
from caregiving.models import Caregiver
from proactive import cascades
from proactive.cadences import CRISIS_FOLLOWUP
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message
from proactive.reconciliation import send_again
from proactive.sms.gateway import Outcome, SmsError
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, due_for
from tests.proactive.queueing import gate, queued, statuses

MINUTE = timedelta(minutes=1)
LATER = NOON + 10 * MINUTE

pytestmark = pytest.mark.django_db


def changed(**fields):
    return lambda caregiver: Caregiver.objects.filter(pk=caregiver.pk).update(**fields)


def nothing(caregiver):
    """Only time passes."""


def wrote(caregiver):
    events.record_contact(caregiver, at=NOON + 5 * MINUTE)


# What happens between queueing and delivery, when delivery comes, and the reason it then gives.
OBJECTIONS = {
    "opted out": (
        "wellness",
        lambda caregiver: events.record_opt_out(caregiver, at=NOON + MINUTE, source="sms"),
        LATER,
        "consent: opted out Tue 5 Jan 12:01",
    ),
    "opted out in a crisis": (
        "crisis_followup",
        lambda caregiver: events.record_opt_out(caregiver, at=NOON + MINUTE, source="sms"),
        LATER,
        "consent: opted out Tue 5 Jan 12:01",
    ),
    "paused": (
        "wellness",
        changed(outreach_paused_until=NOON + DAY),
        LATER,
        "pause: paused by staff until Wed 6 Jan 12:00",
    ),
    "window closed": (
        "wellness",
        nothing,
        NOON + 8 * HOUR,
        "window: local time 20:00 (UTC), texts go out 09:00-20:00",
    ),
    "window closed in a crisis": (
        "crisis_followup",
        nothing,
        NOON + 9 * HOUR,
        "window: local time 21:00 (UTC), texts go out 08:00-21:00",
    ),
    "time zone misspelt": (
        "wellness",
        changed(time_zone="Amerika/Chicago"),
        LATER,
        "window: time zone 'Amerika/Chicago' is unknown: correct it or leave it empty",
    ),
    "late limit passed": (
        "crisis_followup",
        nothing,
        NOON + 46 * HOUR,
        "stage: crisis Mon 4 Jan 10:00: 1 of 7 is due Tue 5 Jan 10:00 and fits until "
        "Thu 7 Jan 10:00",
    ),
    "newer crisis": (
        "crisis_followup",
        lambda caregiver: events.record_crisis_event(
            caregiver, at=NOON + 5 * MINUTE, source="staff"
        ),
        LATER,
        "occasion: crisis Tue 5 Jan 12:05, no longer Mon 4 Jan 10:00",
    ),
    "crisis withdrawn by staff": (
        "crisis_followup",
        changed(last_crisis_event_at=None),
        LATER,
        "occasion: crisis never, no longer Mon 4 Jan 10:00",
    ),
    "live conversation": (
        "crisis_followup",
        wrote,
        LATER,
        "conversation: last wrote Tue 5 Jan 12:05; left alone until Tue 5 Jan 13:05 (1 hour)",
    ),
    "wrote": (
        "assessment_reminder",
        wrote,
        LATER,
        "conversation: last wrote Tue 5 Jan 12:05; left alone until Wed 6 Jan 12:05 (24 hours)",
    ),
    "wrote, so is silent no more": (
        "wellness",
        wrote,
        LATER,
        "silence: last heard from Tue 5 Jan 12:05, silent for 2 days at Thu 7 Jan 12:05",
    ),
    "wrote, so the silence is another": (
        "dormant_reactivation",
        wrote,
        LATER,
        "occasion: last heard from Tue 5 Jan 12:05, no longer Mon 28 Dec 12:00",
    ),
    "assessed": (
        "assessment_reminder",
        lambda caregiver: events.record_wellness_score(
            caregiver, score=70, burnout_band="mild", at=NOON + 5 * MINUTE
        ),
        LATER,
        "occasion: assessment Tue 5 Jan 12:05, no longer Mon 28 Dec 12:00",
    ),
    "churned": (
        "crisis_followup",
        changed(journey_phase="churned"),
        LATER,
        "journey: journey phase is churned",
    ),
    "completed the profile": (
        "onboarding_nudge",
        changed(first_name="Ada"),
        LATER,
        "profile: the profile is complete",
    ),
    "a crisis follow-up needs the slot": (
        "wellness",
        changed(last_crisis_event_at=NOON - 23 * HOUR),
        LATER,
        "reservation: crisis follow-up 1 of 7 is due Tue 5 Jan 13:00; its slot is kept from "
        "12 hours before",
    ),
    "another tier": (
        "wellness",
        changed(burnout_band="mild"),
        LATER,
        "tier: burnout band is mild and the person did not ask for check-ins",
    ),
    "another number": (
        "wellness",
        changed(phone_number="+14155550199"),
        LATER,
        "number: the person has another number since",
    ),
    "switched off": (
        "wellness",
        lambda _: CadenceSwitch.objects.create(
            cadence="wellness", is_on=False, reason="new wording"
        ),
        LATER,
        "switch: cadence is off: new wording",
    ),
    "cadence paused": (
        "wellness",
        lambda _: CadenceSwitch.objects.create(cadence="wellness", paused_until=NOON + DAY),
        LATER,
        "switch: cadence is paused until 2027-01-06 12:00 UTC",
    ),
}
COUNTERS = (
    "crisis_followup_count",
    "reactivation_message_count",
    "assessment_reminder_count",
    "onboarding_nudge_count",
)


@pytest.mark.parametrize("last_text", [None, NOON - 5 * DAY], ids=["first text", "texted before"])
@pytest.mark.parametrize("what", OBJECTIONS)
def test_what_no_longer_holds_cancels_the_text_and_gives_slot_and_counter_back(
    gateway, what, last_text
):
    cadence, happens, at, reason = OBJECTIONS[what]
    message = queued(cadence, last_proactive_message_at=last_text)
    caregiver = message.caregiver
    happens(caregiver)

    report = deliver_queued(now=at)

    assert report.results == {"cancelled": 1}
    assert gateway.tried == []
    message.refresh_from_db()
    assert (message.status, message.reason) == ("cancelled", reason)
    assert (message.attempts, message.provider_sid, message.sent_at) == (0, None, None)
    caregiver.refresh_from_db()
    assert caregiver.last_proactive_message_at == last_text
    # No stage had been dealt with before.
    assert [getattr(caregiver, counter) or 0 for counter in COUNTERS] == [0, 0, 0, 0]
    assert CareAlert.objects.count() == 0


def test_a_cadence_that_left_the_policy_sends_nothing_more(gateway):
    message = MessageFactory(cadence="birthday", queued_at=NOON)

    assert deliver_queued(now=NOON).results == {"cancelled": 1}
    assert gateway.tried == []
    message.refresh_from_db()
    assert message.reason == "cadence: it is no longer part of the policy"


@pytest.mark.parametrize(
    "cadence", ["crisis_followup", "wellness", "assessment_reminder", "onboarding_nudge"]
)
def test_what_was_given_back_is_planned_again_and_goes_out(gateway, cadence):
    given_back = queued(cadence)
    caregiver = given_back.caregiver
    Caregiver.objects.filter(pk=caregiver.pk).update(outreach_paused_until=NOON + HOUR)
    deliver_queued(now=LATER)

    run_sweep(now=NOON + HOUR)
    report = deliver_queued(now=NOON + HOUR)

    assert report.results == {"sent": 1}
    assert statuses() == {"cancelled": 1, "sent": 1}
    again = Message.objects.get(status="sent")
    assert (again.cadence, again.stage, again.occasion, again.tier) == (
        given_back.cadence,
        given_back.stage,
        given_back.occasion,
        given_back.tier,
    )


def test_giving_back_a_late_stage_leaves_those_that_it_overtook_settled(gateway):
    caregiver = due_for("crisis_followup", last_crisis_event_at=NOON - 8 * DAY)
    run_sweep(now=NOON)
    assert statuses() == {"superseded": 2, "queued": 1}
    Caregiver.objects.filter(pk=caregiver.pk).update(outreach_paused_until=NOON + HOUR)

    deliver_queued(now=LATER)

    caregiver.refresh_from_db()
    assert caregiver.crisis_followup_count == 2
    run_sweep(now=NOON + HOUR)
    assert statuses() == {"superseded": 2, "cancelled": 1, "queued": 1}
    assert Message.objects.get(status="queued").stage == 3


def test_a_follow_up_whose_crisis_staff_dated_anew_is_planned_for_the_new_date(gateway):
    message = queued("crisis_followup")
    corrected = NOON - 25 * HOUR
    Caregiver.objects.filter(pk=message.caregiver_id).update(last_crisis_event_at=corrected)

    deliver_queued(now=LATER)
    run_sweep(now=LATER)

    assert statuses() == {"cancelled": 1, "queued": 1}
    again = Message.objects.get(status="queued")
    assert (again.stage, again.occasion) == (1, corrected)


def test_a_text_of_an_older_crisis_does_not_give_back_what_staff_have_ended_of_the_newer(gateway):
    message = queued(
        "crisis_followup",
        last_crisis_event_at=NOON - 35 * DAY,
        last_contact_at=NOON - 35 * DAY,
        crisis_followup_count=6,
    )
    assert message.stage == 7
    caregiver = message.caregiver
    events.record_crisis_event(caregiver, at=NOON + MINUTE)
    cascades.end(caregiver, CRISIS_FOLLOWUP, reason="she is looked after", now=NOON + MINUTE)

    assert deliver_queued(now=LATER).results == {"cancelled": 1}

    caregiver.refresh_from_db()
    # With 6 a follow-up that never comes would keep their slot for a week.
    assert caregiver.crisis_followup_count == 7


def test_a_stage_given_up_below_one_that_waits_is_owed_when_that_one_is_given_back(gateway):
    first = queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "no answer")
    deliver_queued(now=NOON)
    then = NOON + 3 * DAY
    assert run_sweep(now=then).counts["queued"]["crisis_followup"] == 1
    colleague = User.objects.create_user("colleague")
    assert send_again(first, by=colleague, note="not in the log", now=then + MINUTE)
    events.record_pause(first.caregiver, until=then + DAY)

    assert deliver_queued(now=then + 2 * MINUTE).results == {"cancelled": 1}

    first.caregiver.refresh_from_db()
    assert first.caregiver.crisis_followup_count == 0
    run_sweep(now=then + DAY)
    # Its time has passed: what comes next says so, and a person is told.
    assert statuses() == {"cancelled": 2, "superseded": 1, "queued": 1}
    assert CareAlert.objects.get(kind="followup_missed").message.stage == 1


def test_a_slot_that_an_attempt_moved_is_given_back_all_the_same(gateway):
    message = queued(last_proactive_message_at=NOON - 5 * DAY)
    gateway.fails_with = SmsError(Outcome.BUSY, "slow down")
    deliver_queued(now=NOON + MINUTE)
    assert gate(message) == NOON + MINUTE
    events.record_opt_out(message.caregiver, at=NOON + 2 * MINUTE)

    deliver_queued(now=LATER)

    assert statuses() == {"cancelled": 1}
    assert gate(message) == NOON - 5 * DAY


def test_one_that_is_cancelled_does_not_keep_the_next_from_going_out(gateway):
    gone = queued()
    stays = queued(now=NOON + MINUTE)
    events.record_opt_out(gone.caregiver, at=NOON + 2 * MINUTE)

    assert deliver_queued(now=LATER).results == {"cancelled": 1, "sent": 1}
    assert [entry["to"] for entry in gateway.sent] == [stays.to_number]


def test_a_clock_that_is_behind_the_claims_does_not_shorten_the_24_hours(gateway):
    message = queued(last_proactive_message_at=NOON - 3 * DAY)
    Message.objects.filter(pk=message.pk).update(gate_before=NOON - DAY)
    deliver_queued(now=NOON - MOMENT)
    message.refresh_from_db()
    assert (gateway.sent, message.status) == ([], "cancelled")
    assert message.reason == "gate: last proactive message Mon 4 Jan 12:00"


def test_marking_never_moves_the_gate_back(gateway):
    message = queued()
    deliver_queued(now=NOON - HOUR)
    assert [text["message_id"] for text in gateway.sent] == [message.pk]
    assert gate(message) == NOON
