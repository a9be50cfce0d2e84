"""What staff asked runs beside everything else: one at a time, each to an end that is told."""

import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.models import AuditEntry, Message, Simulation
from proactive.models.simulations import SILENT_FOR
from proactive.simulation import background, comparing
from proactive.simulation.comparing import Request
from tests.factories import CaregiverFactory
from tests.proactive.commanding import run_json

pytestmark = pytest.mark.django_db(transaction=True)

State = Simulation.State
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
RESULT = {"today": {}, "changed": None}


@pytest.fixture
def woken(monkeypatch):
    """How often a process was started, none of which is."""
    calls = []
    monkeypatch.setattr(background, "wake", lambda: calls.append(True))
    return calls


@pytest.fixture
def compared(monkeypatch):
    """What was asked of the engine, which answers at once."""
    asked = []

    def compare(request, *, on_progress):
        asked.append(request)
        on_progress(0.5)
        return RESULT

    monkeypatch.setattr(comparing, "compare", compare)
    return asked


def waiting(question="Fewer texts?", **fields) -> Simulation:
    request = fields.pop("request", Request(days=14).as_json())
    return Simulation.objects.create(question=question, request=request, **fields)


def running(*, ago=timedelta()) -> Simulation:
    then = timezone.now() - ago
    return waiting(state=State.RUNNING, started_at=then, last_sign_at=then)


def states() -> dict[str, str]:
    return dict(Simulation.objects.values_list("question", "state"))


# --- Asking ---


def test_who_asked_what_is_kept_and_a_process_is_started(woken):
    nurse = User.objects.create_user("nurse")
    request = Request(days=14, changes=("wellness.high.every=4d",))

    asked = background.ask(
        "Fewer texts?", request, changed="every 4 days", by=nurse, now=timezone.now()
    )

    assert (asked.state, asked.by, asked.changed) == (State.WAITING, nurse, "every 4 days")
    assert Request.from_json(asked.request).changes == ("wellness.high.every=4d",)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.by, entry.reason) == ("simulate", nurse, "Fewer texts?")
    assert entry.says == "asked what another policy would do: every 4 days"
    assert woken == [True]


# --- Running ---


def test_what_waits_runs_in_the_order_in_which_it_was_asked(compared):
    now = timezone.now()
    for number, request in enumerate((Request(days=21), Request(days=7))):
        waiting(f"{number}", request=request.as_json(), created_at=now - (2 - number) * MINUTE)

    assert background.run_waiting() == 2

    assert [request.days for request in compared] == [21, 7]
    assert states() == {"0": State.DONE, "1": State.DONE}
    done = Simulation.objects.first()
    assert (done.result, done.progress, done.error) == (RESULT, 100, "")
    assert done.started_at <= done.finished_at


def test_the_process_that_is_started_runs_it_to_an_end_that_is_told(environ, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    one = waiting()

    background.wake()

    assert until(lambda: states()["Fewer texts?"] == State.FAILED, seconds=120)
    one.refresh_from_db()
    assert one.error.startswith("There is nobody in this database to copy.")


def test_the_process_runs_a_whole_comparison_beside_this_one(environ, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    CaregiverFactory.create_batch(3, burnout_band="high")
    one = waiting(request=Request(days=1, people=2).as_json())
    before = list(Caregiver.objects.order_by("pk").values())

    background.wake()

    assert until(lambda: states()["Fewer texts?"] in (State.DONE, State.FAILED), seconds=240)
    one.refresh_from_db()
    assert (one.state, one.error) == (State.DONE, "")
    assert one.result["people"] == {"all": 3, "taken": 2}
    assert list(Caregiver.objects.order_by("pk").values()) == before
    assert not Message.objects.exists()


def test_the_command_runs_what_waits(compared, monkeypatch):
    monkeypatch.setattr("os.nice", lambda by: by)
    waiting()

    assert run_json("run_simulations") == {"run": 1}

    assert states() == {"Fewer texts?": State.DONE}


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (comparing.Unanswered("There are no people to copy."), "There are no people to copy."),
        (MemoryError("too much"), "MemoryError: too much. An operator finds more in the log"),
    ],
)
def test_one_that_fails_says_why_and_the_next_begins(monkeypatch, error, says):
    def compare(request, *, on_progress):
        if request.days == 7:
            raise error
        return RESULT

    monkeypatch.setattr(comparing, "compare", compare)
    failing = waiting("fails", request=Request(days=7).as_json())
    waiting("goes on")

    background.run_waiting()

    failing.refresh_from_db()
    assert states() == {"fails": State.FAILED, "goes on": State.DONE}
    assert failing.error.startswith(says)
    assert failing.result is None


def test_it_tells_how_far_it_has_come_while_it_runs(monkeypatch):
    simulation, seen = waiting(), []
    monkeypatch.setattr(background, "SIGN_SECONDS", 0.02)

    def compare(request, *, on_progress):
        on_progress(0.42)
        seen.append(until(lambda: Simulation.objects.get().progress == 42))
        return RESULT

    monkeypatch.setattr(comparing, "compare", compare)

    background.run_waiting()

    assert seen == [True]
    simulation.refresh_from_db()
    assert simulation.last_sign_at > simulation.started_at


def test_it_gives_a_sign_also_while_nothing_gets_on(monkeypatch):
    waiting()
    monkeypatch.setattr(background, "SIGN_SECONDS", 0.02)
    monkeypatch.setattr(background, "LIFE_SECONDS", 0.05)

    def compare(request, *, on_progress):
        began = Simulation.objects.get().last_sign_at
        assert until(lambda: Simulation.objects.get().last_sign_at > began)
        return RESULT

    monkeypatch.setattr(comparing, "compare", compare)

    background.run_waiting()

    assert states() == {"Fewer texts?": State.DONE}


# --- One at a time ---


def test_while_one_runs_another_waits(compared):
    running()
    later = waiting("later")

    assert background.run_waiting() == 0

    later.refresh_from_db()
    assert (later.state, compared) == (State.WAITING, [])


def test_the_database_refuses_a_second_one():
    running()

    with pytest.raises(IntegrityError), transaction.atomic():
        running()


def test_a_process_is_started_only_if_something_waits_and_nothing_runs(woken):
    now = timezone.now()
    assert not background.wake_if_idle(now=now)
    one = running()
    assert not background.wake_if_idle(now=now)
    waiting("later")
    assert not background.wake_if_idle(now=now)

    Simulation.objects.filter(pk=one.pk).update(state=State.DONE)

    assert background.wake_if_idle(now=now)
    assert woken == [True]


# --- Broken off ---


def test_one_that_gives_no_sign_for_two_minutes_counts_as_broken_off():
    one, now = running(), timezone.now()

    assert one.state_at(one.last_sign_at + SILENT_FOR) == State.RUNNING
    assert one.state_at(one.last_sign_at + SILENT_FOR + SECOND) == State.BROKEN_OFF
    assert not Simulation.objects.broken_off(now).exists()


def test_the_next_begins_where_one_broke_off(compared, woken):
    dead = running(ago=SILENT_FOR + SECOND)
    waiting("next")
    assert background.wake_if_idle(now=timezone.now())

    background.run_waiting()

    dead.refresh_from_db()
    assert (dead.state, dead.result) == (State.BROKEN_OFF, None)
    assert dead.finished_at is not None
    assert states()["next"] == State.DONE


def test_a_process_that_is_ended_says_so_at_once(monkeypatch):
    one = waiting()

    def compare(request, *, on_progress):
        raise SystemExit(1)

    monkeypatch.setattr(comparing, "compare", compare)

    with pytest.raises(SystemExit):
        background.run_waiting()

    one.refresh_from_db()
    assert (one.state, one.result) == (State.BROKEN_OFF, None)
    assert one.finished_at is not None


def test_whoever_was_given_up_for_dead_and_lives_changes_nothing(monkeypatch):
    waiting()

    def compare(request, *, on_progress):
        Simulation.objects.update(state=State.BROKEN_OFF)
        return RESULT

    monkeypatch.setattr(comparing, "compare", compare)

    background.run_waiting()

    assert Simulation.objects.get().state == State.BROKEN_OFF
    assert Simulation.objects.get().result is None


# --- Stopped ---


def test_one_that_is_stopped_while_it_waits_never_begins(compared):
    one = waiting()

    assert background.stop(one, now=timezone.now())
    assert background.run_waiting() == 0

    assert (states(), compared) == ({"Fewer texts?": State.STOPPED}, [])


def test_one_that_is_stopped_while_it_runs_ends_where_it_is(monkeypatch):
    one, waited = waiting(), []
    waiting("next", created_at=timezone.now() + MINUTE)
    monkeypatch.setattr(background, "SIGN_SECONDS", 0.02)
    monkeypatch.setattr(background, "LIFE_SECONDS", 0.02)

    def compare(request, *, on_progress):
        if Simulation.objects.running().get() != one:
            return RESULT
        on_progress(0.3)
        assert background.stop(one, now=timezone.now())
        # As it waits for its worlds, whose progress comes from threads.
        waits = threading.Thread(target=time.sleep, args=(1,))
        waits.start()
        waits.join()
        waited.append(True)
        return RESULT

    monkeypatch.setattr(comparing, "compare", compare)

    background.run_waiting()

    one.refresh_from_db()
    assert (one.result, waited) == (None, [])
    assert states() == {"Fewer texts?": State.STOPPED, "next": State.DONE}


def test_what_has_its_end_cannot_be_stopped():
    one = waiting(state=State.DONE)

    assert not background.stop(one, now=timezone.now())

    assert states() == {"Fewer texts?": State.DONE}


def until(holds, *, seconds=10) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.01)
    return False
