"""A new cadence is a declaration and its words: sweep, explain, forecast and delivery follow."""

import pytest

from proactive import cadences, explaining, forecasting, marking, sweeps
from proactive.clocks import DAY, HOUR, SIGN_UP, Window
from proactive.declaring import Cadence
from proactive.default_copy import DEFAULT_COPY
from proactive.delivery import deliver_queued
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import Message, Status
from proactive.rules import NOT_CHURNED
from proactive.sweeps import run_sweep
from tests.proactive.people import MOMENT, NOON, person, sweep

pytestmark = pytest.mark.django_db

ANNIVERSARY = Cadence(
    name="anniversary",
    label="Anniversary",
    purpose="A word of thanks after a hundred days, and after two hundred.",
    who=(NOT_CHURNED,),
    anchor=SIGN_UP,
    due=(100 * DAY, 200 * DAY),
    until=203 * DAY,
    window=Window(10, 18),
    quiet=24 * HOUR,
)


@pytest.fixture(autouse=True)
def sixth(monkeypatch):
    """As if it stood in `cadences.py` and its words in `default_copy.py`."""
    six = (*cadences.CADENCES, ANNIVERSARY)
    for module in (cadences, sweeps, explaining, forecasting):
        monkeypatch.setattr(module, "CADENCES", six)
    assert marking.BY_NAME is sweeps.BY_NAME is cadences.BY_NAME
    monkeypatch.setitem(cadences.BY_NAME, ANNIVERSARY.name, ANNIVERSARY)
    for stage in ("1", "2"):
        words = {"en": f"Thank you, $first_name! ({stage})"}
        monkeypatch.setitem(DEFAULT_COPY, ("anniversary", stage), words)


def somebody(days, **fields):
    return person(created_at=NOON - days * DAY, last_contact_at=NOON - 2 * DAY, **fields)


def test_the_sweep_queues_it_when_it_is_due_and_delivery_sends_it(gateway):
    someone = somebody(100, first_name="Ada")
    assert sweep(NOON - MOMENT) == []
    swept = run_sweep(now=NOON)
    assert swept.counts["queued"]["anniversary"] == 1
    deliver_queued(now=NOON)
    assert [(text["to"], text["body"]) for text in gateway.sent] == [
        (someone.phone_number, "CareCheck: Thank you, Ada! (1)")
    ]


def test_it_is_sent_once_and_what_was_overtaken_is_recorded(gateway):
    somebody(200)
    assert sweep() == [("anniversary", 2)]
    deliver_queued(now=NOON)
    assert sweep(NOON + 2 * DAY) == []
    assert sorted(Message.objects.values_list("stage", "status")) == [
        (1, Status.SUPERSEDED),
        (2, Status.SENT),
    ]


def test_what_may_not_go_out_is_given_back_and_planned_again(gateway):
    someone = somebody(100)
    assert sweep() == [("anniversary", 1)]
    deliver_queued(now=NOON + 8 * HOUR)  # its window has closed
    someone.refresh_from_db()
    assert someone.last_proactive_message_at is None
    assert sweep(NOON + DAY) == [("anniversary", 1)]
    deliver_queued(now=NOON + DAY)
    assert len(gateway.sent) == 1


def test_the_other_cadences_go_first():
    somebody(100, burnout_band="high")
    assert sweep() == [("wellness", "high")]


def test_explain_tells_of_it():
    someone = somebody(99)
    entry = explain(someone, now=NOON)["cadences"][5]
    assert (entry["cadence"], entry["stage"], entry["sendable"]) == ("anniversary", 1, False)
    assert entry["earliest"] == NOON + DAY
    assert explain(someone, now=NOON + DAY)["cadences"][5]["sendable"] is True


def test_the_forecast_has_it():
    someone = somebody(99)
    texts = forecast(someone, now=NOON, days=4)["messages"]
    assert [(text["at"], text["cadence"], text["stage"]) for text in texts] == [
        (NOON + DAY, "anniversary", 1)
    ]
