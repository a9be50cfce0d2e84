"""What the system halts it may resume; what staff switched off or paused is theirs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from proactive import alerts, switches
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert
from proactive.sms.gateway import Outcome, SmsError
from proactive.switches import NothingToChange, Standing, halt_everything, resume, standing
from tests.proactive.people import HOUR, NOON
from tests.proactive.queueing import queued, statuses

SUSPENDED = "Our account is suspended (30002)"
MISCONFIGURED = SmsError(Outcome.MISCONFIGURED, SUSPENDED, code="30002")

pytestmark = pytest.mark.django_db


def everything(**fields):
    return CadenceSwitch.objects.create(cadence="everything", **fields)


def stands():
    return standing(switches.everything(), NOON)


def halt():
    assert halt_everything(reason=SUSPENDED, now=NOON)
    alerts.open_alert(CareAlert.Kind.SENDING_HALTED, detail=SUSPENDED, now=NOON)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Standing.ON),
        ({"paused_until": NOON}, Standing.ON),
        ({"paused_until": NOON + HOUR}, Standing.PAUSED),
        ({"is_on": False}, Standing.OFF),
        ({"is_on": False, "paused_until": NOON + HOUR}, Standing.OFF),
        ({"is_on": False, "halted": True}, Standing.HALTED),
    ],
)
def test_sending_is_on_off_paused_or_halted(fields, expected):
    everything(**fields)

    assert stands() is expected


def test_without_a_row_sending_is_on():
    assert stands() is Standing.ON


# --- Halt ---


@pytest.mark.parametrize("fields", [None, {}, {"paused_until": NOON - HOUR, "reason": "holiday"}])
def test_a_halt_switches_off_what_was_on_and_says_why(fields):
    if fields is not None:
        everything(**fields)

    assert halt_everything(reason=SUSPENDED, now=NOON) is True

    assert stands() is Standing.HALTED
    assert switches.everything().reason == SUSPENDED


@pytest.mark.parametrize(
    "fields", [{"is_on": False}, {"paused_until": NOON + HOUR}, {"is_on": False, "halted": True}]
)
def test_a_halt_leaves_alone_what_sends_nothing_anyway(fields):
    everything(reason="as staff wrote it", **fields)
    before = CadenceSwitch.objects.values().get()

    assert halt_everything(reason=SUSPENDED, now=NOON) is False

    assert CadenceSwitch.objects.values().get() == before


def test_news_of_a_text_from_before_the_mending_halts_nothing():
    mended = everything().changed_at
    moment = timedelta(microseconds=1)

    assert halt_everything(reason=SUSPENDED, since=mended - moment) is False
    assert switches.everything().is_on
    assert halt_everything(reason=SUSPENDED, since=mended + moment) is True
    assert not switches.everything().is_on


def test_where_nothing_was_ever_switched_there_was_no_mending():
    assert halt_everything(reason=SUSPENDED, since=timezone.now() - HOUR) is True


# --- Resume ---


def test_to_resume_is_to_send_again_and_to_settle_the_alert():
    someone = User.objects.create(username="ruth")
    halt()

    assert resume(now=NOON + HOUR, by=someone, note="Mended.") is True

    assert stands() is Standing.ON
    assert switches.everything().reason == ""
    alert = CareAlert.objects.get()
    assert (alert.resolved_at, alert.resolved_by, alert.note) == (NOON + HOUR, someone, "Mended.")


def test_what_staff_noted_on_the_alert_stays():
    halt()
    CareAlert.objects.update(note="Called Twilio.")

    resume(now=NOON, by=None, note="Mended.")

    assert CareAlert.objects.get().note == "Called Twilio.\nMended."


@pytest.mark.parametrize("fields", [{}, {"is_on": False}, {"paused_until": NOON + HOUR}])
def test_there_is_nothing_to_resume_where_nothing_was_halted(fields):
    everything(**fields)
    before = CadenceSwitch.objects.values().get()

    assert resume(now=NOON, by=None, note="Mended.") is False

    assert CadenceSwitch.objects.values().get() == before


def test_a_pause_goes_on_when_a_halt_is_lifted():
    everything(is_on=False, halted=True, paused_until=NOON + HOUR)

    assert resume(now=NOON, by=None, note="Mended.") is True

    assert stands() is Standing.PAUSED


def test_what_waited_through_a_halt_goes_out_and_the_next_trouble_is_told_anew(gateway):
    queued("crisis_followup"), queued()
    gateway.fails_with = MISCONFIGURED
    assert deliver_queued(now=NOON).results == {"halted": 1}
    assert stands() is Standing.HALTED

    resume(now=NOON, by=None, note="Mended.")
    assert deliver_queued(now=NOON).results == {"halted": 1}
    assert CareAlert.objects.filter(resolved_at=None).count() == 1

    resume(now=NOON, by=None, note="Mended.")
    gateway.fails_with = None
    assert deliver_queued(now=NOON).results == {"sent": 2}
    assert statuses() == {"sent": 2}
    assert CareAlert.objects.filter(resolved_at=None).count() == 0


# --- What staff do ---


@pytest.fixture
def lead():
    return User.objects.create(username="lead")


def switch(cadence="everything"):
    return CadenceSwitch.objects.get(cadence=cadence)


def test_a_switch_that_was_never_put_gets_its_row_and_the_name_of_who_put_it(lead):
    switched = switches.switch_off("wellness", by=lead, reason="too many", now=NOON)

    assert switched.switch == switch("wellness")
    assert (switched.switch.is_on, switched.switch.reason) == (False, "too many")
    assert switched.switch.changed_by == lead
    assert switched.changes == {"is_on": [True, False], "reason": ["", "too many"]}
    assert stands() is Standing.ON


def test_a_pause_ends_by_itself(lead):
    switches.pause("everything", until=NOON + HOUR, by=lead, reason="drill", now=NOON)

    assert stands() is Standing.PAUSED
    assert standing(switches.everything(), NOON + HOUR) is Standing.ON


def test_what_was_off_can_be_given_an_end(lead):
    switches.switch_off("everything", by=lead, reason="", now=NOON)

    switches.pause("everything", until=NOON + HOUR, by=lead, reason="until one", now=NOON)

    assert standing(switches.everything(), NOON + HOUR) is Standing.ON


@pytest.mark.parametrize("until", [NOON, NOON - HOUR])
def test_there_is_no_pause_until_a_time_that_is_past(lead, until):
    with pytest.raises(NothingToChange, match="that time is past"):
        switches.pause("everything", until=until, by=lead, reason="", now=NOON)

    assert stands() is Standing.ON


def test_what_the_system_halted_is_not_paused(lead):
    halt()

    with pytest.raises(NothingToChange, match="the system halted it"):
        switches.pause("everything", until=NOON + HOUR, by=lead, reason="", now=NOON)

    assert stands() is Standing.HALTED


@pytest.mark.parametrize(
    "fields", [{"is_on": False}, {"paused_until": NOON + HOUR}, {"is_on": False, "halted": True}]
)
def test_to_switch_on_ends_whatever_stopped_it(lead, fields):
    everything(reason="old", **fields)

    switched = switches.switch_on("everything", by=lead, reason="mended", now=NOON)

    assert stands() is Standing.ON
    row = switch()
    assert (row.halted, row.paused_until, row.reason, row.changed_by) == (False, None, "", lead)
    assert switched.changes["reason"] == ["old", ""]


def test_one_cadence_that_is_switched_on_settles_no_halt_of_everything(lead):
    halt()
    switches.switch_off("wellness", by=lead, reason="", now=NOON)

    switches.switch_on("wellness", by=lead, reason="", now=NOON)

    assert CareAlert.objects.get().resolved_at is None


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        ({"is_on": False}, switches.switch_off),
        ({}, switches.switch_on),
        ({"paused_until": NOON - HOUR}, switches.switch_on),
    ],
)
def test_what_stands_so_already_is_left_alone(lead, fields, change):
    everything(reason="as it was", **fields)
    before = CadenceSwitch.objects.values().get()

    with pytest.raises(NothingToChange, match="already"):
        change("everything", by=lead, reason="again", now=NOON)

    assert CadenceSwitch.objects.values().get() == before


def test_a_halt_names_nobody_and_who_resumes_it_is_named(lead):
    switches.pause("everything", until=NOON + HOUR, by=lead, reason="", now=NOON)
    halt_everything(reason=SUSPENDED, now=NOON + HOUR)
    assert switch().changed_by is None

    resume(now=NOON + HOUR, by=lead, note="Mended.")

    assert switch().changed_by == lead


# --- For a share of people ---


def share(percent, cadence="wellness"):
    return switches.set_share(cadence, share=percent, by=None, reason="drill", now=NOON)


def test_a_share_is_put_beside_on_and_off():
    switches.switch_off("wellness", by=None, reason="holiday", now=NOON)

    assert share(5).changes == {"share": [100, 5]}

    switch = CadenceSwitch.objects.get()
    assert (switch.share, switch.is_on, switch.reason) == (5, False, "holiday")
    switches.switch_on("wellness", by=None, reason="", now=NOON)
    switch.refresh_from_db()
    assert (switch.share, switch.is_on) == (5, True)


@pytest.mark.parametrize(
    ("cadence", "percent", "why_not"),
    [
        ("wellness", 100, "it is for 100 % of people already"),
        ("everything", 5, "a share is of one cadence: all sending is on or off"),
    ],
)
def test_what_cannot_be_shared_out_says_why(cadence, percent, why_not):
    with pytest.raises(NothingToChange, match=why_not):
        share(percent, cadence)


@pytest.mark.parametrize("percent", [-1, 101])
def test_no_share_is_below_none_or_above_all(percent):
    with pytest.raises(IntegrityError), transaction.atomic():
        share(percent)
