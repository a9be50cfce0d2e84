"""The forecast, checked against what really goes out when the clock moves on."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from proactive.delivery import deliver_queued
from proactive.forecasting import forecast
from proactive.models import CadenceSwitch, Message, Status
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, due_for, person, undone
from tests.proactive.strategies import checked, create, instants, populations

pytestmark = pytest.mark.django_db


def foretold(someone, now=NOON, days=35) -> list[tuple]:
    return [
        (text["at"], text["cadence"], text["stage"], text["body"])
        for text in forecast(someone, now=now, days=days)["messages"]
    ]


def lived(people, now: datetime, days: int, *, every: timedelta) -> dict[str, list[tuple]]:
    """What each of them really gets, with nothing but the clock moving.

    The sweep and delivery run at each instant of anybody's forecast, a second before it, and
    `every` so often.
    """
    end = now + days * DAY
    told = {at for one in people.values() for at, *_ in foretold(one, now, days)}
    ticks = {now + n * every for n in range(int(days * DAY / every) + 1)}
    befores = {at - timedelta(seconds=1) for at in told if at - timedelta(seconds=1) >= now}
    got = {label: [] for label in people}
    labels = {one.pk: label for label, one in people.items()}
    for at in sorted(at for at in told | befores | ticks if at <= end):
        swept = run_sweep(now=at)
        for text in Message.objects.filter(sweep=swept, status=Status.QUEUED):
            got[labels[text.caregiver_id]].append((at, text.cadence, text.stage, text.body))
        deliver_queued(now=at)
    return got


def test_the_forecast_of_ordinary_people_comes_true(gateway):
    people = {
        "in crisis": person(
            burnout_band="crisis",
            last_crisis_event_at=NOON - 3 * HOUR,
            last_contact_at=NOON - 3 * HOUR,
            time_zone="America/New_York",
        ),
        "silent": person(burnout_band="moderate", time_zone="Pacific/Honolulu", language="es"),
        "new": person(
            first_name="",
            journey_phase="onboarding",
            created_at=NOON - HOUR,
            last_contact_at=None,
            phone_number="+12085550123",
            time_zone="",
            zip_code="",
        ),
        "assessed": person(last_assessment_at=NOON - 5 * DAY, last_contact_at=NOON - 4 * DAY),
        "recently texted": person(burnout_band="high", last_proactive_message_at=NOON - HOUR),
    }
    told = {label: foretold(one) for label, one in people.items()}
    assert {label: [text[1] for text in texts][:1] for label, texts in told.items()} == {
        "in crisis": ["crisis_followup"],
        "silent": ["wellness"],
        "new": ["onboarding_nudge"],
        "assessed": ["assessment_reminder"],
        "recently texted": ["wellness"],
    }
    assert lived(people, NOON, 35, every=DAY) == told


def test_across_a_change_of_the_clocks_it_comes_true_as_well(gateway):
    # The clocks of New York change on 14 March 2027.
    start = datetime.fromisoformat("2027-03-12T20:00:00+00:00")
    someone = person(
        burnout_band="crisis",
        crisis_followup_count=0,
        last_crisis_event_at=start,
        last_contact_at=start,
        time_zone="America/New_York",
    )
    told = foretold(someone, start, 6)
    assert [(f"{at:%d %H:%M}", cadence) for at, cadence, *_ in told] == [
        ("13 20:00", "crisis_followup"),
        ("14 20:00", "wellness"),
        ("15 20:00", "crisis_followup"),
        ("16 20:00", "wellness"),
        ("17 20:00", "wellness"),
        ("18 20:00", "wellness"),
    ]
    assert lived({"one": someone}, start, 6, every=12 * HOUR) == {"one": told}


def test_the_forecast_of_anybody_comes_true(gateway):
    texts = []

    @checked(3)
    @given(st.data(), instants)
    def check(data, now):
        with undone():
            people = create(data.draw(populations(now, most=6, texts=False)), now)
            told = {label: foretold(one, now, 9) for label, one in people.items()}
            assert lived(people, now, 9, every=DAY) == told
            texts.extend(text for one in told.values() for text in one)

    check()
    assert len(texts) >= 10


def test_whoever_opted_out_has_an_empty_forecast():
    someone = due_for("wellness", opted_out_at=NOON - DAY)
    assert forecast(someone, now=NOON) == {
        "phone_number": str(someone.phone_number),
        "from": NOON,
        "messages": [],
    }


@pytest.mark.parametrize("switched", ["wellness", CadenceSwitch.EVERYTHING])
def test_a_switch_counts_as_it_is_now(switched):
    someone = due_for("wellness")
    switch = CadenceSwitch.objects.create(cadence=switched, paused_until=NOON + 5 * HOUR)
    assert foretold(someone, days=1)[0][:2] == (NOON + 5 * HOUR, "wellness")
    switch.is_on = False
    switch.save()
    assert [text for text in foretold(someone) if text[1] == "wellness"] == []


def test_a_text_that_waits_stands_first_and_the_next_counts_from_when_it_goes_out(gateway):
    someone = due_for("wellness")
    run_sweep(now=NOON - HOUR)  # and delivery was down
    waiting = Message.objects.get()
    told = foretold(someone, days=7)
    assert told[0] == (NOON, "wellness", None, waiting.body)
    # The band's three days count from when the text goes out, not from when it was queued.
    assert told[1][:2] == (NOON + 3 * DAY, "wellness")
    deliver_queued(now=NOON)
    assert lived({"one": someone}, NOON, 7, every=DAY) == {"one": told[1:]}


def test_only_the_first_text_ever_says_whom_it_is_from():
    told = foretold(due_for("wellness"), days=10)
    assert [body.startswith("CareCheck: ") for *_, body in told] == [
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(("days", "count"), [(0, 1), (3, 2), (6, 3)])
def test_the_forecast_ends_after_so_many_days_to_the_instant(days, count):
    assert len(foretold(due_for("wellness"), days=days)) == count


def test_a_text_a_moment_after_the_end_is_not_in_it():
    someone = due_for("wellness", outreach_paused_until=NOON + DAY + MOMENT)
    assert foretold(someone, days=1) == []


def test_nothing_is_written():
    someone = due_for("crisis_followup", burnout_band="crisis")
    MessageFactory(caregiver=someone, occasion=NOON - 90 * DAY, status=Status.QUEUED)
    with CaptureQueriesContext(connection) as queries:
        forecast(someone, now=NOON)
    assert [one["sql"] for one in queries if not one["sql"].startswith("SELECT")] == []
    someone.refresh_from_db()
    assert (someone.crisis_followup_count, someone.last_proactive_message_at) == (None, None)
