"""Asked to stop, a pass finishes the text in hand and begins no other."""

import os
import signal
import subprocess
import sys
import time

import pytest

from proactive import delivery, reconciliation, stopping, sweeps, tasks
from proactive.delivery import deliver_queued
from proactive.sweeps import run_sweep
from tests.conftest import ROOT
from tests.fake_twilio import Step
from tests.proactive.people import NOON, people_in_crisis
from tests.proactive.queueing import queued, statuses

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def not_asked():
    yield
    stopping.forget()


def test_a_pass_ends_after_the_text_in_hand(gateway, monkeypatch):
    queued(), queued()
    send = gateway.send

    def send_and_ask(message, **options):
        stopping.ask()
        return send(message, **options)

    monkeypatch.setattr(gateway, "send", send_and_ask)
    report = deliver_queued(now=NOON)

    assert (report.results, report.stopped) == ({"sent": 1}, "it was asked to stop")
    assert statuses() == {"sent": 1, "queued": 1}


def test_a_tick_begins_none_of_its_parts(gateway, monkeypatch):
    begun = []
    monkeypatch.setattr(reconciliation, "reconcile", lambda: begun.append("reconcile"))
    monkeypatch.setattr(sweeps, "run_sweep", lambda: (begun.append("run_sweep"), stopping.ask()))
    monkeypatch.setattr(delivery, "deliver_queued", lambda **_: begun.append("deliver_queued"))

    tasks.tick()

    assert begun == ["reconcile", "run_sweep"]


def test_nobody_sleeps_on():
    stopping.ask()

    began = time.monotonic()
    stopping.sleep(30)
    assert time.monotonic() - began < 1


def test_a_child_that_was_forked_before_is_asked_too():
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.read(reader, 1)
        os._exit(stopping.asked())
    stopping.ask()
    os.write(writer, b"!")
    _, status = os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)

    assert os.waitstatus_to_exitcode(status) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_deliver_finishes_its_text_and_says_how_far_it_came(environ, twilio, number):
    people_in_crisis(3)
    run_sweep()
    twilio.script(Step(delay=1, repeat=True))
    deliver = subprocess.Popen(
        [sys.executable, "manage.py", "deliver"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not twilio.requests and deliver.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    deliver.send_signal(number)
    output, errors = deliver.communicate(timeout=60)

    assert output == "1 sent. 2 still queued.\nStopped early: it was asked to stop.\n", errors
    assert deliver.returncode == 0
    assert statuses() == {"sent": 1, "queued": 2}
