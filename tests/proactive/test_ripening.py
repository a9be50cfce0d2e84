"""What an index keeps of a person: from when on something may be owed to them."""

import importlib
import pkgutil
from dataclasses import replace

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from caregiving.migration_operations import CreateIndexConcurrently
from caregiving.models import Caregiver
from proactive import migrations, sweeps
from proactive.cadences import CADENCES
from tests.proactive.people import DAY, NOON, person
from tests.proactive.strategies import checked, create, instants, populations

RIPENINGS = {one.name: one for one in sweeps.ripenings()}

on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no such indexes"
)


def test_each_cadence_has_one():
    assert {cadence.name for cadence in CADENCES} < set(RIPENINGS)


@pytest.mark.parametrize("name", RIPENINGS)
def test_its_index_is_what_the_policy_says_today(name):
    """Else it is never read. A changed policy needs a migration: copy what this prints."""
    built = {}
    for module in sorted(one.name for one in pkgutil.iter_modules(migrations.__path__)):
        migration = importlib.import_module(f"proactive.migrations.{module}").Migration
        for operation in migration.operations:
            if isinstance(operation, CreateIndexConcurrently):
                built[operation.name] = operation.sql

    assert built[RIPENINGS[name].index] == RIPENINGS[name].create_index()


@on_postgres
@pytest.mark.django_db
class TestSound:
    """Whoever meets the condition is ripe: an index that leaves somebody out harms them."""

    @checked(examples=25)
    @given(st.data())
    def test_whoever_meets_the_condition_is_ripe(self, data):
        now = data.draw(instants)
        people = [one.pk for one in create(data.draw(populations(now, most=14)), now).values()]
        for ripening in RIPENINGS.values():
            ripening = replace(ripening, window=None)
            meeting = Caregiver.objects.filter(ripening.condition(now), pk__in=people)
            ripe = set(Caregiver.objects.filter(ripening.by(now)).values_list("pk", flat=True))
            missed = [one for one in meeting.values() if one["id"] not in ripe]
            assert missed == [], ripening.name


@on_postgres
@pytest.mark.django_db
class TestNarrow:
    """Who is not owed anything is not ripe, or a sweep would walk past them every minute."""

    def ripe(self, name: str, **fields: object) -> bool:
        someone = person(**fields)
        return Caregiver.objects.filter(RIPENINGS[name].by(NOON), pk=someone.pk).exists()

    def test_whose_stage_is_dealt_with(self):
        crisis = {"last_crisis_event_at": NOON - 2 * DAY, "last_contact_at": NOON - 2 * DAY}

        assert self.ripe("crisis_followup", **crisis, crisis_followup_count=None)
        assert self.ripe("crisis_followup", **crisis, crisis_followup_count=0)
        assert not self.ripe("crisis_followup", **crisis, crisis_followup_count=1)

    def test_whose_time_is_long_past(self):
        assert not self.ripe("assessment_reminder", last_assessment_at=NOON - 900 * DAY)

    def test_who_was_texted_a_while_ago(self):
        high = {"burnout_band": "high", "last_contact_at": NOON - 20 * DAY}

        assert self.ripe("wellness", **high, last_proactive_message_at=NOON - 3 * DAY)
        assert not self.ripe("wellness", **high, last_proactive_message_at=NOON - 2 * DAY)

    def test_who_writes_every_day(self):
        high = {"burnout_band": "high", "last_proactive_message_at": NOON - 30 * DAY}

        assert not self.ripe("wellness", **high, last_contact_at=NOON - DAY)

    def test_whose_crisis_is_no_longer_recent(self):
        lasting = {
            "burnout_band": "crisis",
            "last_contact_at": NOON - 20 * DAY,
            "last_crisis_event_at": NOON - 20 * DAY,
        }

        assert not self.ripe("wellness", **lasting, last_proactive_message_at=NOON - 6 * DAY)
        assert self.ripe("wellness", **lasting, last_proactive_message_at=NOON - 7 * DAY)

    def test_whose_cascade_keeps_them_from_being_called_back(self):
        silent = {"last_contact_at": NOON - 10 * DAY}

        assert self.ripe("dormant_reactivation", **silent)
        assert not self.ripe("dormant_reactivation", **silent, last_crisis_event_at=NOON - 10 * DAY)
