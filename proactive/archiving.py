"""The file that keeps what is about to be deleted: JSON lines under gzip, one line a row.

It holds whole numbers and what people wrote, so only its owner can read it (0600); its first line
says so to whoever finds it. Each `keep` ends on the disk before it returns: what is deleted
afterwards is in the file whatever crashes. A run that broke off leaves a file whose last part may
be torn, and all of its rows are still in the database; so a file is never added to, and the next
run needs another name.
"""

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Model

WARNING = "Rows deleted from the outreach database, with phone numbers and what people wrote."


class Archive:
    """An archive that is being written; see `opened`. `rows`: how many are in it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.rows = 0

    def keep(self, rows: Iterable[Model]) -> None:
        """Write `rows` to where they survive; only then may they be deleted. Raises OSError."""
        lines = [_line({"table": row._meta.label_lower, **_values(row)}) for row in rows]
        self._append(lines)
        self.rows += len(lines)

    def begin(self, now: datetime) -> None:
        self._append([_line({"about": WARNING, "as_of": now})])

    def _append(self, lines: list[str]) -> None:
        # A whole member of the gzip format each time: what is complete can be read without the
        # rest, and members in a row are one file to every tool.
        left = memoryview(gzip.compress("".join(lines).encode()))
        while left:
            left = left[os.write(self._handle, left) :]
        os.fsync(self._handle)


@contextmanager
def opened(path: Path, *, now: datetime) -> Iterator[Archive]:
    """A new archive at `path`; if nothing was kept in it, none is there afterwards.

    Raises OSError; FileExistsError for a `path` at which there is anything, which stays as it is.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    archive = Archive(handle)
    try:
        archive.begin(now)
        _sync_folder(path.parent)
        yield archive
    finally:
        os.close(handle)
        if not archive.rows:
            path.unlink(missing_ok=True)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of an archive as they were written, its first line left out.

    Raises EOFError at the torn end of one whose run broke off, after all that is whole.
    """
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            yield json.loads(line)


def erase(path: Path, person: int, *, dry_run: bool = False) -> int:
    """Take every row about this person (their key) out of an archive; returns how many there were.

    The file is written anew beside it and takes its place once it is on the disk. What is torn at
    the end of an archive is gone afterwards: those rows are still in the database. Raises OSError.
    """
    beside = path.with_name(f"{path.name}.erasing")
    gone = 0
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.open(raw, "wt", encoding="utf-8") as kept:
                for line in _lines(path):
                    if json.loads(line).get("caregiver_id") == person:
                        gone += 1
                    else:
                        kept.write(line)
            raw.flush()
            os.fsync(raw.fileno())
        if gone and not dry_run:
            beside.replace(path)
            _sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)
    return gone


def _lines(path: Path) -> Iterator[str]:
    """All that is whole."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        try:
            for line in lines:
                if line.endswith("\n"):
                    yield line
        except EOFError:
            return


def _sync_folder(folder: Path) -> None:
    # Else the rows would be on the disk, and the name by which to find them perhaps not.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> str:
    # Not Django's encoder, which cuts instants off at milliseconds: occasions are compared.
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"cannot archive {type(value).__name__}")
