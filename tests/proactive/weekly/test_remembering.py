"""What a week came to is counted once and kept; looking alone keeps nothing."""

import pytest

from proactive.models import WeeklyReport
from proactive.weekly.remembering import NotOver, look, remember
from proactive.weekly.weeks import Week
from tests.factories import CaregiverFactory
from tests.proactive.people import DAY, NOON

pytestmark = pytest.mark.django_db

WEEK = Week.parse("2026-W53")


def test_what_was_counted_stays_whatever_happens_afterwards():
    CaregiverFactory()
    first = remember(WEEK, now=NOON)
    CaregiverFactory(opted_out_at=WEEK.begins)

    again = remember(WEEK, now=NOON + 3 * DAY)

    assert again.figures == first.figures
    assert again.counted_at == NOON
    assert look(WEEK, now=NOON + 3 * DAY).figures == first.figures


def test_the_week_before_is_kept_with_it_and_compared_with_the_next():
    remember(WEEK, now=NOON)
    next_one = remember(WEEK.after, now=NOON + 7 * DAY)

    assert WeeklyReport.objects.count() == 3
    assert next_one.before == WeeklyReport.objects.get(monday=WEEK.monday).figures
    assert next_one.before["people"] is not None  # as it was known then


def test_looking_at_a_week_keeps_nothing():
    report = look(WEEK, now=NOON)

    assert report.row is None
    assert not WeeklyReport.objects.exists()


def test_a_week_that_is_not_over_has_no_report():
    with pytest.raises(NotOver, match=r"2027-W01 is not over: the newest .* is 2026-W53"):
        remember(WEEK.after, now=NOON)
