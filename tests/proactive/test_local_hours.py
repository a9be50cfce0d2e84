"""The window rule: texts go out by the clock on the wall of whoever gets them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine

from caregiving import zones
from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.clocks import Window
from proactive.explaining import explain
from proactive.rules import in_window
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, due_for, person, sweep

pytestmark = pytest.mark.django_db


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_open(window: Window, someone: Caregiver, now: datetime) -> bool:
    """The rule's answer, which must be the same asked in SQL and in Python."""
    rule = in_window(window)
    in_sql = Caregiver.objects.filter(rule.condition(now), pk=someone.pk).exists()
    assert rule.holds(someone, now) is in_sql
    return in_sql


# (zone, local date, opening and closing of 09:00-20:00 in UTC)
DAYS = [
    ("America/New_York", "2026-03-07", "2026-03-07 14:00", "2026-03-08 01:00"),
    ("America/New_York", "2026-03-08", "2026-03-08 13:00", "2026-03-09 00:00"),
    ("America/New_York", "2026-10-31", "2026-10-31 13:00", "2026-11-01 00:00"),
    ("America/New_York", "2026-11-01", "2026-11-01 14:00", "2026-11-02 01:00"),
    ("Europe/Berlin", "2026-03-28", "2026-03-28 08:00", "2026-03-28 19:00"),
    ("Europe/Berlin", "2026-03-29", "2026-03-29 07:00", "2026-03-29 18:00"),
    ("Europe/Berlin", "2026-10-24", "2026-10-24 07:00", "2026-10-24 18:00"),
    ("Europe/Berlin", "2026-10-25", "2026-10-25 08:00", "2026-10-25 19:00"),
    # Lord Howe Island moves its clocks by half an hour.
    ("Australia/Lord_Howe", "2026-04-04", "2026-04-03 22:00", "2026-04-04 09:00"),
    ("Australia/Lord_Howe", "2026-04-05", "2026-04-04 22:30", "2026-04-05 09:30"),
    ("Australia/Lord_Howe", "2026-10-03", "2026-10-02 22:30", "2026-10-03 09:30"),
    ("Australia/Lord_Howe", "2026-10-04", "2026-10-03 22:00", "2026-10-04 09:00"),
    ("America/Phoenix", "2026-03-08", "2026-03-08 16:00", "2026-03-09 03:00"),
    ("America/Phoenix", "2026-11-01", "2026-11-01 16:00", "2026-11-02 03:00"),
    ("Asia/Kolkata", "2026-03-08", "2026-03-08 03:30", "2026-03-08 14:30"),
]
each_day = pytest.mark.parametrize(
    ("zone", "opens", "closes"),
    [(zone, utc(opens), utc(closes)) for zone, _, opens, closes in DAYS],
    ids=[f"{zone} {day}" for zone, day, *_ in DAYS],
)


@each_day
def test_the_opening_is_in_and_the_closing_is_out_on_the_wall_clock(zone, opens, closes):
    someone = person(time_zone=zone)
    instants = [opens - MOMENT, opens, closes - MOMENT, closes]
    assert [is_open(Window(9, 20), someone, now) for now in instants] == [False, True, True, False]


@each_day
@pytest.mark.parametrize("today", ["2026-01-15", "2026-07-15"])
def test_whatever_offset_the_zone_has_today(zone, opens, closes, today):
    someone = person(time_zone=zone)
    with time_machine.travel(utc(today), tick=False):
        assert [is_open(Window(9, 20), someone, now) for now in (opens, closes)] == [True, False]


@each_day
def test_the_next_opening_is_told_from_a_day_before(zone, opens, closes):
    someone = person(time_zone=zone)
    rule = in_window(Window(9, 20))
    assert rule.next_change(someone, opens - 13 * HOUR) == opens


@each_day
def test_a_sweep_queues_at_the_opening_and_not_a_moment_before(zone, opens, closes):
    due_for("wellness", opens, time_zone=zone)
    assert sweep(opens - MOMENT, cadences=["wellness"]) == []
    assert sweep(opens, cadences=["wellness"]) == [("wellness", "high")]


def opening_hours(window: Window, zone: str, day: str) -> list[str]:
    """When `window` opens and closes on `day` and the night after, by trying each minute."""
    someone = person(time_zone=zone)
    rule = in_window(window)
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    instants = [midnight.astimezone(UTC) + timedelta(minutes=n) for n in range(-1, 8 * 60)]
    answers = [rule.holds(someone, now) for now in instants]
    return [
        f"{now:%H:%M}"
        for now, before, after in zip(instants[1:], answers, answers[1:], strict=False)
        if before != after
    ]


def test_a_window_that_opens_in_the_hour_that_does_not_exist_opens_when_the_clocks_jump():
    assert opening_hours(Window(2, 4), "America/New_York", "2026-03-08") == ["07:00", "08:00"]


def test_a_window_within_the_hour_that_does_not_exist_stays_closed_that_day():
    assert opening_hours(Window(2, 3), "America/New_York", "2026-03-08") == []
    someone = person(time_zone="America/New_York")
    rule = in_window(Window(2, 3))
    tried = [utc("2026-03-08 06:59")]
    while not rule.holds(someone, tried[-1]):
        tried.append(rule.next_change(someone, tried[-1]))
    assert tried[-1] == utc("2026-03-09 06:00")


def test_a_window_that_opens_in_the_hour_that_comes_twice_opens_once_and_lasts_longer():
    assert opening_hours(Window(1, 3), "America/New_York", "2026-11-01") == ["05:00", "08:00"]


def test_a_window_in_the_half_hour_that_comes_twice_or_never():
    assert opening_hours(Window(1, 3), "Australia/Lord_Howe", "2026-04-05") == ["14:00", "16:30"]
    assert opening_hours(Window(2, 4), "Australia/Lord_Howe", "2026-10-04") == ["15:30", "17:00"]


# --- Where somebody may be ---


def test_a_number_of_two_zones_is_texted_only_while_both_are_open():
    someone = person(phone_number="+12085550123", time_zone="", zip_code="")
    assert someone.derived_zones == "America/Boise America/Los_Angeles"
    both_open, first_closes = utc("2027-01-05 17:00"), utc("2027-01-06 03:00")
    instants = [both_open - MOMENT, both_open, first_closes - MOMENT, first_closes]
    assert [is_open(Window(9, 20), someone, now) for now in instants] == [False, True, True, False]


def test_a_zip_code_settles_which_of_them_it_is():
    someone = person(phone_number="+12085550123", time_zone="", zip_code="83702")
    assert is_open(Window(9, 20), someone, utc("2027-01-05 16:00"))


def test_a_given_zone_goes_before_zip_code_and_number():
    someone = person(phone_number="+12085550123", time_zone="Asia/Tokyo", zip_code="83702")
    assert is_open(Window(9, 20), someone, utc("2027-01-05 00:00"))


@pytest.mark.parametrize("number", ["+18005550123", "+15555550123", "+80012345678"])
def test_somebody_who_may_be_anywhere_is_texted_while_it_is_day_everywhere(number):
    someone = person(phone_number=number, time_zone="", zip_code="")
    day_in = {"Pacific/Honolulu": utc("2027-01-05 18:00"), "America/St_Johns": utc("2027-01-06")}
    opens, closes = day_in["Pacific/Honolulu"], day_in["America/St_Johns"] + HOUR / 2
    assert not is_open(Window(8, 21), someone, opens - MOMENT)
    assert is_open(Window(8, 21), someone, closes - MOMENT)
    assert not is_open(Window(8, 21), someone, closes)


@pytest.mark.parametrize("cadence", CADENCES, ids=lambda cadence: cadence.name)
@pytest.mark.parametrize("number", ["+18005550123", "+15555550123", "+80012345678"])
@pytest.mark.parametrize("day", [NOON, NOON + 182 * DAY], ids=["winter", "summer"])
def test_nobody_falls_silent_for_want_of_a_zip_code(cadence, number, day):
    there = zones.of(
        time_zone="", derived_zones=zones.derive(time_zone="", zip_code="", phone_number=number)
    )
    halves = [day + n * HOUR / 2 for n in range(48)]
    assert any(cadence.window.is_open(there, now) for now in halves)


def test_a_misspelt_zone_is_never_texted_and_explain_says_what_to_do():
    someone = due_for("wellness", time_zone="America/Chicgo")
    hours = [NOON + n * HOUR for n in range(24)]
    assert not any(is_open(Window(0, 23), someone, now) for now in hours)
    wellness = explain(someone, now=NOON)["cadences"][1]
    (window,) = (state for state in wellness["rules"] if state["rule"] == "window")
    assert window == {
        "rule": "window",
        "holds": False,
        "says": "time zone 'America/Chicgo' is unknown: correct it or leave it empty",
    }
    assert wellness["earliest"] is None


def test_no_clock_on_earth_is_put_at_another_time_than_a_quarter_of_an_hour():
    """What the names of open zones are remembered by."""
    years = [datetime(year, 1, 1, tzinfo=UTC) for year in range(2020, 2038)]
    instants = [start + timedelta(days=days) for start in years for days in range(0, 365, 30)]
    for name in sorted(zones.known()):
        zone = ZoneInfo(name)
        offsets = {instant.astimezone(zone).utcoffset() for instant in instants}
        assert {offset.total_seconds() % 900 for offset in offsets if offset is not None} == {0}, (
            name
        )
        for before, after in changes_of(zone):
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) / 2
                same = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
                before, after = (middle, after) if same else (before, middle)
            assert round(after.timestamp()) % 900 == 0, (name, after)


def changes_of(zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Days of one year between which the zone's offset changes."""
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    pairs = pairwise(days)
    return [
        (one, other)
        for one, other in pairs
        if one.astimezone(zone).utcoffset() != other.astimezone(zone).utcoffset()
    ]
