"""A week is what the calendar of the service says, also where the clocks change or a year ends."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from proactive.weekly.weeks import Week

LAST_OF_2026 = Week(date(2026, 12, 28))


def test_it_is_written_and_read_as_iso_8601_has_it():
    assert str(LAST_OF_2026) == "2026-W53"
    assert Week.parse(" 2026-W53 ") == LAST_OF_2026
    assert str(LAST_OF_2026.after) == "2027-W01"
    assert Week.parse("2027-W01").before == LAST_OF_2026


@pytest.mark.parametrize("text", ["", "2026", "2026-48", "2026-W54", "2027-W53", "1999-W01", "W01"])
def test_what_is_no_week_is_told_how_to_write_one(text):
    with pytest.raises(ValueError, match="write it as 2026-W48"):
        Week.parse(text)


@pytest.mark.parametrize(
    ("monday", "days"),
    [
        (date(2026, 11, 23), "23 to 29 Nov 2026"),
        (date(2026, 11, 30), "30 Nov to 6 Dec 2026"),
        (date(2026, 12, 28), "28 Dec 2026 to 3 Jan 2027"),
    ],
)
def test_its_days_are_told_without_saying_anything_twice(monday, days):
    assert Week(monday).days == days


def test_the_last_that_ended_goes_by_the_clock_of_the_service():
    midnight_in_utc = datetime(2027, 1, 4, tzinfo=UTC)

    with timezone.override("UTC"):
        assert Week.last_ended(midnight_in_utc) == LAST_OF_2026
    with timezone.override("America/Chicago"):  # where it is Sunday still
        assert Week.last_ended(midnight_in_utc) == LAST_OF_2026.before


@pytest.mark.parametrize(
    ("week", "hours"), [("2027-W10", 7 * 24 - 1), ("2027-W11", 7 * 24), ("2027-W44", 7 * 24 + 1)]
)
def test_a_week_in_which_the_clocks_change_is_an_hour_shorter_or_longer(week, hours):
    with timezone.override("America/Chicago"):
        one = Week.parse(week)
        length = one.ends.astimezone(UTC) - one.begins.astimezone(UTC)

    assert length == timedelta(hours=hours)
