"""Bringing people in from a CSV file: all of them or none.

What a row brings (`last_contact_at` and so on) is the state in which a new person starts, so it is
written as it stands; nothing has happened to them that `caregiving.events` would have to record.
Somebody who is already here is never changed by an import.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from caregiving import erasing, events
from caregiving.importing_files import (
    REJECTED_COLUMNS,
    ImportProblem,
    Source,
    check,
    named,
    records,
)
from caregiving.importing_rows import parse
from caregiving.models import Caregiver, InboundMessage
from caregiving.progress import Advance, no_bar

BATCH = 1000
# So many lines of each kind are kept to be shown; beyond it they are only counted.
SHOWN = 1000
# Of those who raise no question a few are kept, to recognise the file by.
EXAMPLES = 20

__all__ = ["ImportProblem", "Report", "as_json", "import_caregivers", "rejected"]


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


@dataclass(frozen=True)
class Example:
    """Somebody of whom nothing more is to be said than who it is."""

    line: int
    name: str
    masked_number: str


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
    first_new: list[Example] = field(default_factory=list)
    first_same: list[Example] = field(default_factory=list)

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
    cells: list[str]

    def as_example(self) -> Example:
        assert self.person is not None
        return Example(self.line, self.person.first_name, self.person.masked_number)


def import_caregivers(
    file: str | Path | Source,
    *,
    skip_bad: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
    progress: Advance = no_bar,
) -> Report:
    """Import a CSV file. With a bad row nothing is written, unless `skip_bad`.

    One transaction, which is rolled back at the first bad row; the file is then read again to
    find them all. No row is kept in memory; what is kept is one entry per number, to find
    duplicates. On SQLite other writers wait until it is done (100,000 rows: about half a minute).
    `progress` gets bytes. Raises ImportProblem when the file cannot be read as such a CSV at all.
    """
    source = file if isinstance(file, Source) else Source.of_path(file)
    now = now or timezone.now()
    check(source)
    if dry_run:
        return _go_through(source, now, progress, write=False)
    try:
        with transaction.atomic():
            report = _go_through(source, now, progress, write=True, stop_at_bad=not skip_bad)
    except _BadRowFound:
        return _go_through(source, now, progress, write=False)
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
    source: Source, now: datetime, progress: Advance, *, write: bool, stop_at_bad: bool = False
) -> Report:
    report = Report(written=write)
    rows = _rows(source, now, progress)
    while batch := list(islice(rows, BATCH)):
        report.rows += len(batch)
        for row in batch:
            if row.reasons:
                if stop_at_bad:
                    raise _BadRowFound
                report.add_bad(BadRow(row.line, row.reasons))
        _take(batch, report, write=write)
    if report.rows == 0:
        raise ImportProblem(f"{source.name} has a header but no rows: there is nobody to import.")
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
            if len(report.first_new) < EXAMPLES:
                report.first_new.append(row.as_example())
            continue
        report.already_here += 1
        differing = [
            column for column in row.given if getattr(known, column) != getattr(row.person, column)
        ]
        if differing:
            report.add_difference(Difference(row.line, known.masked_number, differing))
        elif len(report.first_same) < EXAMPLES:
            report.first_same.append(row.as_example())
    report.new += len(new)
    if write:
        Caregiver.objects.bulk_create(new, batch_size=BATCH)
        strangers = InboundMessage.objects.filter(
            caregiver__isnull=True, from_number__in=[one.phone_number for one in new]
        )
        wrote = set(strangers.values_list("from_number", flat=True))
        said_stop = erasing.opt_outs_of(one.phone_number for one in new)
        for one in new:
            if one.phone_number in wrote or one.phone_number in said_stop:
                # Before we knew whose number it is; most of all, they may have said stop.
                events.record_new_number(one)


def _rows(source: Source, now: datetime, progress: Advance) -> Iterator[Row]:
    lines = records(source, progress)
    _, header = next(lines, (1, []))
    columns = named(source, header)
    first_lines: dict[int, int] = {}
    for line, cells in lines:
        if len(cells) != len(columns):
            reason = f"has {_cells(len(cells))} where the header has {len(columns)}"
            yield Row(line, None, [], [reason], cells)
            continue
        values, reasons, person = parse(_known(columns, cells), now=now)
        number = values.get("phone_number")
        if number:
            # Digits as an integer: half the memory of the text, for every number in the file.
            first = first_lines.setdefault(int(number[1:]), line)
            if first != line:
                reasons.append(f"phone_number: {number} is on line {first} already")
        yield Row(line, None if reasons else person, list(values), reasons, cells)


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"


def _known(columns: list[str], cells: list[str]) -> dict[str, str]:
    pairs = zip(columns, cells, strict=True)
    return {column: text for column, text in pairs if column not in REJECTED_COLUMNS}


def rejected(source: Source, *, now: datetime) -> Iterator[list[str]]:
    """A header and then every bad row as it stands in the file, with its line and the reasons.

    Corrected, it can be imported in its turn. Raises ImportProblem as `import_caregivers` does.
    """
    check(source)
    _, header = next(records(source, no_bar), (1, []))
    old = [n for n, name in enumerate(header) if name.lower() in REJECTED_COLUMNS]

    def without_old(cells: list[str]) -> list[str]:
        return [cell for n, cell in enumerate(cells) if n not in old]

    # Ours come first, since a row may have more cells than the header.
    yield [*REJECTED_COLUMNS, *without_old(header)]
    for row in _rows(source, now, no_bar):
        if row.reasons:
            yield [str(row.line), "; ".join(row.reasons), *without_old(row.cells)]


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
