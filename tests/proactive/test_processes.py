"""Several processes at once, and some that are killed: what counts is what the provider got."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from caregiving.models import Caregiver
from proactive.delivery import deliver_queued
from proactive.models import CareAlert, Message
from proactive.promises import check_promises
from proactive.reconciliation import LEASE, PATIENCE, reconcile
from proactive.sweeps import run_sweep
from tests.factories import CaregiverFactory
from tests.fake_twilio import Step
from tests.proactive.people import DAY, DUE, HOUR, NOON, people_in_crisis
from tests.proactive.queueing import statuses

MINUTE = timedelta(minutes=1)
# A process that takes longer than this hangs.
PATIENT = 240

pytestmark = pytest.mark.django_db(transaction=True)


class Workers:
    """Starts processes of `tests.workers` on this test's database."""

    def __init__(self, environ, folder):
        self.environ = environ
        self.folder = folder
        self.started = []

    def start(self, what, *, now=NOON):
        """A process that is about to do `what`, once told to `go`."""
        errors = self.folder / f"{len(self.started)}-{what}.err"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.workers", what, now.isoformat()],
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors.open("w"),
            text=True,
        )
        watchdog = threading.Timer(PATIENT, process.kill)
        watchdog.start()
        self.started.append((process, watchdog))
        process.errors = errors
        return process

    def run_together(self, *whats, now=NOON):
        processes = [self.start(what, now=now) for what in whats]
        for process in processes:
            self.expect(process, "ready")
        for process in processes:
            self.go(process)
        for process in processes:
            assert process.wait(PATIENT) == 0, process.errors.read_text()

    def kill_at(self, what, *, now=NOON):
        """Let `what` get to where it stays, and kill it there, as a power cut would."""
        process = self.start(what, now=now)
        self.expect(process, "ready")
        self.go(process)
        self.expect(process, "here")
        process.kill()
        assert process.wait(PATIENT) == -9

    def expect(self, process, word):
        assert process.stdout.readline() == f"{word}\n", process.errors.read_text()

    def go(self, process):
        process.stdin.write("\n")
        process.stdin.flush()

    def stop(self):
        for process, watchdog in self.started:
            watchdog.cancel()
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


@pytest.fixture
def workers(environ, tmp_path):
    workers = Workers(environ, tmp_path)
    yield workers
    workers.stop()


@pytest.fixture
def received(console_log):
    """How many texts each number got, as the provider has it."""

    def read():
        lines = console_log.read_text().splitlines() if console_log.exists() else []
        return Counter(json.loads(line)["to"] for line in lines)

    return read


def due_people(count, cadence="wellness"):
    fields = {"time_zone": "UTC", "created_at": NOON - 2 * DAY} | DUE[cadence](NOON)
    people = CaregiverFactory.build_batch(count, **fields)
    return {one.phone_number for one in Caregiver.objects.bulk_create(people)}


def once_each(numbers):
    return Counter(dict.fromkeys(numbers, 1))


# --- At once ---


def test_two_sweeps_at_once_queue_one_text_for_each_person(workers):
    numbers = due_people(500)

    workers.run_together("sweep", "sweep")

    assert Counter(Message.objects.values_list("to_number", flat=True)) == once_each(numbers)
    assert statuses() == {"queued": 500}


def test_two_deliveries_at_once_hand_over_each_text_once(workers, received):
    numbers = due_people(500)
    run_sweep(now=NOON)

    workers.run_together("deliver", "deliver")

    assert received() == once_each(numbers)
    assert statuses() == {"sent": 500}


def test_two_whole_ticks_at_once_text_each_person_once(workers, received):
    numbers = due_people(90) | due_people(30, "crisis_followup")

    workers.run_together("tick", "tick")
    # What one of them had locked while the other looked is left to the next.
    workers.run_together("tick", now=NOON + MINUTE)

    assert received() == once_each(numbers)
    assert statuses() == {"sent": 120}


def test_whoever_opted_out_while_a_sweep_ran_gets_nothing(workers, received):
    due_people(60)

    workers.run_together("sweep_in_small_steps", "opt_out_from_the_last_on")
    deliver_queued(now=NOON + MINUTE)

    assert Caregiver.objects.filter(opted_out_at__isnull=True).count() == 0
    assert received() == {}
    assert set(statuses()) == {"cancelled"}
    assert set(Message.objects.values_list("reason", flat=True)) == {
        "consent: opted out Tue 5 Jan 12:00"
    }


def test_sweep_delivery_and_opt_outs_at_once_leave_nobody_texted_twice(workers, received):
    numbers = due_people(60)

    workers.run_together("sweep_in_small_steps", "tick", "opt_out_from_the_last_on")
    before = received()
    deliver_queued(now=NOON + MINUTE)

    # By now everybody has opted out: the last delivery found nobody left to text.
    assert received() == before
    assert set(before) <= numbers
    assert set(before.values()) <= {1}
    assert set(statuses()) <= {"sent", "cancelled"}
    assert statuses().get("sent", 0) == before.total()


def test_staff_who_send_while_a_sweep_runs_text_nobody_twice(workers, received):
    numbers = due_people(60, "crisis_followup")
    nurse = User.objects.create_user("nurse")

    workers.run_together(
        "sweep_at_leisure", "send_now_from_the_last_on", "send_now_from_the_last_on"
    )
    # What one of them had locked while the other looked is left to the next.
    run_sweep(now=NOON + MINUTE)
    deliver_queued(now=NOON + MINUTE)

    assert received() == once_each(numbers)
    assert statuses() == {"sent": 60}
    assert 0 < Message.objects.filter(ordered_by=nurse).count() < 60
    assert set(Caregiver.objects.values_list("crisis_followup_count", flat=True)) == {1}


def test_what_staff_end_while_a_sweep_runs_is_not_sent_and_every_stage_has_its_end(
    workers, received
):
    due_people(60, "crisis_followup")

    workers.run_together("sweep_at_leisure", "end_cascades_from_the_last_on")
    run_sweep(now=NOON + MINUTE)
    deliver_queued(now=NOON + MINUTE)

    assert received() == {}
    assert 0 < statuses()["cancelled"] < 60
    ended = Message.objects.filter(status="superseded", reason="ended by staff: test")
    assert Counter(ended.values_list("stage", flat=True)) == dict.fromkeys(range(1, 8), 60)
    assert set(statuses()) == {"superseded", "cancelled"}
    assert check_promises(now=NOON + MINUTE).unaccounted == 0
    # What a text that was queued had taken is given back.
    assert set(Caregiver.objects.values_list("last_proactive_message_at", flat=True)) == {None}


# --- One sender ---


def test_two_workers_together_keep_to_the_pace_of_their_sender(workers, environ, twilio):
    people = people_in_crisis(16)
    run_sweep()
    environ["SMS_PER_SECOND"] = "5"

    both = [workers.start("deliver_by_the_real_clock") for _ in range(2)]
    for process in both:
        workers.expect(process, "ready")
    began = datetime.now(UTC)
    for process in both:
        workers.go(process)
    for process in both:
        assert process.wait(PATIENT) == 0, process.errors.read_text()

    sent = [entry["params"]["To"] for entry in twilio.accepted]
    assert Counter(sent) == once_each(one.phone_number for one in people)
    seconds = (datetime.fromisoformat(twilio.accepted[-1]["at"]) - began).total_seconds()
    assert len(sent) <= 5 * seconds + 1


def test_when_one_worker_is_turned_away_the_others_do_not_even_ask(workers, environ, twilio):
    people_in_crisis(3)
    run_sweep()
    twilio.script(Step(status=429, code=20429, headers={"Retry-After": "600"}))

    workers.run_together("deliver_by_the_real_clock")
    workers.run_together("deliver_by_the_real_clock", "deliver_by_the_real_clock")

    assert len(twilio.requests) == 1
    assert statuses() == {"queued": 3}


def test_two_workers_with_many_texts_under_way_share_the_queue(workers, environ, twilio):
    people = people_in_crisis(120)
    run_sweep()
    environ |= {"SMS_PER_SECOND": "1000", "SMS_IN_FLIGHT": "8"}
    twilio.script(Step(delay=0.05, repeat=True))

    both = [workers.start("deliver_several_at_once") for _ in range(2)]
    for process in both:
        workers.expect(process, "ready")
    began = time.monotonic()
    for process in both:
        workers.go(process)
    handed_over = [int(process.stdout.readline()) for process in both]
    seconds = time.monotonic() - began

    sent = [entry["params"]["To"] for entry in twilio.accepted]
    assert Counter(sent) == once_each(one.phone_number for one in people)
    assert sum(handed_over) == 120
    assert min(handed_over) > 10
    # One after the other takes six.
    assert seconds < 120 * 0.05 / 2
    assert statuses() == {"sent": 120}
    for process in both:
        assert process.wait(PATIENT) == 0, process.errors.read_text()


# --- Killed ---


def test_a_sweep_that_is_killed_half_way_has_queued_nothing_and_the_next_one_queues_all(
    workers, received
):
    numbers = due_people(20, "crisis_followup")

    workers.kill_at("sweep_until_half_claimed")

    assert statuses() == {}
    run_sweep(now=NOON + MINUTE)
    deliver_queued(now=NOON + MINUTE)
    assert received() == once_each(numbers)


def test_what_a_worker_had_not_marked_when_it_was_killed_goes_out_once(workers, received):
    numbers = due_people(3, "crisis_followup")
    run_sweep(now=NOON)

    workers.kill_at("deliver_until_marking")

    assert statuses() == {"queued": 3}
    reconcile(now=NOON + MINUTE)
    deliver_queued(now=NOON + MINUTE)
    assert received() == once_each(numbers)


def test_what_a_worker_had_under_way_when_it_was_killed_is_looked_up_and_never_resent(
    workers, environ, twilio
):
    people = people_in_crisis(20)
    run_sweep()
    environ |= {"SMS_PER_SECOND": "1000", "SMS_IN_FLIGHT": "4"}
    twilio.script(Step(delay=0.05, repeat=True))
    process = workers.start("deliver_until_the_third_record")
    workers.expect(process, "ready")
    workers.go(process)
    workers.expect(process, "here")
    process.kill()
    process.wait(PATIENT)

    under_way = statuses()["sending"]
    assert 0 < under_way <= 3 * 4
    workers.run_together("deliver_by_the_real_clock")
    assert statuses() == {"sending": under_way, "sent": 20 - under_way}
    sent = [entry["params"]["To"] for entry in twilio.accepted]
    assert max(Counter(sent).values()) == 1
    assert set(sent) <= {one.phone_number for one in people}
    reconcile(now=datetime.now(UTC) + LEASE)
    assert statuses() == {"unknown": under_way, "sent": 20 - under_way}


@pytest.mark.parametrize(
    ("killed_at", "the_provider_has_it"),
    [("deliver_until_submitting", 0), ("deliver_until_recording", 1)],
)
def test_what_a_worker_had_marked_when_it_was_killed_is_never_resent_and_a_person_is_told(
    workers, received, killed_at, the_provider_has_it
):
    numbers = due_people(3, "crisis_followup")
    run_sweep(now=NOON)
    workers.kill_at(killed_at)
    marked = Message.objects.get(status="sending")
    assert received() == Counter({marked.to_number: the_provider_has_it})

    # Whatever goes on afterwards, as often as the clock ticks.
    for minutes in (1, 5, 6, 30, 65, 120):
        now = NOON + minutes * MINUTE
        reconcile(now=now)
        run_sweep(now=now)
        deliver_queued(now=now)

    assert received() == once_each(numbers - {marked.to_number}) + Counter(
        {marked.to_number: the_provider_has_it}
    )
    assert statuses() == {"sent": 2, "unknown": 1}
    alert = CareAlert.objects.get()
    assert (alert.kind, alert.message_id) == ("outcome_unknown", marked.pk)
    assert NOON + LEASE < alert.opened_at <= NOON + PATIENCE + HOUR
