"""Bringing people in from a CSV file: all of them or none.

What a row brings (`last_contact_at` and so on) is the state in which a new person starts, so it is
written as it stands; nothing has happened to them that `caregiving.events` would have to record.
Somebody who is already here is never changed by an import.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from caregiving import events
from caregiving.importing_rows import KNOWN_COLUMNS, parse
from caregiving.models import Caregiver, InboundMessage
from caregiving.progress import Advance, no_bar

BATCH = 1000
# So many lines of each kind are kept to be shown; beyond it they are only counted.
SHOWN = 1000


class ImportProblem(Exception):
    """The file as a whole cannot be imported; the text says why and what to do."""


@dataclass(frozen=True)
class BadRow:
    line: int
    reasons: list[str]


@dataclass(frozen=True)
class Difference:
    """Somebody who is already here, with other values than the file has."""

    line: int
    masked_number: str
    columns: list[str]


@dataclass
class Report:
    """What an import did, or found that it would do (`written` is false)."""

    rows: int = 0
    new: int = 0
    already_here: int = 0
    differing: int = 0
    bad: int = 0
    written: bool = False
    bad_rows: list[BadRow] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def add_bad(self, row: BadRow) -> None:
        self.bad += 1
        if len(self.bad_rows) < SHOWN:
            self.bad_rows.append(row)

    def add_difference(self, difference: Difference) -> None:
        self.differing += 1
        if len(self.differences) < SHOWN:
            self.differences.append(difference)


@dataclass(frozen=True)
class Row:
    """One row as read: a person, or the reasons why it is none. `given`: columns with a value."""

    line: int
    person: Caregiver | None
    given: list[str]
    reasons: list[str]


def import_caregivers(
    path: str | Path,
    *,
    skip_bad: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
    progress: Advance = no_bar,
) -> Report:
    """Import the CSV file at `path`. With a bad row nothing is written, unless `skip_bad`.

    One transaction, which is rolled back at the first bad row; the file is then read again to
    find them all. No row is kept in memory; what is kept is one entry per number, to find
    duplicates. On SQLite other writers wait until it is done (100,000 rows: about half a minute).
    `progress` gets bytes. Raises ImportProblem when the file cannot be read as such a CSV at all.
    """
    path = Path(path)
    now = now or timezone.now()
    _check_file(path)
    if dry_run:
        return _go_through(path, now, progress, write=False)
    try:
        with transaction.atomic():
            report = _go_through(path, now, progress, write=True, stop_at_bad=not skip_bad)
    except _BadRowFound:
        return _go_through(path, now, progress, write=False)
    except IntegrityError as error:
        raise ImportProblem(
            "Somebody else added one of these people at the same moment. Nothing was imported: "
            "run the import again."
        ) from error
    # Whoever wrote while the transaction was open was a stranger; they may have said stop.
    events.adopt_earlier_texts()
    return report


class _BadRowFound(Exception):
    """Rolls the transaction back."""


def _go_through(
    path: Path, now: datetime, progress: Advance, *, write: bool, stop_at_bad: bool = False
) -> Report:
    report = Report(written=write)
    rows = _rows(path, now, progress)
    while batch := list(islice(rows, BATCH)):
        report.rows += len(batch)
        for row in batch:
            if row.reasons:
                if stop_at_bad:
                    raise _BadRowFound
                report.add_bad(BadRow(row.line, row.reasons))
        _take(batch, report, write=write)
    if report.rows == 0:
        raise ImportProblem(f"{path} has a header but no rows: there is nobody to import.")
    return report


def _take(batch: list[Row], report: Report, *, write: bool) -> None:
    """Sort one batch into new and already here (one query), and insert the new."""
    people = {row.person.phone_number: row for row in batch if row.person is not None}
    here = Caregiver.objects.in_bulk(list(people), field_name="phone_number")
    new = []
    for number, row in people.items():
        assert row.person is not None
        known = here.get(number)
        if known is None:
            new.append(row.person)
            continue
        report.already_here += 1
        differing = [
            column for column in row.given if getattr(known, column) != getattr(row.person, column)
        ]
        if differing:
            report.add_difference(Difference(row.line, known.masked_number, differing))
    report.new += len(new)
    if write:
        Caregiver.objects.bulk_create(new, batch_size=BATCH)
        strangers = InboundMessage.objects.filter(
            caregiver__isnull=True, from_number__in=[one.phone_number for one in new]
        )
        wrote = set(strangers.values_list("from_number", flat=True))
        for one in new:
            if one.phone_number in wrote:
                # Before we knew whose number it is; most of all, they may have said stop.
                events.record_new_number(one)


# --- Reading the file ---


def _check_file(path: Path) -> None:
    if not path.exists():
        raise ImportProblem(f"There is no file {path}: check the path.")
    if not path.is_file():
        raise ImportProblem(f"{path} is not a file: name the CSV file itself.")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ImportProblem(f"{path} cannot be read: {error.strerror}.") from error
    if not start:
        raise ImportProblem(f"{path} is empty.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start[:2].count(0) == 1:
        raise ImportProblem(f"{path} is UTF-16, from line 1 on: {_SAVE_AS}.")
    if start == b"PK\x03\x04":
        raise ImportProblem(f"{path} is a spreadsheet, not CSV: {_SAVE_AS}.")


_SAVE_AS = 'save it as "CSV UTF-8 (comma delimited)" and import that file'


def _lines(path: Path, progress: Advance) -> Iterator[str]:
    """The lines as text, decoded one by one so that a wrong byte can be found in the file."""
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                wrong = f"byte 0x{line[error.start]:02x} after {_before(line, error.start)!r}"
                raise ImportProblem(
                    f"{path} is not UTF-8: line {number} has {wrong}. Nothing was imported: "
                    f"{_SAVE_AS}."
                ) from error
            done += len(line)
            if number % BATCH == 0:
                progress(done, total)
    progress(done, total)


def _before(line: bytes, position: int) -> str:
    return line[max(0, position - 12) : position].decode("utf-8", errors="replace")


def _records(path: Path, progress: Advance) -> Iterator[tuple[int, list[str]]]:
    """The number of the line on which each record begins, and its cells; blank ones left out."""
    # Strict: a quotation mark that is never closed would otherwise swallow the rest of the file.
    reader = csv.reader(_lines(path, progress), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ImportProblem(
                f"{path} is not well-formed CSV at the record that begins on line {line}: "
                f"{error}. Nothing was imported: look for a quotation mark that is not closed, "
                f"or {_SAVE_AS}."
            ) from error
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield line, cells


def _rows(path: Path, now: datetime, progress: Advance) -> Iterator[Row]:
    records = _records(path, progress)
    _, header = next(records, (1, []))
    columns = _columns(path, header)
    first_lines: dict[int, int] = {}
    for line, cells in records:
        if len(cells) != len(columns):
            reason = f"has {_cells(len(cells))} where the header has {len(columns)}"
            yield Row(line, None, [], [reason])
            continue
        values, reasons, person = parse(dict(zip(columns, cells, strict=True)), now=now)
        number = values.get("phone_number")
        if number:
            # Digits as an integer: half the memory of the text, for every number in the file.
            first = first_lines.setdefault(int(number[1:]), line)
            if first != line:
                reasons.append(f"phone_number: {number} is on line {first} already")
        yield Row(line, None if reasons else person, list(values), reasons)


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [name.lower() for name in header]
    known = ", ".join(KNOWN_COLUMNS)
    if any("\0" in name for name in columns):
        raise ImportProblem(f"{path} has a NUL byte in line 1, as UTF-16 has: {_SAVE_AS}.")
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        raise ImportProblem(f"{path} is not separated by commas: {_SAVE_AS}.")
    unknown = [name or "(no name)" for name in columns if name not in KNOWN_COLUMNS]
    if unknown:
        # A misspelt column that was passed over would lose what is in it without a word.
        raise ImportProblem(
            f"{path} has unknown columns: {', '.join(unknown)}. Rename or remove them. "
            f"Known are: {known}."
        )
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise ImportProblem(f"{path} has columns twice: {', '.join(doubled)}. Remove one of each.")
    if "phone_number" not in columns:
        raise ImportProblem(
            f"{path} has no column phone_number, which is required. Its first line must name the "
            f"columns: {known}."
        )
    return columns


def as_json(report: Report) -> dict[str, Any]:
    """The report for machines. Only bad rows show a number as given: it is what to correct."""
    return {
        "rows": report.rows,
        "new": report.new,
        "already_here": report.already_here,
        "already_here_differs": report.differing,
        "bad": report.bad,
        "written": report.written,
        "bad_rows": [vars(row) for row in report.bad_rows],
        "differences": [vars(difference) for difference in report.differences],
    }
