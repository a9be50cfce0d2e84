"""Pruning beside others: two at once, somebody who is locked, a hold that comes in between."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from caregiving import events
from caregiving.models import Caregiver
from proactive import archiving, pruning
from proactive.models import Message
from proactive.pruning import prune
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.people import NOON, due_for, person
from tests.proactive.test_pruning import OLD

pytestmark = pytest.mark.django_db(transaction=True)
on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)


@pytest.fixture
def elsewhere():
    """Runs a function on a connection of its own, as another process would."""

    def run(function, *arguments):
        def closing():
            try:
                return function(*arguments)
            finally:
                connections.close_all()

        return pool.submit(closing)

    with ThreadPoolExecutor(2) as pool:
        yield run


def many(count, someone=None):
    someone = someone or person()
    Message.objects.bulk_create(
        MessageFactory.build_batch(
            count, caregiver=someone, stage=None, occasion=None, status="sent", queued_at=OLD
        )
    )
    return someone


def test_two_at_once_share_the_work_and_each_row_is_in_an_archive(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 5)
    for _ in range(6):
        many(7)
    everything = {str(pk) for pk in Message.objects.values_list("pk", flat=True)}
    begin = threading.Barrier(2)

    def run(name):
        path = tmp_path / f"{name}.jsonl.gz"
        with archiving.opened(path, now=NOON) as archive:
            begin.wait(30)
            report = prune(now=NOON, archive=archive)
        return report.kinds["texts"].gone, [row["id"] for row in archiving.read(path)] if (
            path.exists()
        ) else []

    results = [future.result(60) for future in [elsewhere(run, name) for name in "ab"]]
    with archiving.opened(tmp_path / "c.jsonl.gz", now=NOON) as archive:
        prune(now=NOON, archive=archive)
    rest = [row["id"] for row in archiving.read(tmp_path / "c.jsonl.gz")] if archive.rows else []

    kept = Counter(key for _, keys in results for key in keys) + Counter(rest)
    assert set(kept) == everything
    assert max(kept.values()) == 1
    assert sum(gone for gone, _ in results) == len(everything) - len(rest)
    assert not Message.objects.exists()


@on_postgres
def test_whoever_is_locked_is_passed_over_and_holds_nobody_up(elsewhere):
    busy, free = many(2), many(3)

    with transaction.atomic():
        Caregiver.objects.select_for_update().get(pk=busy.pk)
        report = elsewhere(lambda: prune(now=NOON)).result(10)

    assert (report.kinds["texts"].gone, report.kinds["texts"].passed_over) == (3, 2)
    assert not free.messages.exists()
    assert prune(now=NOON).kinds["texts"].gone == 2


@on_postgres
def test_a_hold_that_is_recorded_while_a_batch_is_prepared_counts(elsewhere, monkeypatch):
    by = User.objects.create_user("lee")
    held, free = many(2), many(2)
    locked = pruning._Run._locked

    def with_a_hold_just_before(self, keys):
        hold = elsewhere(lambda: events.record_legal_hold(held, by=by, reason="Case 12", at=NOON))
        hold.result(10)
        return locked(self, keys)

    monkeypatch.setattr(pruning._Run, "_locked", with_a_hold_just_before)
    report = prune(now=NOON)

    assert report.kinds["texts"].gone == 2
    assert (held.messages.count(), free.messages.count()) == (2, 0)


@on_postgres
def test_a_hold_waits_for_the_batch_that_is_under_way(elsewhere, tmp_path, monkeypatch):
    """So that whoever reads "under legal hold" can rely on it from then on."""
    by = User.objects.create_user("lee")
    someone = many(2)
    keep = archiving.Archive.keep
    seen = []

    def keep_while_somebody_holds(self, rows):
        hold = elsewhere(lambda: events.record_legal_hold(someone, by=by, reason="x", at=NOON))
        with pytest.raises(TimeoutError):
            hold.result(0.5)
        seen.append(hold)
        keep(self, rows)

    monkeypatch.setattr(archiving.Archive, "keep", keep_while_somebody_holds)
    with archiving.opened(tmp_path / "gone.jsonl.gz", now=NOON) as archive:
        prune(now=NOON, archive=archive)

    seen[0].result(10)
    assert Caregiver.objects.on_hold().get() == someone
    assert not someone.messages.exists()


@on_postgres
def test_a_sweep_beside_it_passes_over_whom_it_holds_and_texts_them_next_time(
    elsewhere, tmp_path, monkeypatch
):
    busy, other = due_for("wellness"), due_for("wellness")
    many(2, busy)
    keep = archiving.Archive.keep

    def keep_while_a_sweep_runs(self, rows):
        elsewhere(lambda: run_sweep(now=NOON)).result(30)
        keep(self, rows)

    monkeypatch.setattr(archiving.Archive, "keep", keep_while_a_sweep_runs)
    with archiving.opened(tmp_path / "gone.jsonl.gz", now=NOON) as archive:
        assert prune(now=NOON, archive=archive).kinds["texts"].gone == 2
    assert [one.caregiver_id for one in Message.objects.queued()] == [other.pk]

    run_sweep(now=NOON)
    assert {one.caregiver_id for one in Message.objects.queued()} == {busy.pk, other.pk}
