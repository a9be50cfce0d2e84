"""One pace and one wait for all who send from the same number."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from proactive import pacing, stopping
from proactive.delivery import deliver_queued
from proactive.models import Message, Sender
from proactive.pacing import FURTHEST_TURN, LONGEST_RETRY, TooFarAway, take_turns
from proactive.sms.gateway import Outcome, SmsError
from proactive.sweeps import run_sweep
from tests.proactive.people import DAY, MOMENT, NOON, people_in_crisis
from tests.proactive.queueing import queued, statuses

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NUMBER = "+14155550100"
BUSY = SmsError(Outcome.BUSY, "Twilio asked us to slow down (20429)", code="20429")
REJECTED = SmsError(Outcome.REJECTED, "The number is a landline (21635)", code="21635")

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(settings, gateway):
    """A gateway with a sender, and so with a pace: two texts a second."""
    settings.SMS_GATEWAY = "twilio"
    settings.TWILIO_FROM_NUMBER = NUMBER
    settings.SMS_PER_SECOND = 2.0
    return gateway


def take(*, now=NOON, patience=MINUTE, at_most=1):
    return take_turns(pacing.load_sender(), now=now, patience=patience, at_most=at_most)


def turns(count, *, now=NOON, patience=MINUTE):
    return [
        (turn - now) / SECOND for _ in range(count) for turn in take(now=now, patience=patience)
    ]


# --- Turns ---


def test_turns_follow_each_other_at_the_pace(carrier):
    assert turns(4) == [0, 0.5, 1, 1.5]


def test_turns_that_nobody_took_are_not_made_up_for(carrier):
    turns(2)

    assert turns(3, now=NOON + MINUTE) == [0, 0.5, 1]


def test_a_turn_that_is_too_far_away_is_left_to_others(carrier):
    turns(3)

    for _ in range(4):
        with pytest.raises(TooFarAway, match="the next turn to send comes in 2 s"):
            turns(1, patience=SECOND)
    assert turns(1) == [1.5]


def test_turns_that_follow_each_other_closely_are_taken_at_once(carrier, settings):
    settings.SMS_PER_SECOND = 1000.0

    assert [take(at_most=n) for n in (3, 1, 200)] == [
        [NOON, NOON + SECOND / 1000, NOON + SECOND / 500],
        [NOON + 3 * SECOND / 1000],
        # No text is held for longer than a tenth of a second.
        [NOON + n * SECOND / 1000 for n in range(4, 104)],
    ]


@pytest.mark.parametrize("pace", [1.0, 10.0])
def test_turns_that_lie_further_apart_are_taken_one_by_one(carrier, settings, pace):
    settings.SMS_PER_SECOND = pace

    assert len(take(at_most=32)) == 1


def test_each_sender_has_its_own_pace_and_a_messaging_service_comes_first(carrier, settings):
    turns(2)
    settings.TWILIO_MESSAGING_SERVICE_SID = "MG123"

    assert turns(2) == [0, 0.5]
    assert sorted(Sender.objects.values_list("identity", flat=True)) == [NUMBER, "MG123"]


@pytest.mark.parametrize("ahead", [FURTHEST_TURN + SECOND, DAY, 400 * DAY])
def test_a_clock_that_was_set_back_does_not_hold_up_the_next_turn(carrier, ahead):
    take(now=NOON + ahead)

    assert turns(2) == [0, 0.5]


@pytest.mark.django_db(transaction=True)
def test_workers_that_come_first_at_once_each_get_a_turn_of_their_own(carrier):
    taken, ready = [], threading.Barrier(4)

    def work():
        try:
            ready.wait()
            taken.extend(take())
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted((turn - NOON) / SECOND for turn in taken) == [0, 0.5, 1, 1.5]


# --- A pass that keeps to them ---


def test_a_pass_hands_over_one_text_a_turn(carrier, settings):
    settings.SMS_PER_SECOND = 20.0
    people_in_crisis(6)
    run_sweep()

    began = time.monotonic()
    assert deliver_queued().results == {"sent": 6}
    assert time.monotonic() - began >= 5 / 20


def test_a_pass_ends_rather_than_wait_long_for_its_turn(carrier, settings):
    settings.SMS_PER_SECOND = 0.05
    people_in_crisis(2)
    run_sweep()

    report = deliver_queued()

    assert report.results == {"sent": 1}
    assert report.stopped == "the next turn to send comes in 20 s (see SMS_PER_SECOND)"
    assert statuses() == {"sent": 1, "queued": 1}


def test_no_pass_waits_for_a_turn_that_comes_after_its_time(carrier, settings):
    settings.SMS_PER_SECOND = 0.5
    people_in_crisis(2)
    run_sweep()

    report = deliver_queued(budget=SECOND)

    assert report.stopped == "the next turn to send comes in 2 s (see SMS_PER_SECOND)"


def test_texts_that_are_cancelled_take_no_turn(carrier, settings):
    # At this pace a second turn would end the pass.
    settings.SMS_PER_SECOND = 0.05
    *opted_out, last = people_in_crisis(4)
    run_sweep()
    for one in opted_out:
        one.opted_out_at = NOON
        one.save()
    Message.objects.filter(caregiver=last).update(priority=9)

    assert deliver_queued().results == {"cancelled": 3, "sent": 1}


@pytest.mark.django_db(transaction=True)
def test_nobody_sleeps_inside_a_transaction_or_holds_a_text_meanwhile(carrier, monkeypatch):
    people_in_crisis(2)
    run_sweep()
    seen = []

    def sleep(seconds):
        seen.append((connection.in_atomic_block, Message.objects.filter(status="sending").count()))

    monkeypatch.setattr(stopping, "sleep", sleep)
    deliver_queued()

    # The first need not wait for its turn.
    assert seen == [(False, 0)]


def test_without_a_carrier_and_in_rehearsals_there_is_no_pace(carrier, settings):
    settings.SMS_PER_SECOND = 0.01
    queued(), queued()
    assert deliver_queued(now=NOON).results == {"sent": 2}

    settings.SMS_GATEWAY = "console"
    people_in_crisis(2)
    run_sweep()
    assert deliver_queued().results == {"sent": 2}


# --- Waits ---


def test_while_the_provider_is_busy_nobody_asks_it(gateway):
    queued("crisis_followup"), queued()
    gateway.fails_with = BUSY
    deliver_queued(now=NOON)

    for later in (NOON, NOON + MINUTE - MOMENT):
        report = deliver_queued(now=later)
        assert report.results == {}
        assert report.stopped == (
            "the provider takes nothing until 2027-01-05 12:01:00 UTC: "
            "Twilio asked us to slow down (20429)"
        )
    assert len(gateway.tried) == 1


def test_the_first_text_that_is_taken_ends_the_wait(gateway):
    queued(), queued()
    gateway.fails_with = BUSY
    deliver_queued(now=NOON)
    gateway.fails_with = None

    assert deliver_queued(now=NOON + MINUTE).results == {"sent": 2}
    sender = Sender.objects.get()
    assert (sender.identity, sender.busy_until, sender.busy_reason) == ("console", None, "")


def test_a_text_that_is_refused_for_good_holds_up_nobody(gateway):
    bad, good = queued(now=NOON - MINUTE), queued()
    gateway.fails_with = {bad.to_number: REJECTED}

    report = deliver_queued(now=NOON)

    assert (report.results, report.stopped) == ({"failed": 1, "sent": 1}, "")
    assert [entry["to"] for entry in gateway.sent] == [good.to_number]
    assert not Sender.objects.filter(busy_until__isnull=False).exists()


def test_a_wait_that_another_worker_has_noted_since_stays(gateway):
    pacing.back_off(until=NOON, reason="slow down", now=NOON - MINUTE)
    seen = pacing.load_sender()
    pacing.back_off(until=NOON + MINUTE, reason="slower", now=NOON)

    pacing.end_wait(seen)

    assert pacing.load_sender().busy_until == NOON + MINUTE


def test_of_two_waits_the_longer_one_counts(gateway):
    pacing.back_off(until=NOON + 10 * MINUTE, reason="slow down", now=NOON)
    pacing.back_off(until=NOON + MINUTE, reason="cannot be reached", now=NOON)

    sender = pacing.load_sender()
    assert (sender.busy_until, sender.busy_reason) == (NOON + 10 * MINUTE, "slow down")


@pytest.mark.parametrize("ahead", [LONGEST_RETRY, DAY, 400 * DAY])
def test_a_clock_that_was_set_back_keeps_nobody_waiting(gateway, ahead):
    pacing.back_off(until=NOON + ahead + MINUTE, reason="slow down", now=NOON + ahead)
    queued()

    assert deliver_queued(now=NOON).results == {"sent": 1}
    # Nor when the clock comes near that time again.
    assert pacing.load_sender().busy_until is None


def test_nobody_waits_longer_than_half_an_hour(gateway):
    pacing.back_off(until=NOON + LONGEST_RETRY, reason="slow down", now=NOON)

    assert pacing.busy_says(pacing.load_sender(), NOON) != ""
    assert pacing.busy_says(pacing.load_sender(), NOON + LONGEST_RETRY) == ""
