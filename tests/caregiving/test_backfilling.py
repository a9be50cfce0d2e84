"""Filling what older rows lack, while the system runs and may be killed."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving import backfilling
from caregiving.backfilling import backfill_crisis_events, initialize_proactive_fields
from caregiving.models import Caregiver, CrisisEvent, WellnessScore

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
COUNTERS = backfilling.COUNTERS


def person(n=0, **values):
    return Caregiver.objects.create(phone_number=f"+1415555{2000 + n}", **values)


def crisis_person(n=0, *, scored=("crisis",), **values):
    """In band crisis without a date; `scored`: the bands of their scores, latest first."""
    someone = person(n, burnout_band="crisis", **values)
    for days, band in enumerate(scored, start=1):
        WellnessScore.objects.create(
            caregiver=someone, score=10, burnout_band=band, created_at=NOW - days * DAY
        )
    return someone


def run(name, *arguments):
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


# --- initialize_proactive_fields ---


def test_empty_counters_become_zero_and_others_stay():
    person(crisis_followup_count=3)
    filled = initialize_proactive_fields()
    assert filled == {
        "people": 1,
        "crisis_followup_count": 0,
        "reactivation_message_count": 1,
        "assessment_reminder_count": 1,
        "onboarding_nudge_count": 1,
        "derived_zones": 0,
    }
    assert Caregiver.objects.values_list(*COUNTERS).get() == (3, 0, 0, 0)


def test_zones_are_derived_where_none_was_given_and_the_stored_ones_are_stale():
    stale, given, right = person(0), person(1, time_zone="Europe/Berlin"), person(2)
    Caregiver.objects.filter(pk__in=[stale.pk, given.pk]).update(derived_zones="Mars/Base")
    assert initialize_proactive_fields()["derived_zones"] == 1
    assert [Caregiver.objects.get(pk=one.pk).derived_zones for one in (stale, given, right)] == [
        "America/Los_Angeles",
        "Mars/Base",
        "America/Los_Angeles",
    ]


def test_nothing_else_of_a_person_is_touched():
    someone = person(zip_code="60601", last_contact_at=NOW, last_proactive_message_at=NOW)
    before = Caregiver.objects.values().get()
    initialize_proactive_fields()
    after = Caregiver.objects.values().get(pk=someone.pk)
    assert after == {**before, **dict.fromkeys(COUNTERS, 0)}


def test_a_second_run_finds_nothing_and_writes_nothing():
    for n in range(5):
        person(n)
    initialize_proactive_fields()
    with CaptureQueriesContext(connection) as queries:
        assert set(initialize_proactive_fields().values()) == {0, 5}
    assert [query["sql"] for query in queries if query["sql"].startswith("UPDATE")] == []


def test_a_run_that_was_killed_halfway_keeps_what_it_did_and_is_continued():
    for n in range(4):
        person(n)

    def kill(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        initialize_proactive_fields(batch_size=2, progress=kill)
    assert Caregiver.objects.filter(crisis_followup_count=0).count() == 2
    assert initialize_proactive_fields(batch_size=2)["crisis_followup_count"] == 2
    assert Caregiver.objects.filter(crisis_followup_count=0).count() == 4


def test_a_counter_that_a_sweep_sets_meanwhile_is_not_overwritten(monkeypatch):
    """The sweep comes between the reading of the batch and its writing."""
    someone = person()
    fill = backfilling._fill_counter

    def sweep_first(counter, people):
        Caregiver.objects.filter(pk=someone.pk).update(crisis_followup_count=2)
        return fill(counter, people)

    monkeypatch.setattr(backfilling, "_fill_counter", sweep_first)
    assert initialize_proactive_fields()["crisis_followup_count"] == 0
    assert Caregiver.objects.values_list(*COUNTERS).get() == (2, 0, 0, 0)


def test_a_zone_that_somebody_gives_meanwhile_is_respected(monkeypatch):
    someone = person()
    Caregiver.objects.update(derived_zones="Mars/Base")
    fill = backfilling._fill_counter

    def move_first(counter, people):
        Caregiver.objects.filter(pk=someone.pk).update(zip_code="60601")
        return fill(counter, people)

    monkeypatch.setattr(backfilling, "_fill_counter", move_first)
    initialize_proactive_fields()
    assert Caregiver.objects.get().derived_zones == "America/Chicago"


def test_it_goes_by_batches_and_reports_progress():
    for n in range(5):
        person(n)
    steps = []
    initialize_proactive_fields(batch_size=2, progress=lambda *step: steps.append(step))
    assert steps == [(2, 5), (4, 5), (5, 5)]


def test_the_command_prints_what_it_filled():
    person()
    assert json.loads(run("initialize_proactive_fields", "--json", "--batch-size", "7")) == {
        "people": 1,
        **dict.fromkeys(COUNTERS, 1),
        "derived_zones": 0,
    }
    assert run("initialize_proactive_fields").endswith("1 people seen.\n")


@pytest.mark.parametrize("name", ["initialize_proactive_fields", "backfill_crisis_events"])
def test_a_batch_of_nobody_is_refused(name):
    with pytest.raises(CommandError, match="--batch-size"):
        run(name, "--batch-size=0")


# --- backfill_crisis_events ---


def test_a_crisis_is_dated_by_the_latest_score():
    someone = crisis_person(scored=("crisis", "crisis", "high"), crisis_followup_count=4)
    assert backfill_crisis_events().people == 1
    someone.refresh_from_db()
    assert (someone.last_crisis_event_at, someone.crisis_followup_count) == (NOW - DAY, 0)
    assert list(CrisisEvent.objects.values_list("caregiver", "at", "source")) == [
        (someone.pk, NOW - DAY, "backfill")
    ]


def test_it_does_not_count_as_contact():
    someone = crisis_person(
        journey_phase="churned", last_contact_at=NOW - 40 * DAY, reactivation_message_count=3
    )
    before = Caregiver.objects.values().get()
    backfill_crisis_events()
    assert Caregiver.objects.values().get(pk=someone.pk) == {
        **before,
        "last_crisis_event_at": NOW - DAY,
        "crisis_followup_count": 0,
    }


def test_nobody_else_is_touched():
    crisis_person(0, last_crisis_event_at=NOW - 9 * DAY)
    crisis_person(1, scored=("high", "crisis"))
    crisis_person(2, scored=())
    better = crisis_person(3)
    Caregiver.objects.filter(pk=better.pk).update(burnout_band="mild")
    before = list(Caregiver.objects.order_by("pk").values())
    assert backfill_crisis_events().people == 0
    assert list(Caregiver.objects.order_by("pk").values()) == before
    assert CrisisEvent.objects.count() == 0


def test_a_dry_run_shows_the_first_and_writes_nothing():
    for n in range(22):
        crisis_person(n)
    result = backfill_crisis_events(dry_run=True)
    assert (result.people, result.written, len(result.first)) == (22, False, 20)
    assert result.first[0] == ("+1415***2000", NOW - DAY)
    assert Caregiver.objects.filter(last_crisis_event_at__isnull=False).count() == 0


def test_a_crisis_that_is_recorded_meanwhile_is_not_overwritten(monkeypatch):
    """It comes between finding the batch and locking it."""
    someone = crisis_person()
    date = backfilling._date_crises

    def record_first(pks):
        Caregiver.objects.filter(pk=someone.pk).update(
            last_crisis_event_at=NOW, crisis_followup_count=1
        )
        return date(pks)

    monkeypatch.setattr(backfilling, "_date_crises", record_first)
    assert backfill_crisis_events().people == 0
    someone.refresh_from_db()
    assert (someone.last_crisis_event_at, someone.crisis_followup_count) == (NOW, 1)
    assert CrisisEvent.objects.count() == 0


def test_a_backfill_that_was_killed_halfway_is_continued():
    for n in range(4):
        crisis_person(n)

    def kill(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill_crisis_events(batch_size=2, progress=kill)
    assert CrisisEvent.objects.count() == 2
    assert backfill_crisis_events(batch_size=2).people == 2
    assert backfill_crisis_events().people == 0
    assert Caregiver.objects.filter(last_crisis_event_at=NOW - DAY).count() == 4


def test_a_crisis_that_is_on_record_already_is_not_recorded_twice():
    someone = crisis_person()
    CrisisEvent.objects.create(caregiver=someone, at=NOW - DAY, source="staff")
    assert backfill_crisis_events().people == 1
    assert CrisisEvent.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_people():
    def queries(n):
        crisis_person(n)
        with CaptureQueriesContext(connection) as captured:
            backfill_crisis_events()
        return len(captured)

    alone = queries(0)
    for n in range(1, 20):
        crisis_person(n)
    assert queries(20) == alone


def test_the_crisis_command_prints_masked_numbers():
    crisis_person()
    assert json.loads(run("backfill_crisis_events", "--dry-run", "--json")) == {
        "people": 1,
        "written": False,
        "first": [
            {"phone_number": "+1415***2000", "last_crisis_event_at": (NOW - DAY).isoformat()}
        ],
    }
    dry_run = run("backfill_crisis_events", "--dry-run")
    assert "+1415***2000" in dry_run
    assert dry_run.endswith("1 people would get a crisis date.\nDry run: nothing was written.\n")
    assert run("backfill_crisis_events").endswith("1 people got a crisis date.\n")
