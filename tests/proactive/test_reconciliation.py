"""Submissions that never ended become unknown, then a person's business, and are never resent."""

from datetime import timedelta

import pytest

from caregiving.models import Caregiver
from proactive.delivery import deliver_queued
from proactive.models import CareAlert
from proactive.reconciliation import LEASE, PATIENCE, Reconciled, reconcile
from proactive.sms.gateway import Outcome, SmsError
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, person
from tests.proactive.queueing import gate, queued, statuses

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def submitted(status="sending", at=NOON, **fields):
    """A text whose submission began at `at` and has not been heard of since."""
    caregiver = person(last_proactive_message_at=at)
    return MessageFactory(
        caregiver=caregiver, status=status, attempt_started_at=at, attempts=1, **fields
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

    assert reconcile(now=NOON + LEASE) == Reconciled(expired=1, alerts=0)
    assert reconcile(now=NOON + PATIENCE - MOMENT) == Reconciled()
    assert reconcile(now=NOON + PATIENCE) == Reconciled(alerts=1)
    assert reconcile(now=NOON + PATIENCE + MINUTE) == Reconciled()

    alert = CareAlert.objects.get()
    assert (alert.kind, alert.message, alert.caregiver) == (
        "outcome_unknown",
        message,
        message.caregiver,
    )
    assert alert.opened_at == NOON + PATIENCE
    assert alert.detail == (
        "Submitted 2027-01-05 12:00 UTC; no answer was recorded: the worker may have died"
    )


def test_an_alert_that_staff_resolved_is_not_opened_again():
    submitted("unknown")
    reconcile(now=NOON + PATIENCE)
    CareAlert.objects.update(resolved_at=NOON + PATIENCE)

    assert reconcile(now=NOON + DAY) == Reconciled()


def test_after_an_outage_of_hours_one_pass_does_both():
    submitted()

    assert reconcile(now=NOON + 6 * HOUR) == Reconciled(expired=1, alerts=1)


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

    assert reconcile(now=NOON + PATIENCE) == Reconciled(alerts=1)
    assert CareAlert.objects.get().detail == (
        "Submitted 2027-01-05 12:00 UTC; Twilio did not answer in time"
    )


def test_the_clock_is_read_when_no_instant_is_given(time_machine):
    time_machine.move_to(NOON + LEASE, tick=False)
    submitted()

    assert reconcile().expired == 1
