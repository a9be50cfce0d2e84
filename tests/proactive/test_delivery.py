"""Queued texts reach the provider once, the most urgent first, and never inside a transaction."""

import threading
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, connection, transaction

from caregiving.models import Caregiver
from proactive import delivery, marking
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, Message
from proactive.reconciliation import LEASE, reconcile
from tests.proactive.people import DAY, HOUR, NOON
from tests.proactive.queueing import gate, queued, statuses

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def during(gateway, monkeypatch):
    """Have something happen while a text is being handed over."""

    def arrange(happens):
        send = gateway.send

        def slowly(message, *, validity):
            happens(message)
            return send(message, validity=validity)

        monkeypatch.setattr(gateway, "send", slowly)

    return arrange


def numbers(gateway):
    return [entry["to"] for entry in gateway.sent]


def test_a_queued_text_is_handed_over_and_recorded(gateway):
    message = queued("crisis_followup")
    then = NOON + 5 * MINUTE

    report = deliver_queued(now=then)

    assert report.results == {"sent": 1}
    assert report.stopped == ""
    assert gateway.sent == [
        {
            "to": message.to_number,
            "body": message.body,
            "cadence": "crisis_followup",
            "stage": 1,
            "message_id": message.pk,
            "validity": 15 * MINUTE,
        }
    ]
    message.refresh_from_db()
    assert (message.status, message.provider_sid) == ("sent", f"recorded-{message.pk}")
    assert (message.attempt_started_at, message.sent_at) == (then, then)
    assert (message.attempts, message.retry_at) == (1, None)
    assert (message.reason, message.error_code) == ("", "")


def test_what_was_sent_is_not_sent_again(gateway):
    queued()
    deliver_queued(now=NOON)

    assert deliver_queued(now=NOON + MINUTE).results == {}
    assert len(gateway.tried) == 1


def test_the_24_hours_count_from_the_submission_and_not_from_the_claim(gateway):
    message = queued()
    assert gate(message) == NOON

    deliver_queued(now=NOON + 3 * HOUR)

    assert gate(message) == NOON + 3 * HOUR


def test_while_the_provider_takes_its_time_the_24_hours_begin_with_its_answer(during):
    message = queued()
    with time_machine.travel(NOON, tick=False) as clock:
        during(lambda _: clock.shift(8 * SECOND))
        deliver_queued()

    message.refresh_from_db()
    assert message.attempt_started_at == NOON
    assert message.sent_at == NOON + 8 * SECOND
    assert gate(message) == NOON + 8 * SECOND


def test_crisis_follow_ups_go_first_and_then_what_has_waited_longest(gateway):
    second = queued("dormant_reactivation", now=NOON - 30 * MINUTE)
    first = queued("wellness", now=NOON - 20 * MINUTE)
    third = queued("dormant_reactivation", now=NOON - 10 * MINUTE)
    urgent = queued("crisis_followup", now=NOON)

    deliver_queued(now=NOON)

    assert numbers(gateway) == [one.to_number for one in (urgent, first, second, third)]


def test_at_most_so_many_as_the_limit_says_are_tried(gateway):
    for _ in range(3):
        queued()

    assert deliver_queued(now=NOON, limit=2).results == {"sent": 2}
    assert statuses() == {"sent": 2, "queued": 1}
    assert deliver_queued(now=NOON, limit=2).results == {"sent": 1}


def test_more_texts_than_are_counted_at_once_all_go_out_once(gateway, monkeypatch):
    monkeypatch.setattr(delivery, "COUNTED", 2)
    messages = [queued() for _ in range(5)]

    assert deliver_queued(now=NOON).results == {"sent": 5}
    assert sorted(numbers(gateway)) == sorted(one.to_number for one in messages)


def test_a_text_that_becomes_urgent_meanwhile_is_the_next(gateway, during):
    for _ in range(2):
        queued()
    urgent = []
    during(lambda _: urgent or urgent.append(queued("crisis_followup")))

    deliver_queued(now=NOON)

    assert [entry["cadence"] for entry in gateway.sent] == [
        "wellness",
        "crisis_followup",
        "wellness",
    ]


def test_the_other_texts_go_out_although_one_was_deleted_meanwhile(gateway, during):
    first, second, third = (queued(now=NOON + n * MINUTE) for n in range(3))
    during(lambda _: Message.objects.filter(pk=second.pk).delete())

    deliver_queued(now=NOON + HOUR)

    assert numbers(gateway) == [first.to_number, third.to_number]


def test_the_other_texts_go_out_although_one_cannot_be_dealt_with(gateway, monkeypatch):
    first, second, third = (queued(now=NOON + n * MINUTE) for n in range(3))
    objection = marking._objection

    def breaks(message, *args):
        if message.pk == second.pk:
            raise ArithmeticError("a fault of ours")
        return objection(message, *args)

    monkeypatch.setattr(marking, "_objection", breaks)

    report = deliver_queued(now=NOON + HOUR)

    assert report.results == {"sent": 2, "broken": 1}
    assert numbers(gateway) == [first.to_number, third.to_number]
    assert statuses() == {"sent": 2, "queued": 1}


def test_a_text_that_another_worker_took_meanwhile_is_left_to_it(gateway, during):
    queued(now=NOON)
    queued(now=NOON + MINUTE)
    others = []
    during(lambda _: others or others.append(None) or deliver_queued(now=NOON + HOUR))

    report = deliver_queued(now=NOON + HOUR)

    assert report.results == {"sent": 1}
    assert len(set(numbers(gateway))) == len(gateway.tried) == 2


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        ({"is_on": False, "reason": "audit"}, "everything is off: audit"),
        (
            {"paused_until": NOON + HOUR},
            "everything is paused until 2027-01-05 13:00 UTC",
        ),
    ],
)
def test_while_everything_is_switched_off_texts_stay_queued(gateway, switch, says):
    message = queued("crisis_followup")
    CadenceSwitch.objects.create(cadence="everything", **switch)

    report = deliver_queued(now=NOON)

    assert (report.results, report.stopped) == ({}, says)
    assert statuses() == {"queued": 1}
    assert gate(message) == NOON
    CadenceSwitch.objects.all().delete()
    assert deliver_queued(now=NOON + HOUR).results == {"sent": 1}


def test_switching_everything_off_takes_effect_within_a_pass(gateway, during):
    queued()
    queued()
    during(lambda _: CadenceSwitch.objects.create(cadence="everything", is_on=False))

    assert deliver_queued(now=NOON).results == {"sent": 1}
    assert statuses() == {"sent": 1, "queued": 1}


# --- Clocks ---


def test_the_clock_is_read_anew_for_each_text(gateway, during):
    first, second = (queued(now=NOON + n * MINUTE) for n in range(2))
    with time_machine.travel(NOON.replace(hour=19, minute=59, second=50), tick=False) as clock:
        during(lambda _: clock.shift(20 * SECOND))
        report = deliver_queued()

    assert report.results == {"sent": 1, "cancelled": 1}
    assert numbers(gateway) == [first.to_number]
    second.refresh_from_db()
    assert second.reason == "window: local time 20:00 (UTC), texts go out 09:00-20:00"


def test_a_given_instant_holds_for_the_whole_pass(gateway, during):
    queued()
    queued()
    with time_machine.travel(NOON, tick=False) as clock:
        during(lambda _: clock.shift(12 * HOUR))
        report = deliver_queued(now=NOON + 7 * HOUR)

    assert report.results == {"sent": 2}
    assert set(Message.objects.values_list("sent_at", flat=True)) == {NOON + 7 * HOUR}


def test_a_worker_that_was_frozen_after_marking_asks_again_and_does_not_submit_late(
    gateway, monkeypatch
):
    message = queued()
    mark_next = delivery.mark_next

    def frozen_until_night(**how):
        marked = mark_next(**how)
        clock.move_to(NOON.replace(hour=23))
        return marked

    with time_machine.travel(NOON, tick=False) as clock:
        with monkeypatch.context() as frozen:
            frozen.setattr(delivery, "mark_next", frozen_until_night)
            deliver_queued()
        assert (gateway.sent, statuses()) == ([], {"queued": 1})
        deliver_queued()
    message.refresh_from_db()
    assert (gateway.sent, message.status) == ([], "cancelled")
    assert message.reason.startswith("window: local time 23:00")


@pytest.mark.django_db(transaction=True)
def test_a_window_that_closes_while_we_wait_for_the_lock_is_closed(gateway):
    message = queued()
    is_locked, may_end = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                Caregiver.objects.select_for_update().get(pk=message.caregiver_id)
                is_locked.set()
                may_end.wait(10)
                clock.shift(20 * SECOND)
        finally:
            connection.close()

    with time_machine.travel(NOON.replace(hour=19, minute=59, second=50), tick=False) as clock:
        holder = threading.Thread(target=hold)
        holder.start()
        assert is_locked.wait(10)
        threading.Timer(0.4, may_end.set).start()
        report = deliver_queued()
        holder.join()

    # Where one can tell, nobody waits for whom somebody else holds; they are asked about later.
    skips = connection.features.has_select_for_update_skip_locked
    assert report.results == ({} if skips else {"cancelled": 1})
    assert gateway.tried == []


@pytest.mark.parametrize(
    ("cadence", "at", "validity"),
    [
        ("wellness", NOON, 15 * MINUTE),
        ("wellness", NOON.replace(hour=19, minute=45), 15 * MINUTE),
        ("wellness", NOON.replace(hour=19, minute=50), 10 * MINUTE),
        ("crisis_followup", NOON.replace(hour=19, minute=50), 15 * MINUTE),
        ("crisis_followup", NOON.replace(hour=20, minute=59), MINUTE),
        ("wellness", NOON.replace(hour=19, minute=59, second=59, microsecond=900000), SECOND),
    ],
)
def test_the_carrier_may_hold_a_text_for_15_minutes_or_until_the_window_closes(
    gateway, cadence, at, validity
):
    queued(cadence)

    deliver_queued(now=at)

    assert [entry["validity"] for entry in gateway.sent] == [validity]


def test_of_several_possible_zones_the_first_to_close_counts(gateway):
    # +1 208 is Idaho: Mountain and Pacific time. 02:52 UTC is 19:52 in Boise, 18:52 in the west.
    evening = datetime.fromisoformat("2027-01-06T02:52:00+00:00")
    message = queued(now=evening - HOUR, phone_number="+12085550123", time_zone="", zip_code="")
    assert message.caregiver.derived_zones == "America/Boise America/Los_Angeles"

    deliver_queued(now=evening)

    assert [entry["validity"] for entry in gateway.sent] == [8 * MINUTE]


# --- Transactions, and a database that fails ---


@pytest.mark.django_db(transaction=True)
def test_a_text_is_marked_and_committed_before_it_is_handed_over_outside_a_transaction(during):
    message = queued()
    seen = []

    def look(_):
        seen.append(("in a transaction", connection.in_atomic_block))
        other = threading.Thread(target=look_from_elsewhere)
        other.start()
        other.join()

    def look_from_elsewhere():
        try:
            caregiver = Caregiver.objects.get(pk=message.caregiver_id)
            seen.append(("gate", caregiver.last_proactive_message_at))
            seen.append(("status", Message.objects.get(pk=message.pk).status))
        finally:
            connection.close()

    during(look)
    deliver_queued(now=NOON + MINUTE)

    assert seen == [("in a transaction", False), ("gate", NOON + MINUTE), ("status", "sending")]


@pytest.mark.django_db(transaction=True)
def test_what_was_taken_but_could_not_be_recorded_becomes_unknown_and_is_never_resent(
    gateway, monkeypatch, caplog
):
    message = queued("crisis_followup")

    def fails(*args, **changes):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(Message, "mark_sent", fails)
        deliver_queued(now=NOON)

    assert statuses() == {"sending": 1}
    # The provider's identifier is the evidence for whoever looks into it.
    assert f"recorded-{message.pk}" in caplog.text
    assert deliver_queued(now=NOON + MINUTE).results == {}
    reconcile(now=NOON + LEASE)
    assert statuses() == {"unknown": 1}
    assert deliver_queued(now=NOON + DAY).results == {}
    assert len(gateway.tried) == 1


def test_a_gateway_that_cannot_even_be_built_leaves_every_text_queued(monkeypatch):
    message = queued()

    def fails(*configuration):
        raise ValueError("no credentials")

    monkeypatch.setattr("proactive.sms.gateway._build", fails)

    with pytest.raises(ValueError, match="no credentials"):
        deliver_queued(now=NOON + MINUTE)
    assert statuses() == {"queued": 1}
    assert gate(message) == NOON


def test_the_carrier_may_not_hold_a_text_beyond_its_late_limit(gateway):
    queued("crisis_followup", last_crisis_event_at=NOON - 72 * HOUR + 10 * MINUTE)
    deliver_queued(now=NOON)
    assert [entry["validity"] for entry in gateway.sent] == [10 * MINUTE]


def test_texts_that_break_do_not_hide_those_behind_them(gateway, monkeypatch):
    broken = {queued(now=NOON + n * MINUTE).pk for n in range(3)}
    good = queued(now=NOON + 5 * MINUTE)
    objection = marking._objection

    def break_some(message, *others):
        if message.pk in broken:
            raise ValueError
        return objection(message, *others)

    monkeypatch.setattr(marking, "_objection", break_some)
    report = deliver_queued(now=NOON + 6 * MINUTE)
    assert report.results == {"broken": 3, "sent": 1}
    assert [text["message_id"] for text in gateway.sent] == [good.pk]


def test_a_gate_that_was_cleared_by_hand_is_set_by_what_goes_out_meanwhile(gateway, during):
    message = queued()
    during(lambda message: Caregiver.objects.update(last_proactive_message_at=None))
    deliver_queued(now=NOON)
    assert gate(message) == NOON


def test_no_text_is_begun_after_the_time_for_a_pass_is_up(gateway):
    queued()
    report = deliver_queued(now=NOON, budget=timedelta(seconds=-1))
    assert (report.stopped, statuses()) == (
        "its time was up; the next pass goes on",
        {"queued": 1},
    )


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite serves few people")
def test_who_is_next_is_read_in_order_however_many_a_sweep_has_queued_at_one_instant():
    people = Caregiver.objects.bulk_create(
        Caregiver(phone_number=f"+1415555{number:04}", created_at=NOON) for number in range(2_000)
    )
    Message.objects.bulk_create(
        Message(caregiver=one, to_number=one.phone_number, cadence="wellness", queued_at=NOON)
        for one in people
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    plan = marking._next(now=NOON)[:20].explain()

    assert "messages_in_line" in plan
    assert "Sort" not in plan
