"""What outreach did is told once, to whoever wants it, and to nobody else; and it names nobody."""

import json
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from caregiving import events
from proactive import alerts, receipts, reconciliation, recording
from proactive.delivery import deliver_queued
from proactive.hooks import outbox
from proactive.models import (
    CareAlert,
    EventKind,
    Message,
    WebhookDelivery,
    WebhookEndpoint,
)
from proactive.models.hooks import FRESH_SECONDS
from proactive.receiving import Received, receive
from proactive.reports import apply_report
from proactive.sms.gateway import Outcome, Report, SmsError
from proactive.submitting import Flight
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.hooks.listening import kinds_told, listens, told
from tests.proactive.people import DAY, NOON, person
from tests.proactive.queueing import queued

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def sent(**fields):
    values = {"status": "sent", "provider_sid": "SM1", "sent_at": NOON, "attempt_started_at": NOON}
    return MessageFactory(**values | {"occasion": NOON - DAY, "queued_at": NOON} | fields)


# --- What is told ---


def test_a_text_that_the_provider_took_is_told_with_what_it_is_about(gateway):
    listens()
    message = queued("wellness")

    deliver_queued(now=NOON)

    assert told() == [
        (
            "message.sent",
            {
                "message_id": str(message.pk),
                "caregiver_id": message.caregiver_id,
                "cadence": "wellness",
                "stage": None,
                "occasion": message.occasion.isoformat(),
            },
        )
    ]
    row = WebhookDelivery.objects.get()
    assert row.payload["timestamp"] == NOON.isoformat()
    assert (row.next_attempt_at, row.expires_at) == (NOON, NOON + 3 * DAY)


def test_texts_that_are_recorded_together_are_told_in_one_statement():
    listens("message.sent")
    flights = []
    for number in range(5):
        message = MessageFactory(status="sending", attempt_started_at=NOON)
        flights.append(Flight(message, None, f"SM{number}"))
    assert outbox.wants(EventKind.SENT)

    with CaptureQueriesContext(connection) as queries:
        recording.record(flights, lambda: NOON)

    written = [
        query["sql"]
        for query in queries
        if query["sql"].startswith("INSERT") and "webhookdelivery" in query["sql"]
    ]
    assert (len(written), len(told())) == (1, 5)


def test_a_report_tells_that_a_text_arrived_and_its_repeat_tells_nothing():
    listens()
    message = sent()

    for _ in range(2):
        apply_report(message, Report("SM1", "delivered"), now=NOON)

    assert kinds_told() == ["message.delivered"]


def test_a_report_that_overtakes_the_answer_tells_both():
    listens()
    message = sent(status="sending", provider_sid=None, sent_at=None)

    apply_report(message, Report("SM1", "delivered"), now=NOON)

    assert kinds_told() == ["message.sent", "message.delivered"]


def test_a_text_that_did_not_arrive_is_told_with_the_code_and_once():
    listens("message.failed")
    message = sent(cadence="wellness", stage=None, occasion=None)

    apply_report(message, Report("SM1", "failed", "30003"), now=NOON)
    apply_report(message, Report("SM1", "undelivered", "30003"), now=NOON)

    ((kind, data),) = told()
    assert (kind, data["status"], data["error_code"]) == ("message.failed", "failed", "30003")


def test_a_text_that_the_provider_refused_is_told():
    listens("message.failed")
    message = MessageFactory(cadence="wellness", stage=None, status="sending", occasion=None)
    error = SmsError(Outcome.REJECTED, "The number is a landline (21635)", code="21635")

    recording.record([Flight(message, None, error)], lambda: NOON)

    assert [(kind, data["error_code"]) for kind, data in told()] == [("message.failed", "21635")]


def test_a_text_of_which_a_person_says_that_it_arrived_is_told_as_sent(django_user_model):
    listens()
    message = sent(status="unknown", provider_sid=None, sent_at=None)

    reconciliation.settle_as_arrived(
        message, by=django_user_model.objects.create(username="lin"), note="She said so", now=NOON
    )

    assert kinds_told() == ["message.sent"]


def test_an_answer_is_told_once_and_without_what_it_says():
    listens("message.replied")
    message = sent()

    for sid in ("MM1", "MM2"):
        text = Received(sid, message.caregiver.phone_number, "Mom fell again")
        receive(text, now=NOON + HOUR)

    assert kinds_told() == ["message.replied"]
    assert "fell" not in json.dumps(told())


def test_an_alert_that_is_opened_is_told_and_one_that_is_open_already_is_not():
    listens("alert.opened")
    message = sent()

    for now in (NOON, NOON + HOUR):
        alerts.open_alert(CareAlert.Kind.DUPLICATE, message=message, detail="Two", now=now)

    alert = CareAlert.objects.get()
    assert told() == [
        (
            "alert.opened",
            {
                "alert_id": alert.pk,
                "kind": "duplicate",
                "caregiver_id": message.caregiver_id,
                "message_id": str(message.pk),
                "occasion": message.occasion.isoformat(),
            },
        )
    ]


def test_an_alert_that_is_found_twice_in_one_pass_is_told_once():
    listens("alert.opened")
    message = sent()

    for _ in range(2):
        alerts.open_alert(CareAlert.Kind.DUPLICATE, message=message, detail="Two", now=NOON)

    assert kinds_told() == ["alert.opened"]


def test_alerts_about_people_and_about_the_service_are_told():
    listens("alert.opened")
    someone = person()

    alerts.open_for_people(
        CareAlert.Kind.CASCADE_UNANSWERED, [(someone, NOON, "Seven texts")], now=NOON
    )
    alerts.open_alert(CareAlert.Kind.SENDING_HALTED, detail="The token", now=NOON)

    assert [(data["kind"], data["caregiver_id"]) for _, data in told()] == [
        ("cascade_unanswered", someone.pk),
        ("sending_halted", None),
    ]


@pytest.mark.parametrize(
    ("source", "known"), [("text", "text"), ("provider", "provider"), ("Ada called", "other")]
)
def test_an_opt_out_is_told_with_no_word_of_whoever_wrote_it_down(source, known):
    listens()
    someone = person()

    for _ in range(2):
        events.record_opt_out(someone, at=NOON, source=source)

    assert told() == [("caregiver.opted_out", {"caregiver_id": someone.pk, "source": known})]


def test_an_opt_out_that_is_heard_of_late_is_tried_as_long_as_any_other(time_machine):
    time_machine.move_to(NOON, tick=False)
    listens()

    events.record_opt_out(person(), at=NOON - 30 * DAY, source="text")

    row = WebhookDelivery.objects.get()
    assert row.payload["timestamp"] == (NOON - 30 * DAY).isoformat()
    assert (row.next_attempt_at, row.expires_at) == (NOON, NOON + 3 * DAY)


def test_an_opt_out_that_a_newer_opt_in_has_overtaken_is_not_told():
    listens()
    someone = person(opted_in_at=NOON)

    events.record_opt_out(someone, at=NOON - HOUR, source="text")

    assert told() == []


def test_whoever_churns_is_told_of_and_nobody_else():
    listens("caregiver.churned")
    silent = [person(last_contact_at=NOON - 40 * DAY) for _ in range(2)]
    person(last_contact_at=NOON - 2 * DAY)

    sweep = run_sweep(now=NOON)
    run_sweep(now=NOON + HOUR)

    assert sweep.counts["churned"] == 2
    assert sorted(data["caregiver_id"] for _, data in told()) == [one.pk for one in silent]


def test_nothing_that_is_told_has_a_name_a_number_or_what_was_written(gateway):
    listens()
    message = queued("wellness")
    deliver_queued(now=NOON)
    message.refresh_from_db()
    someone = message.caregiver
    apply_report(message, Report(message.provider_sid, "delivered"), now=NOON)
    for sid, body in (("MM1", "Mom fell"), ("MM2", "STOP")):
        receive(Received(sid, someone.phone_number, body), now=NOON + HOUR)
    alerts.open_alert(
        CareAlert.Kind.DUPLICATE, message=message, detail=someone.first_name, now=NOON
    )

    everything = json.dumps(told())
    assert len(told()) == 5
    for secret in (someone.first_name, str(someone.phone_number), message.body, "fell"):
        assert secret not in everything


# --- To whom ---


def test_each_endpoint_hears_of_what_it_wants_under_the_same_id():
    listens("message.delivered", name="assistant")
    listens("message.delivered", "message.failed", name="care app")
    listens("message.failed", name="other")
    listens("message.delivered", name="off", enabled=False)

    apply_report(sent(), Report("SM1", "delivered"), now=NOON)

    rows = WebhookDelivery.objects.order_by("pk")
    assert [row.endpoint.name for row in rows] == ["assistant", "care app"]
    assert len({row.event_id for row in rows}) == 1


def test_an_endpoint_of_another_process_is_heard_of_within_seconds(monkeypatch):
    endpoint = listens("message.delivered", enabled=False)
    assert not outbox.wants(EventKind.DELIVERED)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(enabled=True)
    assert not outbox.wants(EventKind.DELIVERED)

    later = time.monotonic() + FRESH_SECONDS
    monkeypatch.setattr("proactive.models.hooks.time.monotonic", lambda: later)

    assert outbox.wants(EventKind.DELIVERED)


# --- What it costs ---


def test_where_nobody_listens_an_ordinary_report_is_one_statement():
    WebhookEndpoint.objects.forget()
    assert not outbox.wants(EventKind.DELIVERED)
    message = sent(caregiver=person(last_proactive_message_at=NOON))

    with CaptureQueriesContext(connection) as queries:
        assert receipts.take_receipt(message.pk, Report("SM1", "delivered"), now=NOON)

    # On PostgreSQL it goes past Django's cursor.
    assert len(queries) == (0 if connection.vendor == "postgresql" else 1)


def test_where_somebody_listens_the_report_goes_the_full_way():
    listens("message.delivered")
    message = sent(caregiver=person(last_proactive_message_at=NOON))

    assert not receipts.take_receipt(message.pk, Report("SM1", "delivered"), now=NOON)

    assert Message.objects.get().status == "sent"


@pytest.mark.parametrize("kinds", [[], ["caregiver.churned"]])
def test_where_nobody_wants_it_nothing_is_asked_and_nothing_written(kinds):
    if kinds:
        listens(*kinds)
    outbox.wants(EventKind.SENT)
    message = sent()

    with CaptureQueriesContext(connection) as queries:
        outbox.texts(EventKind.DELIVERED, [message], at=NOON)
        outbox.opted_out(message.caregiver, NOON, "text")

    assert len(queries) == 0
    assert told() == []


# --- All or nothing ---


def test_what_is_rolled_back_is_not_told():
    listens()
    message = sent()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        apply_report(message, Report("SM1", "delivered"), now=NOON)
        assert kinds_told() == ["message.delivered"]
        raise ZeroDivisionError

    assert (kinds_told(), Message.objects.get().status) == ([], "sent")


def test_what_cannot_be_told_has_not_happened(monkeypatch):
    listens()
    someone = person()
    monkeypatch.setattr(outbox, "_write", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        events.record_opt_out(someone, at=NOON, source="text")

    someone.refresh_from_db()
    assert someone.opted_out_at is None


@pytest.mark.django_db(transaction=True)
def test_somebody_who_writes_while_they_are_churned_is_not_told_of():
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one connection writes at a time")
    listens("caregiver.churned")
    someone = person(last_contact_at=NOON - 40 * DAY)

    def sweep():
        try:
            run_sweep(now=NOON)
        finally:
            connection.close()

    with transaction.atomic():
        events.record_contact(someone, at=NOON)
        thread = threading.Thread(target=sweep)
        thread.start()
        thread.join(1)
    thread.join(30)

    someone.refresh_from_db()
    assert (someone.journey_phase, told()) == ("active", [])
