"""The archive: whole, on the disk before anything goes, and for nobody else's eyes."""

import gzip
import json
import os
import stat
from datetime import timedelta

import pytest

from proactive import archiving
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gone.jsonl.gz"


def test_a_row_comes_back_as_it_was_to_the_microsecond(path):
    at = NOON + timedelta(microseconds=7)
    text = MessageFactory(body="Hola, ¿cómo estás?", queued_at=at, occasion=NOON, stage=2)

    with archiving.opened(path, now=NOON) as archive:
        archive.keep([text])

    (row,) = archiving.read(path)
    assert row["table"] == "proactive.message"
    assert row["id"] == str(text.pk)
    assert (row["body"], row["to_number"]) == (text.body, text.to_number)
    assert row["queued_at"] == "2027-01-05T12:00:00.000007+00:00"
    assert (row["stage"], row["caregiver_id"], row["sweep_id"]) == (2, text.caregiver_id, None)
    assert archive.rows == 1


def test_its_first_line_says_what_it_holds(path):
    with archiving.opened(path, now=NOON) as archive:
        archive.keep([CaregiverFactory()])

    first = json.loads(gzip.decompress(path.read_bytes()).decode().splitlines()[0])
    assert first == {"about": archiving.WARNING, "as_of": "2027-01-05T12:00:00+00:00"}
    assert "phone numbers and what people wrote" in archiving.WARNING


def test_only_its_owner_can_read_it_whatever_the_umask(path):
    before = os.umask(0)
    try:
        with archiving.opened(path, now=NOON) as archive:
            archive.keep([CaregiverFactory()])
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_that_is_there_is_left_as_it_is(path):
    path.write_text("of last year")

    with pytest.raises(FileExistsError), archiving.opened(path, now=NOON):
        pass

    assert path.read_text() == "of last year"


def test_without_rows_there_is_no_file(path):
    with archiving.opened(path, now=NOON):
        assert path.exists()

    assert not path.exists()


def test_each_batch_is_whole_before_the_next_so_a_torn_end_loses_no_other(path):
    people = [CaregiverFactory() for _ in range(3)]
    with archiving.opened(path, now=NOON) as archive:
        archive.keep(people[:2])
        whole = path.stat().st_size
        archive.keep(people[2:])
    torn = path.read_bytes()[: whole + 10]
    path.write_bytes(torn)

    rows = []
    with pytest.raises(EOFError):
        rows += [rows.append(row) for row in archiving.read(path)]

    assert [row["id"] for row in rows] == [one.pk for one in people[:2]]


def test_it_is_on_the_disk_before_keep_returns(path, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(handle):
        real(handle)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr(archiving.os, "fsync", fsync)
    with archiving.opened(path, now=NOON) as archive:
        archive.keep([CaregiverFactory()])
        assert synced[-1] == path.stat().st_size
        assert len(synced) == 2
