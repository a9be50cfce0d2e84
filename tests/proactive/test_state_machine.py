"""Events, sweeps, deliveries, reports, staff and time in any order: the promises hold.

The same examples each time that the same modules are loaded. `HYPOTHESIS_EXAMPLES=500
HYPOTHESIS_STEPS=50 python -m pytest tests/proactive/test_state_machine.py -k any_order` looks
longer, at others each time: about a second each.
"""

import logging
import os

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from proactive import clocks, deferring, marking, prepared, rules, tasks
from tests.proactive import calling
from tests.proactive.machine import drawing
from tests.proactive.machine.core import Core, people
from tests.proactive.machine.machine import PROVIDERS
from tests.proactive.machine.whole import Whole
from tests.proactive.people import DAY

pytestmark = pytest.mark.django_db(transaction=True)

MORE = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
STEPS = int(os.environ.get("HYPOTHESIS_STEPS", "30"))


@pytest.fixture(autouse=True)
def world(settings, monkeypatch):
    settings.TWILIO_AUTH_TOKEN = calling.TOKEN
    settings.PUBLIC_BASE_URL = calling.BASE
    settings.SWEEP_CEILING = 3
    monkeypatch.setattr("proactive.sms.gateway._build", lambda *configuration: PROVIDERS[-1])
    monkeypatch.setattr(tasks, "ring", lambda: True)
    # Numbers for a chart, which cost as much as all the rest of a sweep.
    monkeypatch.setattr(deferring, "is_due", lambda sweep: False)
    # Crashes by the hundred, each with its traceback, would bury the one example that matters.
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def search(machine, *, examples, steps, repeatable=True, shrink=True):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=repeatable,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate] + [Phase.shrink] * shrink,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )


def test_the_promises_hold_whatever_happens_in_any_order():
    search(Whole, examples=MORE or 24, steps=STEPS, repeatable=not MORE)


# --- The machine can fail ---
#
# Bugs that are easily made, planted one at a time: each must be found.


class Briefly(Core):
    def let_it_all_end(self):
        """Not waited for: what is looked for shows at once."""


class WhereClocksChange(Briefly):
    @initialize(target=people, where=st.sampled_from(drawing.WHERE_CLOCKS_CHANGE))
    def begin(self, where):
        begins, place = where
        return super().begin(drawing.BEGINNINGS[begins], [(place, "crisis"), (place, "new")])


def finds(words, machine=Briefly):
    prepared.forget()
    try:
        with pytest.raises(AssertionError, match=words):
            search(machine, examples=500, steps=15, shrink=False)
    finally:
        prepared.forget()


def test_it_finds_a_gate_that_is_still_closed_at_24_hours_to_the_instant(monkeypatch):
    def late(now):
        before = Q(last_proactive_message_at__lt=now - rules.GATE)
        return Q(last_proactive_message_at__isnull=True) | before

    monkeypatch.setitem(rules.GATE_OPEN.__dict__, "condition", late)

    finds("due are")


def test_it_finds_a_counter_that_is_not_given_back_after_a_cancellation(monkeypatch):
    monkeypatch.setattr(marking, "give_back_stage", lambda message: None)

    finds("its texts say")


def test_it_finds_local_time_with_the_offset_of_the_day_before(monkeypatch):
    def is_open(window, places, now):
        return bool(places) and all(
            window.opens <= (now + (now - DAY).astimezone(zone).utcoffset()).hour < window.closes
            for zone in places
        )

    monkeypatch.setattr(clocks.Window, "is_open", is_open)

    finds("due are|hours: ", WhereClocksChange)
