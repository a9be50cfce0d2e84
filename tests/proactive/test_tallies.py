"""What is remembered of the texts of each day: the same figures for less, and not for too long."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proactive import tallies
from proactive.clocks import midnight
from proactive.models import DayTally, Message
from proactive.tallies import Tally, handed_over, remember
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db

TODAY = date(2027, 1, 5)  # that of NOON
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def worth(monkeypatch):
    monkeypatch.setattr(tallies, "WORTH_REMEMBERING", 2)


def texts(count, *, days_ago=0, status="delivered", **fields):
    at = NOON - days_ago * DAY
    for _ in range(count):
        MessageFactory(
            status=status,
            attempt_started_at=at,
            sent_at=at,
            **({"stage": None, "cadence": "wellness"} | fields),
        )


def test_what_is_remembered_is_what_was_counted():
    texts(3)
    texts(2, cadence="dormant_reactivation", status="undelivered")
    texts(4, days_ago=2, replied_at=NOON)
    texts(1, days_ago=9)
    texts(2, days_ago=29)
    counted = handed_over(now=NOON)

    assert remember(now=NOON) == 30

    assert handed_over(now=NOON) == counted
    assert counted[TODAY, "dormant_reactivation"] == Tally(sent=2, failed=2)


def test_a_day_of_many_texts_is_not_counted_again_while_its_memory_is_fresh():
    texts(2, days_ago=1)
    remember(now=NOON)
    texts(1, days_ago=1)

    def sent(now):
        return handed_over(now=now)[TODAY - DAY, "wellness"].sent

    assert sent(NOON) == 2
    # The tick has not run for so long that the page counts itself.
    assert sent(NOON + tallies.WHILE_ANSWERED + tallies.GRACE) == 3
    remember(now=NOON + tallies.WHILE_ANSWERED)
    assert sent(NOON + tallies.WHILE_ANSWERED) == 3


def test_a_day_of_few_texts_is_counted_whenever_somebody_looks():
    texts(1)
    remember(now=NOON)
    texts(2)

    assert handed_over(now=NOON)[TODAY, "wellness"].sent == 3


@pytest.mark.parametrize(
    ("days_ago", "lasts"),
    [(0, tallies.EVERY_TICK), (1, tallies.WHILE_ANSWERED), (5, tallies.SETTLED)],
)
def test_a_day_is_counted_again_as_often_as_its_figures_may_change(days_ago, lasts):
    remember(now=NOON)
    day = TODAY - days_ago * DAY

    def counted_at(now):
        remember(now=now)
        return DayTally.objects.get(day=day).counted_at

    assert counted_at(NOON + lasts - timedelta(seconds=1)) == NOON
    assert counted_at(NOON + lasts) == NOON + lasts


def test_today_is_not_taken_for_finished_when_it_was_last_counted_before_midnight():
    late = midnight(TODAY + DAY) - timedelta(minutes=1)
    texts(2)
    remember(now=late)
    MessageFactory(
        cadence="wellness", stage=None, status="sent", attempt_started_at=late, sent_at=late
    )

    after = late + timedelta(minutes=2)
    remember(now=after)

    assert handed_over(now=after)[TODAY, "wellness"].sent == 3


def test_days_that_are_no_longer_shown_are_forgotten():
    remember(now=NOON)
    remember(now=NOON + 2 * DAY)

    assert DayTally.objects.count() == 30
    assert DayTally.objects.order_by("day").first().day == TODAY - 27 * DAY


def test_days_of_another_zone_are_other_days(settings):
    texts(2)
    remember(now=NOON)

    settings.TIME_ZONE = "America/Chicago"

    assert handed_over(now=NOON)[TODAY, "wellness"].sent == 2
    remember(now=NOON)
    assert set(DayTally.objects.values_list("time_zone", flat=True)) == {"UTC", "America/Chicago"}


def test_nothing_is_counted_when_all_is_fresh_and_one_query_says_so(django_assert_num_queries):
    remember(now=NOON)

    with django_assert_num_queries(1):
        assert remember(now=NOON + timedelta(seconds=20)) == 0


def test_the_days_between_remembered_ones_are_counted_by_their_ranges_of_the_index():
    caregiver = CaregiverFactory()
    Message.objects.bulk_create(
        Message(
            caregiver=caregiver,
            to_number="+1",
            cadence="wellness",
            status="sent",
            attempt_started_at=NOON - days * DAY,
        )
        for days in (*(0, 0, 3, 3, 3, 7, 7), 8)
    )
    remember(now=NOON)

    with CaptureQueriesContext(connection) as queries:
        handed_over(now=NOON)

    _, counting = queries.captured_queries
    # Day 8 has one text only: that and the empty stretches around the others are counted.
    assert counting["sql"].count(">=") == 3


def test_the_first_day_that_is_shown_begins_at_midnight_of_the_service(settings):
    settings.TIME_ZONE = "America/Chicago"  # six hours behind
    first = datetime(2026, 12, 7, 6, tzinfo=UTC)
    for at in (first, first - timedelta(seconds=1), first):
        MessageFactory(
            cadence="wellness", stage=None, status="sent", attempt_started_at=at, sent_at=at
        )
    remember(now=NOON)

    assert {day: one.sent for (day, _), one in handed_over(now=NOON).items()} == {
        date(2026, 12, 7): 2
    }
