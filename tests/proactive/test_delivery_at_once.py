"""Many texts under way at once: every promise of one after the other, in much less time."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from caregiving.models import Caregiver
from proactive import delivery, recording, stopping, submitting
from proactive.delivery import IN_TROUBLE, deliver_queued
from proactive.models import CareAlert, Message, Sender
from proactive.models.messages import MessageQuerySet
from proactive.reports import apply_report
from proactive.sms.gateway import Outcome, Report, SmsError
from proactive.submitting import MOST_UNKNOWN, Closed, Flight, HeldUp, Line
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.fakes import RecordingGateway
from tests.proactive.people import NOON, due_for, people_in_crisis
from tests.proactive.queueing import gate, queued, statuses

SLOTS = 8
TAKES = 0.05
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

UNKNOWN = SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
BUSY = SmsError(Outcome.BUSY, "Twilio asked us to slow down (20429)", code="20429")
MISCONFIGURED = SmsError(Outcome.MISCONFIGURED, "Our account is suspended (30002)", code="30002")
REJECTED = SmsError(Outcome.REJECTED, "The number is a landline (21635)", code="21635")

pytestmark = pytest.mark.django_db


class SlowGateway(RecordingGateway):
    """Takes its time, counts how many it has at once, and may turn bad after so many."""

    def __init__(self):
        super().__init__()
        self.takes = TAKES
        self.most_at_once = 0
        self.times = []
        self.turns_bad_after = None
        self.badly = UNKNOWN
        self.saw_connections = []
        self._at_once = 0
        self._lock = threading.Lock()

    def send(self, message, *, validity):
        self.saw_connections.append(connection.connection)
        with self._lock:
            self.times.append(time.monotonic())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            nth = len(self.times)
        try:
            time.sleep(self.takes)
            if self.turns_bad_after is not None and nth > self.turns_bad_after:
                self.tried.append(message.pk)
                raise self.badly
            return super().send(message, validity=validity)
        finally:
            with self._lock:
                self._at_once -= 1


@pytest.fixture
def gateway(monkeypatch, settings):
    slow = SlowGateway()
    monkeypatch.setattr("proactive.sms.gateway._build", lambda *configuration: slow)
    settings.SMS_GATEWAY = "twilio"
    settings.TWILIO_FROM_NUMBER = "+14155550100"
    settings.SMS_IN_FLIGHT = SLOTS
    settings.SMS_PER_SECOND = 1000.0
    return slow


@pytest.fixture(autouse=True)
def not_asked():
    yield
    stopping.forget()


def many(count):
    """Queue check-ins for as many people."""
    for _ in range(count):
        due_for("wellness")
    run_sweep(now=NOON)
    assert statuses() == {"queued": count}


# --- At once ---


def test_many_texts_take_far_less_time_than_one_after_the_other_and_each_goes_out_once(gateway):
    many(40)

    began = time.monotonic()
    report = deliver_queued(now=NOON + MINUTE)

    assert time.monotonic() - began < 40 * TAKES / 2
    assert (report.results, report.stopped) == ({"sent": 40}, "")
    assert gateway.most_at_once == SLOTS
    assert len({entry["message_id"] for entry in gateway.tried}) == len(gateway.tried) == 40
    for message in Message.objects.all():
        assert (message.status, message.provider_sid) == ("sent", f"recorded-{message.pk}")
        assert (message.attempts, message.attempt_started_at) == (1, NOON + MINUTE)
        assert (message.sent_at, gate(message)) == (NOON + MINUTE, NOON + MINUTE)


def test_whoever_submits_touches_no_database(gateway):
    many(12)

    deliver_queued(now=NOON)

    assert gateway.saw_connections == [None] * 12


def test_what_goes_first_is_marked_first(gateway, settings):
    settings.SMS_IN_FLIGHT = 4
    many(8)
    urgent = {queued("crisis_followup").pk for _ in range(4)}

    deliver_queued(now=NOON)

    assert {entry["message_id"] for entry in gateway.sent[:4]} == urgent


def test_a_vital_text_is_looked_up_if_no_report_comes_and_a_routine_text_is_not(gateway):
    many(3)
    vital = {queued("crisis_followup").pk for _ in range(3)}

    deliver_queued(now=NOON)

    later = Message.objects.filter(look_up_at__isnull=False)
    assert dict(later.values_list("pk", "look_up_at")) == dict.fromkeys(vital, NOON + 60 * MINUTE)


def test_one_after_the_other_needs_few_statements(gateway, settings, django_assert_max_num_queries):
    settings.SMS_IN_FLIGHT = 1
    gateway.takes = 0
    many(10)

    # Savepoints of the test's own transaction are among them: three pairs a text.
    with django_assert_max_num_queries(10 * 14 + 3):
        assert deliver_queued(now=NOON).results == {"sent": 10}


def test_the_limit_is_kept(gateway):
    many(20)

    assert deliver_queued(now=NOON, limit=13).results == {"sent": 13}
    assert statuses() == {"sent": 13, "queued": 7}


def test_the_pace_is_kept(gateway, settings):
    settings.SMS_PER_SECOND = 40.0
    people_in_crisis(14)
    run_sweep()

    began = time.monotonic()
    assert deliver_queued().results == {"sent": 14}
    # Nobody is early, the steps of the clock apart.
    assert [at for n, at in enumerate(gateway.times) if at - began < n / 40 - 0.002] == []


def test_a_high_pace_holds_nobody_up(gateway):
    people_in_crisis(40)
    run_sweep()

    began = time.monotonic()
    assert deliver_queued().results == {"sent": 40}
    assert time.monotonic() - began < 40 * TAKES / 2
    assert gateway.most_at_once == SLOTS


# --- The provider turns somebody away ---


def test_to_a_provider_in_trouble_no_more_go_than_may_become_unknown(gateway):
    many(20)
    gateway.turns_bad_after = 0

    report = deliver_queued(now=NOON)

    assert (report.results, report.stopped) == ({"unknown": MOST_UNKNOWN}, IN_TROUBLE)
    assert len(gateway.times) == MOST_UNKNOWN
    assert Sender.objects.get().busy_reason == IN_TROUBLE
    assert deliver_queued(now=NOON + MINUTE / 2).results == {}


@pytest.mark.parametrize("badly", [UNKNOWN, BUSY, MISCONFIGURED])
def test_when_a_provider_turns_bad_only_what_is_under_way_meets_it(gateway, badly):
    many(60)
    gateway.turns_bad_after, gateway.badly = 20, badly

    report = deliver_queued(now=NOON)

    assert report.stopped != ""
    # Those that waited in line have gone back without having been submitted.
    assert len(gateway.times) <= 20 + SLOTS + MOST_UNKNOWN
    assert report.results["sent"] == statuses()["sent"] == len(gateway.sent) == 20
    unknown = statuses().get("unknown", 0)
    assert unknown == (len(gateway.times) - 20 if badly is UNKNOWN else 0)
    assert statuses().get("sending", 0) == 0
    assert statuses()["queued"] == 40 - unknown


def test_what_went_back_goes_out_later_and_once(gateway):
    many(60)
    gateway.turns_bad_after, gateway.badly = 20, BUSY
    deliver_queued(now=NOON)
    gateway.turns_bad_after = None

    assert deliver_queued(now=NOON + 2 * MINUTE).results == {"sent": 40}
    assert len({entry["message_id"] for entry in gateway.sent}) == len(gateway.sent) == 60


def test_numbers_that_are_refused_keep_nobody_from_theirs(gateway):
    many(20)
    bad = list(Message.objects.order_by("pk").values_list("to_number", flat=True)[:4])
    gateway.fails_with = dict.fromkeys(bad, REJECTED)

    report = deliver_queued(now=NOON)

    assert (report.results, report.stopped) == ({"sent": 16, "failed": 4}, "")


def test_unknown_outcomes_that_do_not_follow_each_other_stop_nobody(gateway):
    many(30)
    some = list(Message.objects.order_by("?").values_list("to_number", flat=True)[:3])
    gateway.fails_with = dict.fromkeys(some, UNKNOWN)

    assert deliver_queued(now=NOON).results == {"sent": 27, "unknown": 3}


def test_asked_to_stop_a_pass_records_what_is_in_hand(gateway):
    many(60)
    send = gateway.send

    def send_and_ask(message, **options):
        if len(gateway.times) == 15:
            stopping.ask()
        return send(message, **options)

    gateway.send = send_and_ask
    report = deliver_queued(now=NOON)

    assert report.stopped == "it was asked to stop"
    assert statuses() == {"sent": len(gateway.times), "queued": 60 - len(gateway.times)}
    assert 15 <= len(gateway.times) < 60


# --- Recording ---


def test_what_cannot_be_recorded_together_is_recorded_one_by_one(gateway, monkeypatch):
    many(20)

    def fails(*args, **changes):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(MessageQuerySet, "mark_sent", fails)

    assert deliver_queued(now=NOON).results == {"sent": 20}
    assert statuses() == {"sent": 20}


def test_two_texts_with_one_identifier_do_not_keep_the_others_from_being_recorded(gateway, caplog):
    many(5)
    first, second = (one.pk for one in Message.objects.order_by("pk")[:2])
    send = gateway.send
    gateway.send = lambda message, *, validity: (
        "SM1" if message.pk in (first, second) else send(message, validity=validity)
    )

    with pytest.raises(IntegrityError):
        deliver_queued(now=NOON)

    assert statuses() == {"sent": 4, "sending": 1}
    assert caplog.text.count("was taken as SM1 but could not be recorded") == 1


def test_a_database_that_fails_has_what_is_under_way_recorded_all_the_same(gateway, monkeypatch):
    many(40)
    mark_next = delivery.mark_next

    def fails_later(**how):
        if len(gateway.times) > 10:
            raise OperationalError("server closed the connection unexpectedly")
        return mark_next(**how)

    monkeypatch.setattr(delivery, "mark_next", fails_later)

    with pytest.raises(OperationalError):
        deliver_queued(now=NOON)
    assert statuses() == {"sent": len(gateway.sent), "queued": 40 - len(gateway.sent)}


def test_a_report_that_overtakes_the_answer_stays(gateway, monkeypatch):
    many(12)
    together = recording._record_together

    def too_late(flights, now):
        for flight in flights[::2]:
            message = Message.objects.get(pk=flight.message.pk)
            apply_report(message, Report(f"recorded-{message.pk}", "delivered"), now=now)
        return together(flights, now)

    monkeypatch.setattr(recording, "_record_together", too_late)

    assert deliver_queued(now=NOON).results == {"sent": 12}
    assert set(statuses()) == {"sent", "delivered"}
    assert CareAlert.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_recorded_soon_although_others_take_long(gateway, monkeypatch):
    many(4)
    slow = Message.objects.order_by("pk").first().pk
    seen = []
    send = gateway.send

    def look():
        try:
            seen.append(statuses())
        finally:
            connection.close()

    def some_take_long(message, *, validity):
        if message.pk != slow:
            return send(message, validity=validity)
        time.sleep(0.5)
        looker = threading.Thread(target=look)
        looker.start()
        looker.join()
        return send(message, validity=validity)

    gateway.send = some_take_long

    deliver_queued(now=NOON)

    assert seen == [{"sent": 3, "sending": 1}]


# --- Locks ---


@pytest.fixture
def holding():
    """Somebody else holds a person, from `hold(pk)` until `release()`."""
    is_locked, may_end = threading.Event(), threading.Event()
    threads = []

    def work(pk):
        try:
            with transaction.atomic():
                Caregiver.objects.select_for_update().get(pk=pk)
                is_locked.set()
                may_end.wait(20)
        finally:
            connection.close()

    class Holding:
        release = may_end.set

        def hold(self, pk):
            threads.append(threading.Thread(target=work, args=(pk,)))
            threads[0].start()
            assert is_locked.wait(20)

    yield Holding()
    may_end.set()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_text_whose_person_somebody_holds_is_left_to_a_later_pass(gateway, holding):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("the whole transaction is the lock")
    many(6)
    held = Message.objects.order_by("pk").first()
    holding.hold(held.caregiver_id)

    assert deliver_queued(now=NOON).results == {"sent": 5}
    assert list(Message.objects.queued()) == [held]
    holding.release()
    time.sleep(0.2)
    assert deliver_queued(now=NOON).results == {"sent": 1}


@pytest.mark.django_db(transaction=True)
def test_an_answer_to_a_person_whom_somebody_holds_keeps_no_other_from_being_recorded(
    gateway, holding, monkeypatch
):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("the whole transaction is the lock")
    many(6)
    held = Message.objects.order_by("pk").first()
    together, one_by_one = recording._record_together, recording._record_one
    seen = []

    def hold_one(flights, now):
        if held.pk in {flight.message.pk for flight in flights}:
            holding.hold(held.caregiver_id)
        return together(flights, now)

    def release(flight, now):
        seen.append((flight.message.pk, Message.objects.filter(status="sent").exists()))
        holding.release()
        return one_by_one(flight, now)

    monkeypatch.setattr(recording, "_record_together", hold_one)
    monkeypatch.setattr(recording, "_record_one", release)

    assert deliver_queued(now=NOON).results == {"sent": 6}
    assert statuses() == {"sent": 6}
    assert (held.pk, True) in seen


# --- The line ---


def flight(**fields):
    message = MessageFactory(**{"status": "sending", "attempt_started_at": NOON} | fields)
    return Flight(message, Sender())


def test_a_line_has_room_for_more_once_the_provider_answers_and_is_quick(gateway, monkeypatch):
    with Line(gateway, slots=20, clock=lambda: NOON) as line:
        assert line.room() == MOST_UNKNOWN
        line.submit(flight())
        assert line.room() == MOST_UNKNOWN - 1
        assert len(line.landed(within=5)) == 1
        assert line.room() == 30
        monkeypatch.setattr(submitting, "QUICK_SECONDS", 0)
        line.submit(flight())
        line.landed(within=5)
        # What had to wait in line would be held up.
        assert line.room() == 20


def test_a_text_that_waited_in_line_for_too_long_is_not_submitted(gateway):
    with Line(gateway, slots=2, clock=lambda: NOON + 3 * SECOND) as line:
        line.submit(flight())
        [back] = line.landed(within=5)

        assert isinstance(back.answer, HeldUp)
        assert (gateway.tried, line.closed, line.room()) == ([], Closed.TAKES_NOTHING, 0)


def test_whatever_ends_a_thread_the_line_does_not_wait_for_it_for_ever(gateway):
    def ends(message, *, validity):
        raise SystemExit

    gateway.send = ends
    with Line(gateway, slots=2, clock=lambda: NOON) as line:
        line.submit(flight())
        [back] = line.landed(within=5)

    assert (back.answer.outcome, line.under_way) == (Outcome.UNKNOWN, 0)


def test_a_console_takes_one_after_the_other(settings):
    settings.SMS_IN_FLIGHT = 32
    assert submitting.most_at_once() == 1
