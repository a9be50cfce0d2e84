"""What nobody saw end becomes unknown, is looked up, then a person's business; never resent."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving import events
from caregiving.models import Caregiver
from proactive import stopping
from proactive.delivery import deliver_queued
from proactive.models import CareAlert, Message
from proactive.reconciliation import (
    LEASE,
    PATIENCE,
    Reconciled,
    reconcile,
    send_again,
    settle_as_arrived,
)
from proactive.sms.gateway import Outcome, Report, SmsError
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, person
from tests.proactive.queueing import gate, queued, statuses

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def submitted(status="sending", at=NOON, **fields):
    """A text whose submission began at `at` and has not been heard of since."""
    caregiver = person(last_proactive_message_at=at)
    return MessageFactory(
        caregiver=caregiver,
        status=status,
        attempt_started_at=at,
        attempts=1,
        **{"occasion": at - DAY, "stage": 7} | fields,
    )


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(0), "sending"),
        (LEASE - MOMENT, "sending"),
        (LEASE, "unknown"),
        (DAY, "unknown"),
    ],
)
def test_a_submission_is_given_up_when_its_lease_is_over(age, status):
    submitted()

    report = reconcile(now=NOON + age)

    assert statuses() == {status: 1}
    assert report.expired == (status == "unknown")


def test_the_lease_is_well_over_the_time_that_a_provider_has_to_answer(settings):
    assert timedelta(seconds=10 * settings.SMS_TIMEOUT_SECONDS) <= LEASE


def test_it_says_why_and_keeps_what_is_known(gateway):
    message = submitted()

    reconcile(now=NOON + HOUR)

    message.refresh_from_db()
    assert message.reason == "no answer was recorded: the worker may have died"
    assert (message.attempt_started_at, message.attempts) == (NOON, 1)
    assert (message.sent_at, message.provider_sid) == (None, None)


def test_the_24_hours_count_to_the_end_of_the_lease_for_it_may_have_gone_out_until_then():
    message = submitted()

    reconcile(now=NOON + 3 * HOUR)

    assert gate(message) == NOON + LEASE


def test_a_later_text_keeps_its_own_24_hours():
    message = submitted()
    Caregiver.objects.update(last_proactive_message_at=NOON + HOUR)

    reconcile(now=NOON + 3 * HOUR)

    assert gate(message) == NOON + HOUR


def test_what_became_unknown_takes_an_hour_until_a_person_is_asked_once():
    message = submitted()

    assert reconcile(now=NOON + LEASE) == Reconciled(expired=1, looked_up=1)
    assert reconcile(now=NOON + PATIENCE - MOMENT) == Reconciled(looked_up=1)
    assert reconcile(now=NOON + PATIENCE) == Reconciled(alerts=1)
    assert reconcile(now=NOON + PATIENCE + MINUTE).alerts == 0

    alert = CareAlert.objects.get()
    assert (alert.kind, alert.message, alert.caregiver) == (
        "outcome_unknown",
        message,
        message.caregiver,
    )
    assert alert.opened_at == NOON + PATIENCE
    assert alert.detail == (
        "Submitted 2027-01-05 12:00 UTC; no answer was recorded: the worker may have died. Asked 2 "
        "times, the provider did not have it, which proves nothing. Decide on the text's page: it "
        "arrived, or send again."
    )


def test_an_alert_that_staff_resolved_is_not_opened_again():
    submitted("unknown")
    reconcile(now=NOON + PATIENCE)
    CareAlert.objects.update(resolved_at=NOON + PATIENCE)

    assert reconcile(now=NOON + DAY).alerts == 0


def test_after_an_outage_of_hours_one_pass_does_both():
    submitted()

    assert reconcile(now=NOON + 6 * HOUR) == Reconciled(expired=1, looked_up=1, alerts=1)


def test_a_text_of_which_the_provider_told_meanwhile_needs_nobody():
    message = submitted("unknown")
    message.mark_sent(now=NOON + MINUTE, provider_sid="SM1")

    assert reconcile(now=NOON + DAY) == Reconciled()
    assert statuses() == {"sent": 1}


@pytest.mark.parametrize(
    "status",
    ["queued", "sent", "delivered", "undelivered", "failed", "cancelled", "superseded"],
)
def test_every_other_text_is_left_alone(status):
    submitted(status)

    assert reconcile(now=NOON + DAY) == Reconciled()
    assert statuses() == {status: 1}


def test_nothing_is_sent_here_whatever_is_found(gateway):
    for status in ("queued", "sending", "unknown"):
        submitted(status)

    reconcile(now=NOON + DAY)

    assert gateway.tried == []


def test_an_outcome_that_delivery_could_not_tell_is_followed_up_alike(gateway):
    queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
    assert deliver_queued(now=NOON).results == {"unknown": 1}

    assert reconcile(now=NOON + PATIENCE) == Reconciled(looked_up=1, alerts=1)
    assert CareAlert.objects.get().detail.startswith(
        "Submitted 2027-01-05 12:00 UTC; Twilio did not answer in time. Asked once, "
    )


# --- Looked up ---


def unknown(**fields):
    """A text whose outcome nobody knows, to be looked up from now on."""
    return submitted("unknown", **{"look_up_at": NOON} | fields)


def test_a_text_that_the_provider_has_once_is_sent_as_that(gateway):
    message = unknown()
    gateway.listed = [Report("SM1", "delivered")]

    assert reconcile(now=NOON + MINUTE) == Reconciled(looked_up=1, found=1)

    message.refresh_from_db()
    assert (message.status, message.provider_sid) == ("delivered", "SM1")
    assert reconcile(now=NOON + DAY) == Reconciled()
    assert CareAlert.objects.count() == 0


def test_it_asks_for_the_number_around_the_time_of_the_submission(gateway):
    message = unknown()

    reconcile(now=NOON + MINUTE)

    ((number, since, until),) = gateway.asked
    assert number == message.to_number
    assert since < NOON < NOON + LEASE < until
    assert until - since < HOUR


def test_a_text_that_another_row_has_is_not_this_one(gateway):
    MessageFactory(caregiver=person(), status="sent", provider_sid="SM1", occasion=NOON)
    message = unknown()
    gateway.listed = [Report("SM1", "sent")]

    assert reconcile(now=NOON + MINUTE) == Reconciled(looked_up=1)
    assert Message.objects.get(pk=message.pk).status == "unknown"


def test_a_text_that_the_provider_has_several_times_is_a_duplicate_alarm(gateway):
    message = unknown()
    gateway.listed = [Report("SM1", "sent"), Report("SM2", "delivered")]

    reconcile(now=NOON + MINUTE)

    message.refresh_from_db()
    assert (message.status, message.provider_sid) == ("sent", "SM1")
    alert = CareAlert.objects.get()
    assert (alert.kind, alert.message) == ("duplicate", message)
    assert "SM1 (sent), SM2 (delivered)" in alert.detail


def test_what_is_absent_is_looked_for_less_and_less_often_and_for_a_day(gateway):
    message = unknown(look_up_at=NOON + MINUTE)
    looks = []
    for minutes in range(48 * 60):
        if reconcile(now=NOON + minutes * MINUTE).looked_up:
            looks.append(minutes)

    assert looks[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert looks[7:] == list(range(looks[6] + 60, 24 * 60 + 1, 60))
    message.refresh_from_db()
    assert (message.status, message.lookups) == ("unknown", len(looks))
    assert gateway.tried == []


def test_what_turns_up_after_a_person_was_asked_answers_for_them(gateway):
    unknown()
    reconcile(now=NOON + PATIENCE)
    gateway.listed = [Report("SM1", "sent")]

    reconcile(now=NOON + PATIENCE + HOUR)

    assert statuses() == {"sent": 1}
    alert = CareAlert.objects.get()
    assert (alert.resolved_at, alert.resolved_by) == (NOON + PATIENCE + HOUR, None)


def test_a_provider_that_cannot_be_asked_has_not_said_that_it_is_absent(gateway):
    unknown()
    gateway.unavailable = SmsError(Outcome.BUSY, "Twilio cannot be reached")

    assert reconcile(now=NOON + MINUTE) == Reconciled()
    assert reconcile(now=NOON + PATIENCE) == Reconciled(alerts=1)
    detail = CareAlert.objects.get().detail
    assert "The provider could not be asked so far: look in its console." in detail


def test_an_outage_does_not_use_up_the_look_ups(gateway):
    message = queued("crisis_followup")
    deliver_queued(now=NOON)
    gateway.fetched[f"recorded-{message.pk}"] = Report(f"recorded-{message.pk}", "delivered")
    gateway.unavailable = SmsError(Outcome.BUSY, "Twilio cannot be reached")
    for hours in (1, 6, 24, 30):
        assert reconcile(now=NOON + hours * HOUR) == Reconciled()
    gateway.unavailable = None

    assert reconcile(now=NOON + 31 * HOUR) == Reconciled(looked_up=1, found=1)
    assert statuses() == {"delivered": 1}


def test_whoever_is_asked_to_stop_begins_no_look_up(gateway):
    unknown()
    stopping.ask()
    try:
        assert reconcile(now=NOON + MINUTE) == Reconciled()
    finally:
        stopping.forget()

    assert reconcile(now=NOON + MINUTE) == Reconciled(looked_up=1)


def test_one_text_whose_look_up_breaks_does_not_hide_the_others(gateway, monkeypatch):
    broken, other = unknown(look_up_at=NOON - MINUTE), unknown()
    find = gateway.find

    def breaks(message, **between):
        if message.pk == broken.pk:
            raise RuntimeError("cannot be read")
        return find(message, **between)

    monkeypatch.setattr(gateway, "find", breaks)
    gateway.listed = [Report("SM1", "sent")]

    assert reconcile(now=NOON + MINUTE) == Reconciled(looked_up=1, found=1)
    assert Message.objects.get(pk=other.pk).status == "sent"


def test_what_was_unknown_before_there_were_look_ups_is_looked_up_too(gateway):
    submitted("unknown")
    gateway.listed = [Report("SM1", "sent")]

    assert reconcile(now=NOON + 3 * DAY) == Reconciled(looked_up=1, found=1)


def test_of_two_workers_that_found_the_same_text_only_one_asks():
    first = unknown()
    second = Message.objects.get(pk=first.pk)

    assert first.claim_look_up(next_at=NOON + MINUTE) is True
    assert second.claim_look_up(next_at=NOON + MINUTE) is False


def test_no_request_is_made_inside_a_transaction(gateway, monkeypatch):
    unknown()
    depths = []
    monkeypatch.setattr(
        gateway, "find", lambda *_, **__: depths.append(len(connection.savepoint_ids)) or []
    )
    before = len(connection.savepoint_ids)

    reconcile(now=NOON + MINUTE)

    assert depths == [before]


# --- Sent, and never confirmed ---


def test_a_follow_up_whose_report_got_lost_is_asked_about(gateway):
    message = queued("crisis_followup")
    deliver_queued(now=NOON)
    gateway.fetched[f"recorded-{message.pk}"] = Report(
        f"recorded-{message.pk}", "undelivered", "30003"
    )

    assert reconcile(now=NOON + HOUR - MOMENT) == Reconciled()
    assert reconcile(now=NOON + HOUR) == Reconciled(looked_up=1, found=1)

    assert statuses() == {"undelivered": 1}
    assert CareAlert.objects.get().kind == "followup_failed"


def test_a_carrier_that_never_confirms_is_asked_three_times_and_believed(gateway):
    message = queued("crisis_followup")
    deliver_queued(now=NOON)
    gateway.fetched[f"recorded-{message.pk}"] = Report(f"recorded-{message.pk}", "sent")

    looks = [hours for hours in range(72) if reconcile(now=NOON + hours * HOUR).looked_up]

    assert looks == [1, 6, 24]
    assert statuses() == {"sent": 1}
    assert CareAlert.objects.count() == 0


# --- Past its time ---


@pytest.mark.parametrize("status", ["queued", "sending", "unknown"])
def test_a_follow_up_past_its_time_that_has_no_end_is_a_persons_business(status):
    # Stage 1 of a crisis a day before: its words fit for two days more.
    message = submitted(status, stage=1)
    Message.objects.update(attempt_started_at=NOON + 2 * DAY)

    reconcile(now=NOON + 2 * DAY - MOMENT)
    assert CareAlert.objects.count() == 0
    reconcile(now=NOON + 2 * DAY)
    reconcile(now=NOON + 2 * DAY + MINUTE)

    alert = CareAlert.objects.get()
    assert (alert.kind, alert.message) == ("followup_stuck", message)


def test_a_follow_up_that_a_person_looks_into_already_needs_no_second_alert():
    submitted("unknown", stage=1)
    reconcile(now=NOON + PATIENCE)

    reconcile(now=NOON + 3 * DAY)

    assert [alert.kind for alert in CareAlert.objects.all()] == ["outcome_unknown"]


@pytest.mark.parametrize("status", ["sent", "delivered", "undelivered", "failed", "superseded"])
def test_a_follow_up_that_has_its_end_is_nobodys_business(status):
    submitted(status, stage=1)

    assert reconcile(now=NOON + 10 * DAY).alerts == 0


# --- What a person decides ---


def test_staff_know_that_it_arrived(admin_user):
    message = unknown()
    reconcile(now=NOON + PATIENCE)

    assert settle_as_arrived(message, by=admin_user, note="she told me", now=NOON + 2 * HOUR)

    message.refresh_from_db()
    assert (message.status, message.sent_at) == ("sent", NOON + 2 * HOUR)
    assert message.reason == "admin says that it arrived: she told me"
    alert = CareAlert.objects.get()
    assert (alert.resolved_at, alert.resolved_by) == (NOON + 2 * HOUR, admin_user)
    assert alert.note == message.reason


def test_sending_again_is_up_to_the_sweep_with_all_its_rules(gateway, admin_user):
    message = queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
    deliver_queued(now=NOON)
    gateway.fails_with = None
    message.refresh_from_db()

    assert send_again(message, by=admin_user, note="nothing came", now=NOON + 2 * HOUR)

    message.refresh_from_db()
    assert message.status == "cancelled"
    assert message.reason == "admin had it sent again: nothing came"
    run_sweep(now=NOON + DAY - MOMENT)
    assert Message.objects.queued().count() == 0  # 24 hours, for it may have arrived after all
    run_sweep(now=NOON + DAY)
    deliver_queued(now=NOON + DAY)
    assert [(text["cadence"], text["stage"]) for text in gateway.sent] == [("crisis_followup", 1)]


def test_of_two_stages_that_are_sent_again_in_their_order_both_are_owed(gateway, admin_user):
    message = queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
    deliver_queued(now=NOON)
    then = NOON + 3 * DAY
    run_sweep(now=then)
    deliver_queued(now=then)

    for unknown in Message.objects.order_by("stage"):
        assert send_again(unknown, by=admin_user, note="nothing came", now=then + HOUR)

    message.caregiver.refresh_from_db()
    assert message.caregiver.crisis_followup_count == 0


def test_whoever_opted_out_meanwhile_is_not_sent_it_again(gateway, admin_user):
    message = queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
    deliver_queued(now=NOON)
    gateway.fails_with = None
    message.refresh_from_db()
    send_again(message, by=admin_user, note="nothing came", now=NOON + HOUR)
    events.record_opt_out(message.caregiver, at=NOON + 2 * HOUR)

    run_sweep(now=NOON + DAY)
    deliver_queued(now=NOON + DAY)

    assert gateway.sent == []


def test_what_was_given_up_is_looked_for_all_the_same_and_withdraws_its_successor(
    gateway, admin_user
):
    message = queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
    deliver_queued(now=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="nothing came", now=NOON + 2 * HOUR)
    # By then the list has it: it had lagged.
    gateway.fails_with, gateway.listed = None, [Report("SM1", "delivered")]

    reconcile(now=NOON + 3 * HOUR)
    run_sweep(now=NOON + DAY)
    deliver_queued(now=NOON + DAY)

    assert gateway.sent == []
    assert statuses() == {"delivered": 1}


def test_giving_up_a_text_of_an_older_crisis_leaves_the_counter_of_the_newer_alone(
    gateway, admin_user
):
    message = queued("crisis_followup")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
    deliver_queued(now=NOON)
    message.refresh_from_db()
    events.record_crisis_event(message.caregiver, at=NOON + HOUR)
    Caregiver.objects.update(crisis_followup_count=1)

    send_again(message, by=admin_user, note="nothing came", now=NOON + DAY)

    assert Caregiver.objects.get().crisis_followup_count == 1


@pytest.mark.parametrize("decide", [settle_as_arrived, send_again])
def test_what_is_known_meanwhile_is_not_decided_any_more(decide, admin_user):
    message = unknown()
    Message.objects.get(pk=message.pk).mark_sent(now=NOON, provider_sid="SM1")

    assert decide(message, by=admin_user, note="late") is False
    message.refresh_from_db()
    assert (message.status, message.provider_sid) == ("sent", "SM1")


def test_the_clock_is_read_when_no_instant_is_given(time_machine):
    time_machine.move_to(NOON + LEASE, tick=False)
    submitted()

    assert reconcile().expired == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="of PostgreSQL's, see tests/benchmarks")
def test_a_pass_reads_what_is_open_and_not_every_text_that_ever_went_out():
    with CaptureQueriesContext(connection) as asked:
        reconcile(now=NOON)

    of_what_is_open = ("messages_unsettled", "messages_to_look_up", "messages_without_end")
    reads = []
    with connection.cursor() as cursor:
        for query in asked:
            cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
            reads += [step for *_, step in cursor.fetchall() if "proactive_message" in step]
    assert len(reads) == 5  # one of the four questions is two searches
    assert [step for step in reads if not any(index in step for index in of_what_is_open)] == []
