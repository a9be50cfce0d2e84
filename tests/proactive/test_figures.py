"""The figures of the home page, and that each costs the same however many rows there are."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from proactive import figures
from proactive.cadences import CADENCES
from proactive.clocks import midnight
from proactive.figures import Tally, handed_over
from proactive.models import CareAlert, Message
from proactive.switches import Switchboard
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DUE, NOON, due_for, person

pytestmark = pytest.mark.django_db

DAY = date(2027, 1, 5)  # that of NOON


def text(at=NOON, status="delivered", **fields):
    sent_at = None if status in ("failed", "queued", "unknown") else at
    return MessageFactory(
        status=status, attempt_started_at=at, sent_at=sent_at, **({"stage": None} | fields)
    )


# --- Texts ---


def test_a_text_counts_for_the_day_on_which_it_was_handed_over_and_for_its_cadence():
    text(cadence="wellness", replied_at=NOON)
    text(cadence="wellness", status="sent")
    text(cadence="wellness", status="undelivered")
    text(cadence="wellness", status="failed")
    text(NOON - timedelta(days=2), cadence="dormant_reactivation")

    assert handed_over(now=NOON) == {
        (DAY, "wellness"): Tally(sent=3, delivered=1, replied=1, failed=2),
        (DAY - timedelta(days=2), "dormant_reactivation"): Tally(sent=1, delivered=1),
    }


def test_what_was_never_handed_over_or_came_to_nothing_known_is_not_counted():
    MessageFactory(status="superseded", stage=1)
    MessageFactory(status="queued", stage=2)
    text(status="unknown")

    assert figures.total(handed_over(now=NOON).values()) == Tally()


def test_a_day_is_one_of_the_services_zone_and_the_thirtieth_back_is_the_first(settings):
    settings.TIME_ZONE = "America/Chicago"  # six hours behind
    midnight = datetime(2027, 1, 5, 6, tzinfo=UTC)
    first = datetime(2026, 12, 7, 6, tzinfo=UTC)
    for instant in (midnight, first):
        text(instant)
        text(instant - timedelta(seconds=1))

    assert {day: one.sent for (day, _), one in handed_over(now=NOON).items()} == {
        DAY: 1,
        DAY - timedelta(days=1): 1,
        date(2026, 12, 7): 1,
    }


def test_the_days_also_follow_each_other_where_clocks_change(settings):
    settings.TIME_ZONE = "America/Chicago"
    spring = date(2027, 3, 14)

    length = midnight(spring + timedelta(days=1)) - midnight(spring)

    # Of two instants in one zone Python would subtract the wall clocks.
    assert length == timedelta(days=1)
    assert midnight(spring).astimezone(UTC).hour == 6
    assert midnight(spring + timedelta(days=1)).astimezone(UTC).hour == 5


def test_texts_are_counted_by_a_range_of_the_index_that_is_there_for_it():
    with CaptureQueriesContext(connection) as queries:
        handed_over(now=NOON)

    remembered, query = queries.captured_queries
    assert "daytally" in remembered["sql"]
    someone = person()
    Message.objects.bulk_create(
        Message(caregiver=someone, cadence="wellness", status="delivered", queued_at=at)
        for at in (NOON - timedelta(days=days) for days in range(2000))
    )
    Message.objects.update(attempt_started_at=F("queued_at"))
    plan = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE proactive_message")
        cursor.execute(plan + query["sql"])
        assert "messages_handed_over" in str(cursor.fetchall())


# --- People ---


def test_who_is_owed_a_text_before_midnight_is_counted_by_cadence_with_those_due_tonight():
    for cadence in DUE:
        due_for(cadence)
    person(last_crisis_event_at=NOON - timedelta(hours=13))  # due at 23:00
    person(last_crisis_event_at=NOON - timedelta(hours=11))  # due at 01:00

    owed = figures.owed_today(now=NOON, switchboard=Switchboard.load())

    assert {name: int(one) for name, one in owed.items()} == {
        "crisis_followup": 2,
        "wellness": 1,
        "dormant_reactivation": 1,
        "assessment_reminder": 1,
        "onboarding_nudge": 1,
    }


def test_a_cohort_is_counted_also_in_part():
    for fields in ({}, {"opted_out_at": NOON}, {"burnout_band": "mild", "opted_out_at": NOON}):
        person(**{"burnout_band": "crisis"} | fields)

    assert figures.in_cohort("crisis", now=NOON) == 2
    assert figures.in_cohort("crisis", now=NOON, opted_out_at__isnull=False) == 1


# --- Alerts ---


@pytest.mark.parametrize(
    ("fields", "urgent"),
    [
        ({"kind": "followup_missed"}, True),
        ({"kind": "outcome_unknown", "cadence": "crisis_followup"}, True),
        ({"kind": "outcome_unknown", "cadence": "wellness"}, False),
        ({"kind": "duplicate"}, False),
    ],
)
def test_an_alert_about_a_crisis_waits_too_long_once_it_would_be_sent_on_by_email(
    settings, fields, urgent, django_user_model
):
    cadence = fields.pop("cadence", None)
    message = MessageFactory(cadence=cadence, stage=1) if cadence else None
    alert = CareAlert.objects.create(
        **fields, message=message, caregiver=message and message.caregiver, opened_at=NOON
    )

    def waits(minutes):
        (found,) = figures.longest_open(10)
        return figures.waits_too_long(found, now=NOON + timedelta(minutes=minutes))

    assert (waits(14), waits(15)) == (False, urgent)
    settings.ALERT_ESCALATION_MINUTES = 40
    assert (waits(39), waits(40)) == (False, urgent)

    alert.claimed_by = django_user_model.objects.create(username="nurse")
    alert.save()
    assert not waits(40)


def test_the_alerts_that_have_been_open_for_longest_come_first():
    opened = [
        CareAlert.objects.create(
            kind="cascade_unanswered",
            caregiver=person(),
            opened_at=NOON - timedelta(hours=hours),
            resolved_at=NOON if hours == 9 else None,
        )
        for hours in (1, 9, 5, 3)
    ]

    assert figures.longest_open(2) == [opened[2], opened[3]]


# --- Cost ---


def test_all_figures_take_as_many_queries_for_10000_texts_as_for_none(
    django_assert_num_queries,
):
    switchboard = Switchboard.load()

    def ask():
        handed_over(now=NOON)
        figures.waiting()
        figures.owed_today(now=NOON, switchboard=switchboard)
        figures.longest_open(10)
        figures.in_cohort("crisis", now=NOON)
        figures.opted_out_since(NOON)

    queries = 6 + len(CADENCES)
    with django_assert_num_queries(queries):
        ask()
    people = CaregiverFactory.create_batch(20, burnout_band="crisis")
    Message.objects.bulk_create(
        Message(
            caregiver=people[n % 20],
            to_number="+1",
            cadence="wellness",
            status="sent",
            attempt_started_at=NOON - timedelta(minutes=n),
        )
        for n in range(10_000)
    )
    with django_assert_num_queries(queries):
        ask()
