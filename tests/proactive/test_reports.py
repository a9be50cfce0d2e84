"""The provider's reports: by rank, never backwards, in any order, repeated, and never believed
about a text that is not the one they are about."""

from itertools import permutations

import pytest

from caregiving import events
from caregiving.models import Caregiver, InboundMessage
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message
from proactive.reconciliation import send_again
from proactive.reports import CONFIRM_AFTER, apply_report
from proactive.sms.gateway import Report
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.calling import BASE, TOKEN, report_on
from tests.proactive.people import DAY, HOUR, NOON, person
from tests.proactive.queueing import gate, queued

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account(settings, time_machine):
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.PUBLIC_BASE_URL = BASE
    time_machine.move_to(NOON, tick=False)


def text(status="sent", **fields):
    """A text that was submitted an hour ago."""
    return MessageFactory(
        caregiver=person(last_proactive_message_at=NOON - HOUR),
        **{
            "status": status,
            "attempt_started_at": NOON - HOUR,
            "queued_at": NOON - HOUR,
            "provider_sid": "SM1" if status in ("sent", "delivered", "undelivered") else None,
            "cadence": "wellness",
            "stage": None,
        }
        | fields,
    )


def told(message):
    message.refresh_from_db()
    return message.status, message.provider_sid


def alerts():
    return list(CareAlert.objects.order_by("pk").values_list("kind", "message_id"))


# --- By rank ---


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, "sent") for word in ("accepted", "scheduled", "queued", "sending", "sent")),
        *((word, "delivered") for word in ("delivered", "read")),
        ("undelivered", "undelivered"),
        *((word, "failed") for word in ("failed", "canceled")),
        # One that Twilio has not invented yet says at least that it has the text.
        *((word, "sent") for word in ("teleported", "", "DELIVERED?")),
    ],
)
def test_each_of_twilios_words_has_its_status(word, status):
    message = text("sending")

    assert report_on(message, word) == 200
    assert told(message) == (status, "SM1")


WORDS = ("queued", "sent", "delivered")


@pytest.mark.parametrize("order", list(permutations((*WORDS, "delivered"))), ids=str)
def test_in_whatever_order_reports_come_a_text_ends_the_same(order):
    message = text("sending")
    for word in order:
        report_on(message, word)

    assert told(message) == ("delivered", "SM1")
    assert message.delivered_at == NOON
    assert alerts() == []


@pytest.mark.parametrize("word", ["accepted", "queued", "sent", "failed", "undelivered", "odd"])
def test_nothing_takes_a_text_back_that_was_delivered(word):
    message = text("delivered", delivered_at=NOON - HOUR, cadence="crisis_followup", stage=1)

    assert report_on(message, word, ErrorCode="30006") == 200

    assert told(message) == ("delivered", "SM1")
    assert message.delivered_at == NOON - HOUR
    assert alerts() == []


def test_a_receipt_from_the_phone_outranks_a_failure_that_was_reported_before():
    message = text("undelivered", error_code="30008", reason="no reason")

    report_on(message, "delivered")

    assert told(message) == ("delivered", "SM1")
    assert (message.error_code, message.reason) == ("", "")


def test_a_repeated_report_changes_nothing(time_machine):
    message = text("sending")
    report_on(message, "delivered")
    before = Message.objects.values().get()
    time_machine.move_to(NOON + HOUR, tick=False)

    report_on(message, "delivered")

    assert Message.objects.values().get() == before


# --- What a crash had lost ---


@pytest.mark.parametrize("status", ["queued", "sending", "unknown", "failed", "cancelled"])
def test_a_report_fills_in_the_identifier_of_a_text_that_was_thought_otherwise(status):
    message = text(status)

    report_on(message, "sent")

    assert told(message) == ("sent", "SM1")
    assert message.sent_at == NOON
    assert alerts() == []


def test_what_was_reported_is_not_sent_again_although_it_was_queued(gateway):
    message = queued()
    report_on(message, "sent")

    deliver_queued(now=NOON)

    assert gateway.tried == []
    assert gate(message) == NOON


def test_a_report_that_overtakes_the_answer_leaves_nothing_to_record(gateway, monkeypatch):
    message = queued()
    send = gateway.send

    def reported_meanwhile(one, *, validity):
        sid = send(one, validity=validity)
        report_on(one, "delivered", sid=sid)
        return sid

    monkeypatch.setattr(gateway, "send", reported_meanwhile)

    assert deliver_queued(now=NOON).results == {"sent": 1}
    assert told(message) == ("delivered", f"recorded-{message.pk}")
    assert alerts() == []


def test_a_report_settles_the_question_that_a_person_was_asked():
    message = text("unknown")
    alert = CareAlert.objects.create(
        kind="outcome_unknown", message=message, caregiver=message.caregiver
    )

    report_on(message, "delivered", sid="SM9")

    alert.refresh_from_db()
    assert (alert.resolved_at, alert.resolved_by) == (NOON, None)
    assert alert.note == "The provider has it as SM9: delivered."


def test_the_24_hours_count_from_when_the_provider_may_have_taken_it():
    message = text("sending", attempt_started_at=NOON)
    Caregiver.objects.update(last_proactive_message_at=None)

    apply_report(message, Report("SM1", "sent"), now=NOON + HOUR)

    # Not from the report, which may be late: at the latest from the end of the submission's lease.
    assert NOON <= gate(message) <= NOON + HOUR / 6


# --- A second text ---


def test_a_second_identifier_for_the_same_text_is_a_duplicate_alarm_and_changes_nothing():
    message = text("sent")

    assert report_on(message, "delivered", sid="SM2") == 200

    assert told(message) == ("sent", "SM1")
    assert alerts() == [("duplicate", message.pk)]
    assert "SM2 (delivered)" in CareAlert.objects.get().detail
    assert "sent with SM1" in CareAlert.objects.get().detail


def test_an_answer_with_another_identifier_than_the_report_before_it_is_an_alarm(
    gateway, monkeypatch
):
    message = queued()
    send = gateway.send

    def reported_otherwise(one, *, validity):
        report_on(one, "sent", sid="SM-of-another")
        return send(one, validity=validity)

    monkeypatch.setattr(gateway, "send", reported_otherwise)
    deliver_queued(now=NOON)

    assert told(message) == ("sent", "SM-of-another")
    assert alerts() == [("duplicate", message.pk)]


def test_an_identifier_that_another_text_has_is_an_alarm():
    other, message = text("sent"), text("sending")

    assert report_on(message, "sent", sid="SM1") == 200

    assert told(message) == ("sending", None)
    assert told(other) == ("sent", "SM1")
    assert alerts() == [("duplicate", message.pk)]


# --- Failed ---


@pytest.mark.parametrize("word", ["undelivered", "failed"])
def test_a_crisis_follow_up_that_was_not_delivered_is_a_persons_business(word):
    message = text(cadence="crisis_followup", stage=2)

    report_on(message, word, ErrorCode="30003")

    assert told(message) == (word, "SM1")
    assert message.error_code == "30003"
    assert message.reason == "The phone is switched off or out of reach (30003)"
    assert alerts() == [("followup_failed", message.pk)]
    assert CareAlert.objects.get().detail == message.reason
    assert message.caregiver.unreachable_at is None


def test_a_failure_without_a_code_says_so():
    message = text()

    report_on(message, "undelivered")

    message.refresh_from_db()
    assert message.reason == "The provider reports it as undelivered and gives no reason"
    assert alerts() == []


@pytest.mark.parametrize("code", ["21211", "21614", "21635", "30005", "30006"])
def test_a_number_that_no_text_can_reach_is_marked_and_the_person_stays(code, gateway):
    message = text(cadence="crisis_followup", stage=1)

    report_on(message, "undelivered", ErrorCode=code)

    someone = Caregiver.objects.get()
    # Since the text that did not get there was submitted: the report may be late.
    assert someone.unreachable_at == NOON - HOUR
    assert someone.unreachable_reason.endswith(f"({code})")
    assert someone.journey_phase == "active"


def test_nothing_is_queued_for_a_number_that_no_text_can_reach():
    message = queued()
    report_on(message, "undelivered", ErrorCode="30006")
    Caregiver.objects.update(last_proactive_message_at=None)

    run_sweep(now=NOON + 4 * DAY)

    assert Message.objects.queued().count() == 0


def test_an_opt_out_that_only_the_carrier_knew_of_is_recorded():
    message = text()

    report_on(message, "failed", ErrorCode="21610")

    assert Caregiver.objects.get().opted_out_at == NOON - HOUR


def test_a_report_about_a_number_that_was_corrected_since_is_not_about_the_new_one():
    message = text(to_number="+14155550000")

    report_on(message, "undelivered", ErrorCode="30006")

    assert told(message) == ("undelivered", "SM1")
    assert Caregiver.objects.get().unreachable_at is None


def test_whoever_has_written_since_is_reachable_whatever_a_late_report_says():
    message = text()
    someone = message.caregiver
    InboundMessage.objects.create(
        caregiver=someone,
        from_number=someone.phone_number,
        provider_sid="SM-in",
        received_at=NOON - HOUR / 2,
    )

    report_on(message, "undelivered", ErrorCode="30006")

    assert Caregiver.objects.get().unreachable_at is None


def test_whoever_has_opted_in_since_is_not_opted_out_by_a_late_report():
    message = text()
    events.record_opt_in(message.caregiver, at=NOON - HOUR / 2)

    report_on(message, "failed", ErrorCode="21610")

    assert Caregiver.objects.get().opted_out_at is None


def test_a_receipt_takes_back_what_a_failure_had_said():
    message = text(cadence="crisis_followup", stage=1)
    report_on(message, "undelivered", ErrorCode="30006")

    report_on(message, "delivered")

    assert Caregiver.objects.get().unreachable_at is None
    alert = CareAlert.objects.get()
    assert (alert.kind, alert.resolved_at, alert.note) == (
        "followup_failed",
        NOON,
        "The provider has it as SM1: delivered.",
    )


def test_a_sender_that_carriers_refuse_halts_everything():
    message = text()

    report_on(message, "undelivered", ErrorCode="30034")

    switch = CadenceSwitch.objects.get()
    assert (switch.cadence, switch.is_on) == ("everything", False)
    assert switch.reason == "Our sender's number is not registered (US A2P 10DLC) (30034)"
    assert alerts() == [("sending_halted", None)]


# --- Given up by a person, and there after all ---


def test_a_text_that_turns_up_after_it_was_given_up_withdraws_the_one_in_its_place(
    gateway, admin_user
):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    assert send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    run_sweep(now=NOON + 25 * HOUR)
    successor = Message.objects.queued().get()

    report_on(message, "delivered")
    deliver_queued(now=NOON + 25 * HOUR)

    assert gateway.tried == []
    assert told(message) == ("delivered", "SM1")
    assert told(successor) == ("cancelled", None)
    assert successor.reason == "the earlier text for this stage has gone out after all"


@pytest.mark.parametrize("word", ["failed", "undelivered"])
def test_a_report_that_it_never_arrived_leaves_the_one_in_its_place_alone(
    gateway, admin_user, word
):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    run_sweep(now=NOON + 25 * HOUR)

    report_on(message, word, ErrorCode="30008")
    deliver_queued(now=NOON + 25 * HOUR)

    assert [(one["cadence"], one["stage"]) for one in gateway.sent] == [("crisis_followup", 1)]
    assert told(message) == ("cancelled", "SM1")
    assert alerts() == []


def test_a_receipt_after_a_failure_withdraws_the_one_in_its_place_all_the_same(gateway, admin_user):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    report_on(message, "undelivered", ErrorCode="30008")
    run_sweep(now=NOON + 25 * HOUR)

    report_on(message, "sent")  # an older report, late: it proves nothing
    assert told(message) == ("cancelled", "SM1")
    report_on(message, "delivered")
    deliver_queued(now=NOON + 25 * HOUR)

    assert gateway.tried == []
    assert told(message) == ("delivered", "SM1")
    report_on(message, "failed", sid="SM2")
    assert alerts() == [("duplicate", message.pk)]


def test_late_reports_on_a_text_that_stays_given_up_leave_the_one_in_its_place_alone(
    gateway, admin_user
):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    report_on(message, "undelivered", ErrorCode="30008")
    run_sweep(now=NOON + 25 * HOUR)

    report_on(message, "sent")  # older than the failure
    report_on(message, "delivered", sid="SM2")  # of a text that nobody knows
    deliver_queued(now=NOON + 25 * HOUR)

    assert told(message) == ("cancelled", "SM1")
    assert [(one["cadence"], one["stage"]) for one in gateway.sent] == [("crisis_followup", 1)]
    assert alerts() == [("duplicate", message.pk)]


def test_a_text_that_turns_up_before_anything_took_its_place_is_counted_again(admin_user):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    assert Caregiver.objects.get().crisis_followup_count == 0

    report_on(message, "delivered")
    events.record_opt_out(message.caregiver, at=NOON + 2 * HOUR)
    run_sweep(now=NOON + DAY)

    assert Caregiver.objects.get().crisis_followup_count == 1
    assert alerts() == []


def test_a_text_that_turns_up_takes_the_place_of_the_record_that_it_was_overtaken(admin_user):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    run_sweep(now=NOON + 3 * DAY)  # the second stage overtakes the first
    (overtaken,) = Message.objects.filter(status="superseded")

    report_on(message, "delivered")

    assert told(message) == ("delivered", "SM1")
    assert told(overtaken) == ("cancelled", None)
    assert [kind for kind, _ in alerts()] == ["followup_missed"]


def test_a_number_that_got_a_later_text_is_not_dead_whatever_a_late_report_says():
    message = text()
    MessageFactory(
        caregiver=message.caregiver,
        status="delivered",
        provider_sid="SM2",
        cadence="wellness",
        stage=None,
        attempt_started_at=NOON,
    )

    report_on(message, "undelivered", ErrorCode="30005")

    assert Caregiver.objects.get().unreachable_at is None


def test_a_text_that_turns_up_when_the_one_in_its_place_has_gone_out_is_an_alarm(
    gateway, admin_user
):
    message = queued("crisis_followup")
    Message.objects.update(status="unknown", attempt_started_at=NOON)
    message.refresh_from_db()
    send_again(message, by=admin_user, note="she got nothing", now=NOON + HOUR)
    run_sweep(now=NOON + 25 * HOUR)
    deliver_queued(now=NOON + 25 * HOUR)

    report_on(message, "delivered")

    assert told(message) == ("cancelled", None)
    assert alerts() == [("duplicate", message.pk)]


# --- Confirmations ---


@pytest.mark.parametrize(
    ("cadence", "looks"), [("crisis_followup", CONFIRM_AFTER), ("wellness", None)]
)
def test_only_a_crisis_follow_up_is_asked_about_when_no_report_comes(gateway, cadence, looks):
    message = queued(cadence)

    deliver_queued(now=NOON)

    message.refresh_from_db()
    assert message.look_up_at == (NOON + looks if looks else None)
