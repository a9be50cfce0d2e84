"""Reading a CSV file of people: where it comes from, its lines, its columns.

It is read as often as needed and never held as a whole, except where it came in memory.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from caregiving.csv_cells import as_typed
from caregiving.importing_rows import KNOWN_COLUMNS
from caregiving.progress import Advance

# So often is told how far it got.
LINES = 1000
# What the file of rejected rows has besides: whoever corrects it may import it as it is.
REJECTED_COLUMNS = ("rejected_line", "rejected_because")
_SAVE_AS = 'save it as "CSV UTF-8 (comma delimited)" and import that file'


class ImportProblem(Exception):
    """The file as a whole cannot be imported; the text says why and what to do."""


@dataclass(frozen=True)
class Source:
    """A file under the name by which people know it; `open` gives its bytes from the start."""

    name: str
    size: int
    open: Callable[[], BinaryIO]

    @classmethod
    def of_path(cls, path: str | Path) -> "Source":
        """Raises ImportProblem if there is no such file."""
        path = Path(path)
        if not path.exists():
            raise ImportProblem(f"There is no file {path}: check the path.")
        if not path.is_file():
            raise ImportProblem(f"{path} is not a file: name the CSV file itself.")
        try:
            path.open("rb").close()
        except OSError as error:
            raise ImportProblem(f"{path} cannot be read: {error.strerror}.") from error
        return cls(str(path), path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "Source":
        return cls(name, len(content), lambda: BytesIO(content))


def check(source: Source) -> None:
    """Raise ImportProblem for what its first bytes show to be something else than CSV in UTF-8."""
    with source.open() as file:
        start = file.read(4)
    if not start:
        raise ImportProblem(f"{source.name} is empty.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start[:2].count(0) == 1:
        raise ImportProblem(f"{source.name} is UTF-16, from line 1 on: {_SAVE_AS}.")
    if start == b"PK\x03\x04":
        raise ImportProblem(f"{source.name} is a spreadsheet, not CSV: {_SAVE_AS}.")


def _lines(source: Source, progress: Advance) -> Iterator[str]:
    """The lines as text, decoded one by one so that a wrong byte can be found in the file."""
    done, total = 0, source.size
    with source.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                wrong = f"byte 0x{line[error.start]:02x} after {_before(line, error.start)!r}"
                raise ImportProblem(
                    f"{source.name} is not UTF-8: line {number} has {wrong}. Nothing was imported: "
                    f"{_SAVE_AS}."
                ) from error
            done += len(line)
            if number % LINES == 0:
                progress(done, total)
    progress(done, total)


def _before(line: bytes, position: int) -> str:
    return line[max(0, position - 12) : position].decode("utf-8", errors="replace")


def records(source: Source, progress: Advance) -> Iterator[tuple[int, list[str]]]:
    """The number of the line on which each record begins, and its cells; blank ones left out."""
    # Strict: a quotation mark that is never closed would otherwise swallow the rest of the file.
    reader = csv.reader(_lines(source, progress), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ImportProblem(
                f"{source.name} is not well-formed CSV at the record that begins on line {line}: "
                f"{error}. Nothing was imported: look for a quotation mark that is not closed, "
                f"or {_SAVE_AS}."
            ) from error
        cells = [as_typed(cell.strip()) for cell in cells]
        if any(cells):
            yield line, cells


def named(source: Source, header: list[str]) -> list[str]:
    """The columns that the first line names; raises ImportProblem for what none can be."""
    columns = [name.lower() for name in header]
    known = ", ".join(KNOWN_COLUMNS)
    if any("\0" in name for name in columns):
        raise ImportProblem(f"{source.name} has a NUL byte in line 1, as UTF-16 has: {_SAVE_AS}.")
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        raise ImportProblem(f"{source.name} is not separated by commas: {_SAVE_AS}.")
    admitted = (*KNOWN_COLUMNS, *REJECTED_COLUMNS)
    unknown = [name or "(no name)" for name in columns if name not in admitted]
    if unknown:
        # A misspelt column that was passed over would lose what is in it without a word.
        raise ImportProblem(
            f"{source.name} has unknown columns: {', '.join(unknown)}. Rename or remove them. "
            f"Known are: {known}."
        )
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise ImportProblem(
            f"{source.name} has columns twice: {', '.join(doubled)}. Remove one of each."
        )
    if "phone_number" not in columns:
        raise ImportProblem(
            f"{source.name} has no column phone_number, which is required. Its first line must "
            f"name the columns: {known}."
        )
    return columns
