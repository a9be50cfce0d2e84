"""Every crisis follow-up that fell due is counted by its end; one without an end is an alarm."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from caregiving import events
from caregiving.models import Caregiver, CrisisEvent
from proactive import tasks
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message
from proactive.promises import (
    BEFORE_RECORDS,
    GRACE,
    HEARD_LATE,
    UNACCOUNTED,
    WAITING,
    WITH_A_PERSON,
    check_promises,
)
from proactive.reconciliation import reconcile
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.commanding import run, run_json
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, person

pytestmark = pytest.mark.django_db


def in_crisis(at, **fields):
    someone = person(created_at=at - DAY, last_contact_at=at - DAY, **fields)
    events.record_crisis_event(someone, at=at, source="test")
    return someone


def text(someone, stage, status, occasion=None):
    return MessageFactory(
        caregiver=someone,
        stage=stage,
        status=status,
        occasion=occasion or someone.last_crisis_event_at,
    )


def outcomes(now=NOON):
    return dict(check_promises(now=now).outcomes)


def test_each_stage_that_fell_due_counts_by_what_became_of_it():
    someone = in_crisis(NOON - 30 * DAY)
    for stage, status in enumerate(
        ("delivered", "sent", "undelivered", "failed", "superseded", "unknown"), start=1
    ):
        text(someone, stage, status)

    assert outcomes() == {
        "delivered": 1,
        "sent": 1,
        "undelivered": 1,
        "failed": 1,
        "superseded": 1,
        "unknown": 1,
    }
    assert CareAlert.objects.count() == 0


def test_nothing_is_owed_before_the_first_stage_falls_due():
    in_crisis(NOON - DAY + MOMENT)

    assert outcomes() == {}


@pytest.mark.parametrize(
    ("age", "found"),
    [
        (DAY, WAITING),
        (3 * DAY - MOMENT, WAITING),
        # The next sweep settles it.
        (3 * DAY, WAITING),
        (3 * DAY + GRACE, UNACCOUNTED),
    ],
)
def test_a_stage_without_an_end_waits_until_its_time_is_over_and_then_is_lost(age, found):
    in_crisis(NOON - age)

    assert found in outcomes()
    assert check_promises(now=NOON).unaccounted == (found == UNACCOUNTED)


def test_what_was_lost_sight_of_alerts_once_for_each_person():
    someone = in_crisis(NOON - 10 * DAY)

    assert outcomes() == {UNACCOUNTED: 2, WAITING: 1}
    assert outcomes() == {UNACCOUNTED: 2, WAITING: 1}

    alert = CareAlert.objects.get()
    assert (alert.kind, alert.caregiver, alert.opened_at) == (
        "followup_unaccounted",
        someone,
        NOON,
    )


def test_a_sweep_leaves_nothing_unaccounted_whatever_holds_the_texts_up():
    people = [
        in_crisis(NOON - 10 * DAY),
        in_crisis(NOON - 10 * DAY, opted_out_at=NOON - 9 * DAY),
        in_crisis(NOON - 10 * DAY, outreach_paused_until=NOON + 90 * DAY),
        in_crisis(NOON - 10 * DAY, unreachable_at=NOON - 9 * DAY),
        in_crisis(NOON - 60 * DAY, opted_out_at=NOON - 59 * DAY),
    ]
    run_sweep(now=NOON)

    report = check_promises(now=NOON)

    assert report.unaccounted == 0
    assert report.outcomes.total() == 4 * 3 + 7
    assert report.outcomes[WITH_A_PERSON] == 3 * 2
    assert Message.objects.filter(caregiver=people[0], status="superseded").count() == 2


def test_a_cadence_that_is_off_is_known_to_a_person():
    in_crisis(NOON - 10 * DAY)
    CadenceSwitch.objects.create(cadence="crisis_followup", is_on=False)
    run_sweep(now=NOON)

    assert outcomes() == {WITH_A_PERSON: 2, WAITING: 1}


def test_stages_that_an_import_says_are_dealt_with_are_no_riddle():
    Caregiver.objects.filter(pk=in_crisis(NOON - 10 * DAY).pk).update(crisis_followup_count=3)

    assert outcomes() == {BEFORE_RECORDS: 3}


def test_what_was_given_back_and_never_planned_again_is_lost():
    someone = in_crisis(NOON - 4 * DAY)
    text(someone, 1, "cancelled")

    assert outcomes() == {UNACCOUNTED: 1, WAITING: 1}


def test_what_waited_beyond_its_time_and_is_given_back_is_known_until_the_next_sweep(gateway):
    in_crisis(NOON - 25 * HOUR)
    run_sweep(now=NOON)
    later = NOON + 4 * DAY  # after an outage
    reconcile(now=later)
    run_sweep(now=later)
    assert deliver_queued(now=later).results == {"cancelled": 1}

    assert outcomes(later) == {WITH_A_PERSON: 1, WAITING: 1}

    run_sweep(now=later)
    assert outcomes(later) == {"superseded": 1, "queued": 1}


def test_a_text_that_took_the_place_of_one_given_back_is_the_end_that_counts():
    someone = in_crisis(NOON - 2 * DAY)
    for status in ("cancelled", "delivered", "cancelled"):
        text(someone, 1, status)

    assert outcomes() == {"delivered": 1}


@pytest.mark.parametrize("status", ["queued", "sending", "unknown"])
def test_a_text_that_has_no_end_when_its_time_is_over_is_lost_unless_a_person_knows(status):
    someone = in_crisis(NOON - 3 * DAY - GRACE)
    message = text(someone, 1, status)

    assert outcomes(NOON - GRACE - MOMENT) == {status: 1}
    assert outcomes() == {UNACCOUNTED: 1, WAITING: 1}

    CareAlert.objects.create(
        kind="followup_stuck", caregiver=someone, message=message, occasion=message.occasion
    )
    assert outcomes() == {WITH_A_PERSON: 1, WAITING: 1}


def test_an_alert_that_was_resolved_before_a_stage_had_its_time_does_not_tell_of_it():
    someone = in_crisis(NOON - 10 * DAY)
    text(someone, 1, "delivered")
    CareAlert.objects.create(
        kind="followup_missed",
        caregiver=someone,
        occasion=someone.last_crisis_event_at,
        opened_at=NOON - 7 * DAY,
        resolved_at=NOON - 6 * DAY,
    )

    assert outcomes() == {"delivered": 1, UNACCOUNTED: 1, WAITING: 1}


def test_an_alert_about_one_stage_does_not_tell_of_another():
    someone = in_crisis(NOON - 10 * DAY)
    first = text(someone, 1, "unknown")
    CareAlert.objects.create(
        kind="outcome_unknown", caregiver=someone, message=first, occasion=first.occasion
    )

    assert outcomes() == {WITH_A_PERSON: 1, UNACCOUNTED: 1, WAITING: 1}


def test_a_text_under_way_when_a_newer_crisis_comes_has_its_time_to_end():
    someone = in_crisis(NOON - 2 * DAY)
    text(someone, 1, "unknown")
    events.record_crisis_event(someone, at=NOON)
    CrisisEvent.objects.update(settled_at=NOON)

    assert outcomes() == {"unknown": 1}


def test_a_text_that_staff_gave_up_after_a_later_one_went_out_counts_as_cancelled():
    someone = in_crisis(NOON - 4 * DAY)
    Caregiver.objects.filter(pk=someone.pk).update(crisis_followup_count=2)
    text(someone, 1, "cancelled")
    text(someone, 2, "delivered")

    assert outcomes() == {"cancelled": 1, "delivered": 1}


# --- Crises that a newer one replaced ---


def test_only_what_fell_due_before_the_newer_crisis_was_owed_for_the_older():
    someone = in_crisis(NOON - 10 * DAY)
    text(someone, 1, "delivered")
    text(someone, 2, "cancelled")  # queued when the newer crisis came
    events.record_crisis_event(someone, at=NOON - 6 * DAY)
    events.record_crisis_event(someone, at=NOON - HOUR)
    CrisisEvent.objects.update(settled_at=NOON)
    occasion = NOON - 6 * DAY
    text(someone, 1, "superseded", occasion)
    text(someone, 2, "superseded", occasion)

    assert outcomes() == {"delivered": 1, "cancelled": 1, "superseded": 2}


def test_a_crisis_that_was_just_replaced_is_left_to_the_next_sweep():
    someone = in_crisis(NOON - 4 * DAY)
    events.record_crisis_event(someone, at=NOON)

    assert outcomes() == {}
    assert outcomes(NOON + GRACE) == {UNACCOUNTED: 2}
    run_sweep(now=NOON + GRACE)
    assert outcomes(NOON + GRACE) == {"superseded": 2}


def test_a_crisis_that_was_reported_after_a_newer_one_was_owed_nothing_and_nobody_is_alarmed():
    someone = in_crisis(NOON - 2 * DAY)
    text(someone, 1, "delivered")
    events.record_crisis_event(someone, at=NOON - 6 * DAY, source="her sister")

    run_sweep(now=NOON + GRACE)
    assert outcomes(NOON + GRACE) == {"delivered": 1, HEARD_LATE: 2}
    assert not CareAlert.objects.filter(kind="followup_unaccounted").exists()


def test_what_is_longer_ago_than_84_days_is_history():
    in_crisis(NOON - 84 * DAY)

    assert outcomes() == {}


# --- The command and the task ---


def test_the_command_counts_and_is_content(time_machine):
    time_machine.move_to(NOON, tick=False)
    text(in_crisis(NOON - 2 * DAY), 1, "delivered")

    assert run_json("promises") == {"outcomes": {"delivered": 1}, "unaccounted": 0}
    assert "delivered" in run("promises")


def test_the_command_fails_when_somebody_was_lost_sight_of(time_machine):
    time_machine.move_to(NOON, tick=False)
    in_crisis(NOON - 4 * DAY)

    with pytest.raises(CommandError, match="1 crisis follow-ups are unaccounted for"):
        call_command("promises")


def test_the_daily_task_opens_the_same_alerts(time_machine, caplog):
    time_machine.move_to(NOON, tick=False)
    in_crisis(NOON - 3 * DAY - timedelta(hours=2))

    tasks.check_promises()

    assert CareAlert.objects.get().kind == "followup_unaccounted"
    assert "1 crisis follow-ups are unaccounted for" in caplog.text


def test_it_costs_the_same_number_of_queries_however_many_people(django_assert_num_queries):
    for _ in range(30):
        text(in_crisis(NOON - 2 * DAY), 1, "delivered")

    with django_assert_num_queries(6):
        check_promises(now=NOON)
