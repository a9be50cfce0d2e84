"""What each answer of the provider does to the text, the person, the others, and the staff."""

from datetime import timedelta

import pytest

from caregiving.models import ConsentChange
from proactive.delivery import IN_TROUBLE, deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message
from proactive.pacing import LONGEST_RETRY
from proactive.sms.gateway import Outcome, SmsError
from proactive.sweeps import run_sweep
from tests.proactive.people import DAY, HOUR, NOON
from tests.proactive.queueing import gate, queued, statuses

MINUTE = timedelta(minutes=1)
LATER = NOON + 5 * MINUTE

pytestmark = pytest.mark.django_db

UNKNOWN = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
BUSY = SmsError(Outcome.BUSY, "Twilio asked us to slow down (20429)", code="20429")
MISCONFIGURED = SmsError(Outcome.MISCONFIGURED, "Our account is suspended (30002)", code="30002")
REJECTED = SmsError(Outcome.REJECTED, "The number is a landline (21635)", code="21635")
OPTED_OUT = SmsError(Outcome.OPTED_OUT, "The person has opted out (21610)", code="21610")


def alerts():
    return list(CareAlert.objects.values_list("kind", "message", "detail"))


# --- Nobody can tell ---


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (UNKNOWN, "Twilio did not answer in time"),
        (RuntimeError("what a surprise"), "the gateway broke: RuntimeError"),
        (ConnectionResetError(), "the gateway broke: ConnectionResetError"),
    ],
)
def test_when_nobody_can_tell_the_text_is_unknown_and_the_slot_stays_taken(
    gateway, failure, reason
):
    message = queued("crisis_followup")
    gateway.fails_with = failure

    assert deliver_queued(now=LATER).results == {"unknown": 1}

    message.refresh_from_db()
    assert (message.status, message.reason) == ("unknown", reason)
    assert (message.attempt_started_at, message.attempts) == (LATER, 1)
    assert gate(message) == LATER
    assert message.caregiver.crisis_followup_count == 1
    # Reconciliation looks first; a person is asked when it finds nothing.
    assert alerts() == []


def test_what_is_unknown_is_never_sent_again_by_itself(gateway):
    queued("crisis_followup")
    gateway.fails_with = UNKNOWN
    deliver_queued(now=LATER)
    gateway.fails_with = None

    for hours in range(0, 46, 5):
        run_sweep(now=NOON + hours * HOUR)
        deliver_queued(now=NOON + hours * HOUR)

    assert len(gateway.tried) == 1
    assert statuses() == {"unknown": 1}


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (REJECTED, "failed"),
        (OPTED_OUT, "failed"),
        (UNKNOWN, "unknown"),
        (ValueError("odd number"), "unknown"),
    ],
)
def test_one_bad_number_does_not_keep_the_others_from_theirs(gateway, failure, result):
    first, bad, third = (queued(now=NOON + n * MINUTE) for n in range(3))
    gateway.fails_with = {bad.to_number: failure}

    report = deliver_queued(now=LATER)

    assert report.results == {"sent": 2, result: 1}
    assert report.stopped == ""
    assert [entry["to"] for entry in gateway.sent] == [first.to_number, third.to_number]


# --- It was certainly not taken ---


def test_a_busy_provider_ends_the_pass_and_a_later_one_goes_on(gateway):
    messages = [queued(now=NOON + n * MINUTE) for n in range(3)]
    gateway.fails_with = BUSY

    report = deliver_queued(now=LATER)

    assert report.results == {"retry": 1}
    assert report.stopped == "the provider takes nothing at the moment"
    assert [entry["to"] for entry in gateway.tried] == [messages[0].to_number]
    assert statuses() == {"queued": 3}
    first = Message.objects.get(pk=messages[0].pk)
    assert (first.error_code, first.reason) == ("20429", "Twilio asked us to slow down (20429)")
    assert (first.retry_at, first.attempt_started_at) == (LATER + MINUTE, None)
    assert alerts() == []

    gateway.fails_with = None
    assert deliver_queued(now=LATER + MINUTE).results == {"sent": 3}


def test_a_text_that_backs_off_is_left_alone_until_then(gateway):
    queued()
    gateway.fails_with = BUSY
    deliver_queued(now=LATER)

    assert deliver_queued(now=LATER + MINUTE - timedelta(seconds=1)).results == {}
    assert deliver_queued(now=LATER + MINUTE).results == {"retry": 1}


def test_the_waits_double_up_to_half_an_hour(gateway):
    message = queued()
    gateway.fails_with = BUSY
    at, waits = NOON, []
    for _ in range(8):
        deliver_queued(now=at)
        message.refresh_from_db()
        waits.append((message.retry_at - at) // MINUTE)
        at = message.retry_at

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_after_hundreds_of_attempts_it_still_only_waits(gateway):
    message = queued()
    Message.objects.filter(pk=message.pk).update(attempts=1000)
    gateway.fails_with = BUSY

    assert deliver_queued(now=LATER).results == {"retry": 1}
    message.refresh_from_db()
    assert message.retry_at == LATER + LONGEST_RETRY


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(0), timedelta(minutes=1)),
        # Meanwhile the person would get nothing else, and their follow-up might pass its time.
        (timedelta(days=11), LONGEST_RETRY),
    ],
)
def test_it_waits_as_long_as_the_provider_asks_within_reason(gateway, asked, waited):
    message = queued()
    gateway.fails_with = SmsError(Outcome.BUSY, "slow down", retry_after=asked)

    deliver_queued(now=LATER)

    message.refresh_from_db()
    assert message.retry_at == LATER + waited


def test_a_text_that_goes_out_at_last_tells_nothing_of_its_earlier_trouble(gateway):
    message = queued()
    gateway.fails_with = BUSY
    deliver_queued(now=NOON)
    gateway.fails_with = None
    deliver_queued(now=NOON + MINUTE)

    message.refresh_from_db()
    assert (message.status, message.attempts) == ("sent", 2)
    assert (message.reason, message.error_code, message.retry_at) == ("", "", None)
    assert gate(message) == NOON + MINUTE


# --- Our own fault ---


def test_our_own_misconfiguration_stops_everything_and_tells_a_person_once(gateway):
    queued("crisis_followup")
    queued()
    gateway.fails_with = MISCONFIGURED

    report = deliver_queued(now=LATER)

    assert report.results == {"halted": 1}
    assert len(gateway.tried) == 1
    assert statuses() == {"queued": 2}
    assert alerts() == [("sending_halted", None, "Our account is suspended (30002)")]
    switch = CadenceSwitch.objects.get(cadence="everything")
    assert (switch.is_on, switch.reason) == (False, "Our account is suspended (30002)")

    assert deliver_queued(now=LATER + MINUTE).stopped == (
        "everything is off: Our account is suspended (30002)"
    )
    assert len(gateway.tried) == 1


def test_switched_on_again_too_early_it_stops_again_without_a_second_alert(gateway):
    queued()
    gateway.fails_with = MISCONFIGURED
    deliver_queued(now=LATER)
    CadenceSwitch.objects.update(is_on=True)

    assert deliver_queued(now=LATER + MINUTE).results == {"halted": 1}
    assert len(alerts()) == 1


def test_once_it_is_mended_and_switched_on_what_waited_goes_out(gateway):
    queued("crisis_followup")
    queued()
    gateway.fails_with = MISCONFIGURED
    deliver_queued(now=LATER)
    CareAlert.objects.update(resolved_at=LATER)
    CadenceSwitch.objects.update(is_on=True)
    gateway.fails_with = None

    assert deliver_queued(now=LATER + HOUR).results == {"sent": 2}


def test_the_next_misconfiguration_opens_a_new_alert(gateway):
    queued()
    gateway.fails_with = MISCONFIGURED
    deliver_queued(now=LATER)
    CareAlert.objects.update(resolved_at=LATER)
    CadenceSwitch.objects.update(is_on=True)

    deliver_queued(now=LATER + HOUR)

    assert len(alerts()) == 2


# --- For good ---


def test_a_provider_in_trouble_does_not_get_everybodys_text(gateway):
    for _ in range(8):
        queued("wellness")
    gateway.fails_with = SmsError(Outcome.UNKNOWN, "Twilio answered with an error of its own")

    report = deliver_queued(now=LATER)
    assert (report.results, report.stopped) == ({"unknown": 5}, IN_TROUBLE)
    # Nor from anybody else, for a minute.
    assert deliver_queued(now=LATER + MINUTE / 2).results == {}

    gateway.fails_with = None
    assert deliver_queued(now=LATER + MINUTE).results == {"sent": 3}
    assert statuses() == {"unknown": 5, "sent": 3}


@pytest.mark.parametrize("failure", [REJECTED, OPTED_OUT])
def test_a_crisis_follow_up_that_is_refused_for_good_is_a_persons_business(gateway, failure):
    message = queued("crisis_followup")
    gateway.fails_with = failure

    assert deliver_queued(now=LATER).results == {"failed": 1}

    message.refresh_from_db()
    assert (message.status, message.error_code) == ("failed", failure.code)
    assert message.reason == str(failure)
    assert alerts() == [("followup_failed", message.pk, str(failure))]
    assert CareAlert.objects.get().caregiver == message.caregiver
    assert CareAlert.objects.get().opened_at == LATER


@pytest.mark.parametrize("failure", [REJECTED, OPTED_OUT])
def test_a_routine_text_that_is_refused_for_good_is_only_recorded(gateway, failure):
    queued()
    gateway.fails_with = failure

    assert deliver_queued(now=LATER).results == {"failed": 1}
    assert statuses() == {"failed": 1}
    assert alerts() == []


def test_an_opt_out_that_only_the_provider_knew_of_is_recorded(gateway):
    message = queued()
    gateway.fails_with = OPTED_OUT

    deliver_queued(now=LATER)

    message.caregiver.refresh_from_db()
    assert message.caregiver.opted_out_at == LATER
    change = ConsentChange.objects.get()
    assert (change.caregiver, change.opted_in, change.source) == (
        message.caregiver,
        False,
        "provider",
    )
    gateway.fails_with = None
    run_sweep(now=NOON + 5 * DAY)
    assert deliver_queued(now=NOON + 5 * DAY).results == {}


def test_a_number_that_was_refused_has_not_opted_out(gateway):
    message = queued()
    gateway.fails_with = REJECTED

    deliver_queued(now=LATER)

    message.caregiver.refresh_from_db()
    assert message.caregiver.opted_out_at is None
    assert len(gateway.tried) == 1
