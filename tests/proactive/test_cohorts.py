"""Whom staff look at together."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from proactive.cohorts import BY_NAME, COHORTS, end_of_day
from proactive.models import CareAlert
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 13, 15, tzinfo=UTC)


def add(**fields):
    defaults = {"created_at": NOW - timedelta(days=90), "last_contact_at": NOW, "time_zone": "UTC"}
    return CaregiverFactory(**(defaults | fields))


@pytest.fixture
def population():
    people = {
        "well": add(),
        "attention": add(),
        "crisis": add(last_crisis_event_at=NOW - timedelta(days=41), crisis_followup_count=7),
        "band": add(burnout_band="crisis"),
        "over": add(last_crisis_event_at=NOW - timedelta(days=42), crisis_followup_count=7),
        "due": add(last_crisis_event_at=NOW - timedelta(hours=16)),
        "silent": add(last_contact_at=NOW - timedelta(days=8), reactivation_message_count=1),
        "opted-out": add(opted_out_at=NOW),
        "unreachable": add(unreachable_at=NOW),
        "churned": add(journey_phase="churned", last_contact_at=NOW - timedelta(days=40)),
        "legal-hold": add(legal_hold_since=NOW - timedelta(days=400)),
    }
    CareAlert.objects.create(kind="cascade_unanswered", caregiver=people["attention"])
    CareAlert.objects.create(
        kind="cascade_unanswered", caregiver=people["well"], resolved_at=timezone.now()
    )
    return people


@pytest.mark.parametrize(
    ("cohort", "members"),
    {
        "attention": {"attention"},
        "crisis": {"crisis", "band", "due"},
        "due": {"due"},
        "silent": {"silent"},
        "opted-out": {"opted-out"},
        "unreachable": {"unreachable"},
        "churned": {"churned"},
        "legal-hold": {"legal-hold"},
    }.items(),
)
def test_each_cohort_has_its_people_and_nobody_else(population, cohort, members):
    found = set(BY_NAME[cohort].people(now=NOW))

    assert {name for name, person in population.items() if person in found} == members


def test_every_cohort_is_tested():
    assert len(COHORTS) == 8


def test_a_day_ends_at_the_midnight_of_the_service_also_when_clocks_change(settings):
    settings.TIME_ZONE = "America/Chicago"
    before_spring = datetime(2027, 3, 14, 7, tzinfo=UTC)  # 01:00, an hour before the change

    assert end_of_day(before_spring) == datetime(2027, 3, 15, 5, tzinfo=UTC)
