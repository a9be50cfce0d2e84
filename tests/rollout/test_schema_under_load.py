"""The schema goes forward and back while people are added and changed; nobody waits for long."""

import threading
import time
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DataError, OperationalError, connection

from caregiving.backfilling import backfill_crisis_events, initialize_proactive_fields
from caregiving.management.commands import migrate as command
from caregiving.models import Caregiver, WellnessScore
from tests.caregiving.test_migrations import (  # noqa: F401 (fixtures)
    PEOPLE,
    columns,
    only_ours,
    original,
    rows,
    shape,
)
from tests.rollout.writers import a_long_writer, writing

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="what a live PostgreSQL must be spared"
)

PATIENCE = 0.3  # seconds for each lock, instead of five
MARGIN = 2.0  # for a busy machine
APPS = ("caregiving", "proactive")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    patience = f"{PATIENCE * 1000:.0f}ms"
    monkeypatch.setattr(command, "LOCK_TIMEOUT", patience)
    for app in APPS:
        for file in Path(import_module(app).__path__[0], "migrations").glob("0*.py"):
            for operation in import_module(f"{app}.migrations.{file.stem}").Migration.operations:
                if hasattr(operation, "lock_timeout"):
                    monkeypatch.setattr(operation, "lock_timeout", patience)


def migrate(*target):
    call_command("migrate", *target, verbosity=0, interactive=False)


def refused(error, match, *target):
    """As a process of its own it would end here, and its connection with it."""
    with pytest.raises(error, match=match):
        migrate(*target)
    connection.close()
    connection.connect()


def nobody_waited(written):
    assert written.errors == []
    assert len(written.waits) > 10  # or nobody was there to wait
    assert written.longest < PATIENCE + MARGIN


def tables():
    return {name for name in connection.introspection.table_names() if name.startswith(APPS)}


def people_of(numbers):
    return rows(f"SELECT count(*) FROM {PEOPLE} WHERE phone_number = ANY(%s)", numbers)[0][0]


def test_writers_go_on_while_the_schema_goes_forward_and_all_the_way_back(original):  # noqa: F811
    before, had = shape(), tables()
    with writing() as written:
        migrate()
        assert "proactive_message" in tables()
        migrate("proactive", "zero")
        migrate("caregiving", "0001_initial")
    nobody_waited(written)
    assert shape() == before
    assert tables() == had
    assert people_of(written.inserted) == len(written.inserted) > 10


PERMISSIONS = ("caregiving", "0006_permissions")
OUTREACH = ("proactive", "0001_initial")


@pytest.mark.parametrize(
    ("starts", "target"),
    [
        ([], ("caregiving", "0003_cadence_fields")),
        ([("caregiving", "0003_cadence_fields")], ("caregiving", "0004_history")),
        ([PERMISSIONS], OUTREACH),
        ([PERMISSIONS, OUTREACH], ("proactive", "zero")),
    ],
    ids=["fields", "tables of people", "outreach", "outreach back"],
)
def test_behind_a_long_writer_it_gives_up_others_go_on_and_it_can_be_run_again(
    original,  # noqa: F811
    starts,
    target,
):
    for start in starts:
        migrate(*start)
    with writing() as written:
        with a_long_writer():
            began = time.monotonic()
            refused(OperationalError, "lock timeout", *target)
            so_far = len(written.waits)
            while len(written.waits) < so_far + 10:  # beside the long one
                assert time.monotonic() - began < 15
                time.sleep(0.05)
        migrate(*target)
    nobody_waited(written)


def test_an_index_is_built_however_long_a_writer_takes(original):  # noqa: F811
    """Nobody waits behind it, so it need not give up."""
    migrate("caregiving", "0011_legal_hold")
    begun = threading.Event()

    def write():
        with a_long_writer():
            begun.set()
            time.sleep(3 * PATIENCE)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)
        with writing() as written:
            migrate("caregiving", "0012_people_pages")
    finally:
        writer.join()
    nobody_waited(written)
    index = "people_by_opt_out"
    assert rows("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", index) == [
        (True,)
    ]


def test_fields_are_filled_in_batches_while_people_are_added_and_changed(original):  # noqa: F811
    migrate()
    there = set(Caregiver.objects.values_list("pk", flat=True))
    WellnessScore.objects.bulk_create(
        WellnessScore(caregiver=one, score=10, burnout_band="crisis")
        for one in Caregiver.objects.filter(burnout_band="crisis")
    )
    with writing() as written:
        initialize_proactive_fields(batch_size=100)
        backfilled = backfill_crisis_events(batch_size=100)
    nobody_waited(written)
    filled = Caregiver.objects.filter(pk__in=there)
    assert not filled.filter(crisis_followup_count=None).exists()
    assert not filled.filter(reactivation_message_count=None).exists()
    # What the writers did meanwhile stays.
    assert people_of(written.inserted) == len(written.inserted)
    assert rows(f"SELECT count(*) FROM {PEOPLE} WHERE first_name LIKE 'Ruth %%'")[0][0] > 0
    assert backfilled.people == Caregiver.objects.exclude(last_crisis_event_at=None).count() > 0
    migrate("caregiving", "0001_initial")  # what tells of the people goes before they do


def test_on_the_way_back_what_was_there_before_outreach_stays_and_the_rest_is_lost(original):  # noqa: F811
    before = columns(PEOPLE)
    people = rows(f"SELECT {', '.join(before)} FROM {PEOPLE} ORDER BY id")
    migrate()
    Caregiver.objects.update(crisis_followup_count=3)

    migrate("proactive", "zero")
    assert not any(name.startswith("proactive_") for name in tables())
    assert set(Caregiver.objects.values_list("crisis_followup_count", flat=True)) == {3}

    migrate("caregiving", "0001_initial")
    assert columns(PEOPLE) == before
    assert rows(f"SELECT {', '.join(before)} FROM {PEOPLE} ORDER BY id") == people
    migrate()
    assert set(Caregiver.objects.values_list("crisis_followup_count", flat=True)) == {None}


def test_a_sender_that_is_too_long_for_the_old_schema_is_refused_not_cut(original):  # noqa: F811
    migrate()
    sender = "rcs:caregiver_agent"
    rows(
        "INSERT INTO caregiving_inboundmessage (from_number, body, received_at, provider_sid)"
        " VALUES (%s, '', now(), 'SM-long') RETURNING id",
        sender,
    )
    refused(DataError, "value too long", "caregiving", "0001_initial")
    rows("DELETE FROM caregiving_inboundmessage WHERE from_number = %s RETURNING id", sender)
    migrate("caregiving", "0001_initial")
