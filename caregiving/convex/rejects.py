"""The file of what could not be taken, beside the snapshot: each document with the reasons."""

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

from caregiving.convex.snapshot import Line
from caregiving.csv_cells import harmless
from caregiving.importing import SHOWN
from caregiving.importing_files import REJECTED_COLUMNS, ImportProblem

HEADER = ("rejected_table", *REJECTED_COLUMNS, "_id", "document")
# So many are kept for the admin, without the document.
KEPT = 5000


@dataclass(frozen=True)
class Rejected:
    table: str
    line: int
    reasons: str


class Rejects:
    """Written as the import goes. There is no file where nothing was rejected."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # To be shown; the file has all of them.
        self.first: list[Rejected] = []
        self._batch: list[tuple[str, Line, str]] = []
        self._file: TextIO | None = None

    @classmethod
    def beside(cls, snapshot: Path, *, dry_run: bool) -> "Rejects":
        # An import that was broken off goes on in its file: a dry run between must not write there.
        ending = "dry-run.rejected.csv" if dry_run else "rejected.csv"
        return cls(snapshot.with_name(f"{snapshot.stem}.{ending}"))

    def has(self, size: int) -> bool:
        """Whether the file is there with at least `size` bytes."""
        return size == 0 or (self.path.exists() and self.path.stat().st_size >= size)

    def begin(self, size: int) -> None:
        """With an empty file, or after the first `size` bytes of one. Raises ImportProblem."""
        try:
            if size == 0:
                # Found out now, not at the first row that is rejected.
                self.path.write_bytes(b"")
                self.path.unlink()
                return
            with self.path.open("r+b") as file:
                file.truncate(size)
            self._file = self._opened("a")
        except OSError as error:
            raise ImportProblem(
                f"{self.path} cannot be written, and rejected rows go there: {error.strerror}. "
                "Name another place with --rejects FILE."
            ) from error

    def add(self, table: str, line: Line, reasons: str) -> None:
        """To be written with its batch."""
        self._batch.append((table, line, reasons))

    def flush(self) -> int:
        """Write what was added, in the order of the lines; returns how many bytes the file has."""
        for table, line, reasons in sorted(self._batch, key=lambda one: one[1].number):
            if len(self.first) < SHOWN:
                self.first.append(Rejected(table, line.number, reasons))
            row = (table, line.number, reasons, line.document.get("_id", ""), line.text)
            self._writer().writerow(harmless(str(one)) for one in row)
        self._batch.clear()
        if self._file is None:
            return 0
        self._file.flush()
        return self._file.buffer.tell()

    def for_admin(self) -> bytes:
        """The first of the lines without their documents, compressed by zlib."""
        if not self.flush():
            return b""
        csv.field_size_limit(1 << 28)
        kept = StringIO()
        writer = csv.writer(kept, lineterminator="\n")
        with self.path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file)):
                if number > KEPT:
                    break
                writer.writerow(row[:-1])
        return zlib.compress(kept.getvalue().encode())

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _writer(self) -> Any:
        """With a header, where the file is made for it."""
        if self._file is not None:
            return csv.writer(self._file, lineterminator="\n")
        self._file = self._opened("w")
        writer = csv.writer(self._file, lineterminator="\n")
        writer.writerow(HEADER)
        return writer

    def _opened(self, mode: str) -> TextIO:
        return cast(TextIO, self.path.open(mode, newline="", encoding="utf-8", errors="replace"))


def kept_lines(kept: bytes | memoryview) -> Iterator[list[str]]:
    """What `for_admin` gave, a header first."""
    yield from csv.reader(StringIO(zlib.decompress(bytes(kept)).decode()))
