"""An alert about a crisis that nobody claims reaches somebody by email, and does no other harm."""

import smtplib
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proactive import alerts, tasks
from proactive.checks import alerts_are_escalated
from proactive.escalating import LISTED, escalate
from proactive.models import CareAlert
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import NOON, due_for

pytestmark = pytest.mark.django_db

Kind = CareAlert.Kind
MINUTE = timedelta(minutes=1)
LIST = "https://outreach.example.org/admin/proactive/carealert/"


class FailingBackend(EmailBackend):
    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")


FAILING = f"{__name__}.FailingBackend"


@pytest.fixture(autouse=True)
def on_call(settings):
    settings.ALERT_ESCALATION_EMAIL = ["on-call@example.org", "lead@example.org"]


def opened(kind=Kind.FOLLOWUP_FAILED, **fields) -> CareAlert:
    return CareAlert.objects.create(**{"kind": kind, "opened_at": NOON} | fields)


def test_what_nobody_has_claimed_for_fifteen_minutes_is_sent_on_once():
    alert = opened()

    assert escalate(now=NOON + 15 * MINUTE - timedelta(seconds=1)) == 0
    assert escalate(now=NOON + 15 * MINUTE) == 1
    assert escalate(now=NOON + 16 * MINUTE) == 0

    (sent,) = mail.outbox
    assert sent.to == ["on-call@example.org", "lead@example.org"]
    assert sent.from_email == "outreach@outreach.example.org"
    assert sent.subject == "[CareCheck] 1 alert that nobody has claimed"
    assert "- A crisis follow-up could not be delivered (open for 15 minutes)" in sent.body
    assert f"{LIST}{alert.pk}/change/" in sent.body
    alert.refresh_from_db()
    assert alert.escalated_at == NOON + 15 * MINUTE


def test_several_at_once_are_one_email_oldest_first():
    for minutes, kind in ((0, Kind.FOLLOWUP_STUCK), (-60, Kind.FOLLOWUP_MISSED)):
        opened(kind, opened_at=NOON + minutes * MINUTE)

    assert escalate(now=NOON + 15 * MINUTE) == 2

    (sent,) = mail.outbox
    assert sent.subject == "[CareCheck] 2 alerts that nobody has claimed"
    told = [line for line in sent.body.splitlines() if line.startswith("- ")]
    assert told == [
        "- A crisis follow-up did not go out in time (open for 1 hour)",
        "- A crisis follow-up is past its time and has no end (open for 15 minutes)",
    ]


def test_very_many_are_counted_and_not_all_listed():
    CareAlert.objects.bulk_create(
        CareAlert(kind=Kind.FOLLOWUP_FAILED, caregiver=caregiver, opened_at=NOON)
        for caregiver in CaregiverFactory.create_batch(LISTED + 3)
    )

    with CaptureQueriesContext(connection) as captured:
        assert escalate(now=NOON + 20 * MINUTE) == LISTED + 3

    assert len(captured) == 2
    (sent,) = mail.outbox
    assert sent.body.count("/change/") == LISTED
    assert "- and 3 more" in sent.body
    assert LIST in sent.body.splitlines()[-2]


def test_the_email_holds_nothing_about_a_person():
    someone = CaregiverFactory(first_name="Josefina", phone_number="+14155552671")
    opened(caregiver=someone, detail="Josefina's number is a landline: 4155552671", note="Rosa")

    escalate(now=NOON + 20 * MINUTE)

    (sent,) = mail.outbox
    for private in ("Josefina", "5552671", "2671", "landline", "Rosa"):
        assert private not in sent.subject + sent.body


@pytest.mark.parametrize(
    "fields",
    [{"resolved_at": NOON}, {"claimed": True}, {"kind": Kind.OUTCOME_UNKNOWN}],
    ids=["resolved", "claimed", "no crisis"],
)
def test_what_somebody_looks_after_and_what_is_no_crisis_is_not_sent_on(fields):
    if fields.pop("claimed", False):
        fields["claimed_by"] = User.objects.create_user("grace")
    opened(**fields)

    assert escalate(now=NOON + 20 * MINUTE) == 0
    assert mail.outbox == []


@pytest.mark.parametrize(("cadence", "sent_on"), [("crisis_followup", 1), ("wellness", 0)])
def test_an_unknown_outcome_is_urgent_where_the_text_was_a_crisis_follow_up(cadence, sent_on):
    opened(Kind.OUTCOME_UNKNOWN, message=MessageFactory(cadence=cadence, status="unknown"))

    assert escalate(now=NOON + 20 * MINUTE) == sent_on


def test_what_was_released_or_opened_again_is_looked_at_anew():
    grace = User.objects.create_user("grace")
    alert = opened()
    escalate(now=NOON + 20 * MINUTE)
    alerts.resolve_by_staff(alert, by=grace, done="called", now=NOON + 30 * MINUTE)
    alerts.reopen(alert, by=grace, why="wrong person", now=NOON + 40 * MINUTE)

    assert escalate(now=NOON + 60 * MINUTE) == 0  # grace has it in hand
    alerts.release(alert)
    assert escalate(now=NOON + 61 * MINUTE) == 1
    assert len(mail.outbox) == 2


def test_the_minutes_are_a_setting(settings):
    settings.ALERT_ESCALATION_MINUTES = 5
    opened()

    assert escalate(now=NOON + 5 * MINUTE) == 1
    assert "for 5 minutes or longer" in mail.outbox[0].body


def test_without_an_address_nothing_is_sent_nor_marked(settings):
    settings.ALERT_ESCALATION_EMAIL = []
    opened()

    assert escalate(now=NOON + 20 * MINUTE) == 0
    assert CareAlert.objects.get().escalated_at is None


# --- When the mail server fails ---


def test_an_email_that_was_not_taken_is_sent_by_the_next_tick(settings):
    opened()
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, FAILING

    with pytest.raises(smtplib.SMTPServerDisconnected):
        escalate(now=NOON + 20 * MINUTE)
    assert CareAlert.objects.get().escalated_at is None

    settings.EMAIL_BACKEND = working
    assert escalate(now=NOON + 21 * MINUTE) == 1
    assert len(mail.outbox) == 1


def test_a_tick_sweeps_and_delivers_though_the_mail_server_fails(
    settings, gateway, time_machine, caplog
):
    settings.EMAIL_BACKEND = FAILING
    time_machine.move_to(NOON, tick=False)
    opened(opened_at=NOON - 20 * MINUTE)
    due_for("wellness")

    with pytest.raises(smtplib.SMTPServerDisconnected):
        tasks.tick()

    assert len(gateway.sent) == 1
    assert "tick: escalate failed; the next tick tries again" in caplog.text


def test_a_tick_escalates(gateway, time_machine):
    time_machine.move_to(NOON, tick=False)
    opened(opened_at=NOON - 20 * MINUTE)

    tasks.tick()

    assert len(mail.outbox) == 1


def test_a_mail_server_that_does_not_answer_is_not_waited_for_long(settings):
    assert settings.EMAIL_TIMEOUT <= 10


# --- What `check --deploy` says ---


@pytest.mark.parametrize(
    ("addresses", "backend", "warnings"),
    [
        ([], "smtp.EmailBackend", ["proactive.W005"]),
        (["on-call@example.org"], "console.EmailBackend", ["proactive.W006"]),
        (["on-call@example.org"], "smtp.EmailBackend", []),
    ],
)
def test_a_deployment_in_which_nobody_is_told_is_warned_of(settings, addresses, backend, warnings):
    settings.ALERT_ESCALATION_EMAIL = addresses
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}"

    assert [warning.id for warning in alerts_are_escalated()] == warnings
