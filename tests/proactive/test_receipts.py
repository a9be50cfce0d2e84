"""The short way of a report and the full one write the same, and the ordinary takes the short."""

import itertools
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from caregiving.models import Caregiver
from proactive.models import CareAlert, Message, Status
from proactive.outcomes import record_failure
from proactive.receipts import take_receipt
from proactive.reports import LEASE, apply_report
from proactive.sms.gateway import Report
from tests.factories import MessageFactory
from tests.proactive.calling import BASE, TOKEN, report_on
from tests.proactive.people import HOUR, MOMENT, NOON, person

pytestmark = pytest.mark.django_db

SENT_AT = NOON - HOUR
DELIVERED = Report("SM1", "delivered")


@pytest.fixture(autouse=True)
def account(settings, time_machine):
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.PUBLIC_BASE_URL = BASE
    time_machine.move_to(NOON, tick=False)


# What else may be true of a text that was sent an hour ago, beginning with the ordinary.
GATES = {
    "since it was sent": SENT_AT,
    "since later": NOON,
    "since before it was sent": SENT_AT - MOMENT,
    "never": None,
}
TROUBLES = {
    "no trouble": None,
    "trouble before": SENT_AT - HOUR,
    "trouble since": SENT_AT + MOMENT,
}
ALERTS = {
    "no alert": (),
    "unknown": (("outcome_unknown", None),),
    "failed": (("followup_failed", None),),
    "both": (("outcome_unknown", None), ("followup_failed", None)),
    "resolved": (("outcome_unknown", SENT_AT), ("followup_failed", SENT_AT)),
    "of another kind": (("duplicate", None), ("followup_stuck", None)),
}
SIDS = {"its own": "SM1", "another": "SM2", "none": None}
NUMBERS = {"the same number": None, "another number": "+14155550000"}
CADENCES = {"routine": ("wellness", None), "vital": ("crisis_followup", 2)}
TIMES = {
    "as sent": {"attempt_started_at": SENT_AT, "sent_at": SENT_AT},
    "just now": {"attempt_started_at": NOON - LEASE / 2, "sent_at": NOON - LEASE / 2},
    "not known": {"attempt_started_at": None, "sent_at": None},
    "backing off": {
        "attempt_started_at": SENT_AT,
        "sent_at": SENT_AT,
        "retry_at": NOON + HOUR,
        "look_up_at": NOON + HOUR,
        "error_code": "30003",
        "reason": "held up",
    },
}
CIRCUMSTANCES = (GATES, TROUBLES, ALERTS, SIDS, NUMBERS, CADENCES, TIMES)
ORDINARY = tuple(next(iter(kinds)) for kinds in CIRCUMSTANCES)
# The ordinary, and all that differ from it in one or two ways.
STATES = [
    state
    for state in itertools.product(*CIRCUMSTANCES)
    if sum(map(str.__ne__, state, ORDINARY)) <= 2
]
REPORTS = [
    Report("SM1", word, code)
    for word, code in (
        *(("delivered", ""), ("read", ""), ("delivered", "30008" * 5)),
        *(("sent", ""), ("queued", ""), ("odd", "")),
        *(("undelivered", "30003"), ("undelivered", "30006"), ("failed", "21610"), ("failed", "")),
    )
]


def text(state=ORDINARY, status="sent"):
    gate, trouble, alerts, sid, number, cadence, times = state
    someone = person(last_proactive_message_at=GATES[gate], unreachable_at=TROUBLES[trouble])
    named = NUMBERS[number] or someone.phone_number
    name, stage = CADENCES[cadence]
    message = MessageFactory(
        caregiver=someone,
        to_number=named,
        status=status,
        cadence=name,
        stage=stage,
        occasion=NOON - 4 * HOUR if stage else None,
        provider_sid=SIDS[sid],
        queued_at=SENT_AT,
        **TIMES[times],
    )
    for kind, resolved_at in ALERTS[alerts]:
        CareAlert.objects.create(
            kind=kind,
            message=message,
            caregiver=someone,
            opened_at=SENT_AT,
            resolved_at=resolved_at,
            note="looked at",
        )
    return message


def rows():
    """All that a report can change."""
    return [
        list(model.objects.order_by("pk").values()) for model in (Message, Caregiver, CareAlert)
    ]


def undone(do):
    """What `do` returns and all rows after it, which are then as they were."""
    with transaction.atomic():
        result = do(), rows()
        transaction.set_rollback(True)
    # Whatever opens an alert gives it the next key, which is not given back.
    for alert in result[1][2]:
        del alert["id"]
    return result


def by_the_full_way(message, report):
    return apply_report(Message.objects.get(pk=message.pk), report, now=NOON)


def by_whichever_way(message, report):
    return take_receipt(message.pk, report, now=NOON) or by_the_full_way(message, report)


@pytest.mark.parametrize("status", Status.values)
def test_both_ways_write_the_same_whatever_the_circumstances(status):
    short = 0
    for state in STATES:
        with transaction.atomic():
            message = text(state, status)
            # Of all but receipts the short way wants to know nothing.
            for report in REPORTS if state == ORDINARY else [DELIVERED]:
                full = undone(
                    lambda message=message, report=report: by_the_full_way(message, report)
                )
                either = undone(
                    lambda message=message, report=report: by_whichever_way(message, report)
                )
                assert either == full, (state, status, report)
                short += take_receipt_alone(message, report)
            transaction.set_rollback(True)

    assert (short > 0) == (status == "sent")


def take_receipt_alone(message, report):
    with transaction.atomic():
        taken = take_receipt(message.pk, report, now=NOON)
        transaction.set_rollback(True)
    return taken


# --- Its price ---

# On PostgreSQL the short way goes past Django's cursor, where nobody counts.
SHORT_WAY = 1 if connection.vendor == "sqlite" else 0


def asked(do):
    with CaptureQueriesContext(connection) as captured:
        do()
    return len(captured)


def test_the_ordinary_report_costs_one_statement():
    message = text()

    assert asked(lambda: report_on(message, "delivered")) == SHORT_WAY

    message.refresh_from_db()
    assert (message.status, message.delivered_at) == ("delivered", NOON)


@pytest.mark.parametrize("word", ["queued", "sent"])
def test_a_report_of_what_is_known_costs_one_statement(word):
    message = text()

    assert asked(lambda: report_on(message, word)) == 1


@pytest.mark.parametrize("word", ["queued", "sent", "undelivered", "failed"])
def test_a_report_that_comes_after_the_receipt_costs_one_statement(word):
    message = text(status="delivered")

    assert asked(lambda: report_on(message, word)) == 1


def test_a_receipt_that_is_repeated_costs_one_statement_more():
    message = text()
    report_on(message, "delivered")

    assert asked(lambda: report_on(message, "delivered")) == SHORT_WAY + 1


def test_the_full_way_locks_reads_and_writes_once_each():
    message = text((*ORDINARY[:2], "failed", *ORDINARY[3:]))

    # Read; lock, read, write the text, close the alert. Around the four, as the transaction is the
    # test's, the two of a savepoint.
    assert asked(lambda: by_the_full_way(message, DELIVERED)) == 1 + 4 + 2


# --- On PostgreSQL: a connection that broke, and two at once ---


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file does not hang up")
@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_finds_its_connection_broken_is_recorded_on_a_new_one():
    message = text()
    assert report_on(text((*ORDINARY[:3], "another", *ORDINARY[4:])), "delivered", sid="SM2") == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    other.close()

    assert report_on(message, "delivered") == 200

    message.refresh_from_db()
    assert (message.status, message.delivered_at) == ("delivered", NOON)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="it plans nothing ahead")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("threshold", "prepared"), [(5, 1), (None, 0)])
def test_the_statement_is_prepared_where_that_is_possible(threshold, prepared):
    messages = [text((*ORDINARY[:3], sid, *ORDINARY[4:])) for sid in ("its own", "another")]
    connection.close()
    connection.ensure_connection()
    connection.connection.prepare_threshold = threshold

    for message in messages:
        assert take_receipt(message.pk, Report(message.provider_sid, "delivered"), now=NOON)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (prepared,)
    connection.close()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="there the second waits for the first")
@pytest.mark.django_db(transaction=True)
def test_a_receipt_waits_for_the_failure_of_an_earlier_text_and_takes_it_back():
    message = text()
    earlier = MessageFactory(
        caregiver=message.caregiver,
        status="undelivered",
        provider_sid="SM0",
        cadence="wellness",
        stage=None,
        occasion=None,
        attempt_started_at=SENT_AT - timedelta(days=1),
    )
    answers = []

    def receive():
        try:
            answers.append(report_on(message, "delivered"))
        finally:
            connection.close()

    with transaction.atomic():
        earlier.caregiver = Caregiver.objects.select_for_update().get(pk=earlier.caregiver_id)
        record_failure(earlier, None, code="30005", reason="no such number", now=NOON)
        thread = threading.Thread(target=receive)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()
    thread.join(timeout=30)

    assert answers == [200]
    someone = Caregiver.objects.get()
    assert someone.unreachable_at is None
    message.refresh_from_db()
    assert message.status == "delivered"
