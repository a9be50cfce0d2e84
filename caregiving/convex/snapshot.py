"""The ZIP that `npx convex export` writes: one folder a table, in it `documents.jsonl`.

Beside it lie `generated_schema.jsonl`, `_tables/`, `_storage/` and `_components/`, which have
nobody in them. It is read line by line, as often as needed, and never unpacked.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from caregiving.importing_files import ImportProblem
from caregiving.progress import Advance

# In the order in which they are read: whoever is named in one must be there already.
PEOPLE = "users"
PROFILES = ("caregiverProfiles", "userProfiles", "conversationState")
SCORES = "wellnessScores"
TEXTS = "conversations"
TABLES = (PEOPLE, *PROFILES, SCORES, TEXTS)

_DOCUMENTS = "documents.jsonl"
# A document has 1 MB at most, and its JSON may be several times as long.
MOST_OF_A_LINE = 8 * 1024 * 1024
# JSON shrinks to a tenth or a twentieth. What shrinks to less is made to fill a disk.
MOST_SHRUNK = 200
SMALL = 100 * 1024 * 1024
_CHUNK = 1024 * 1024
_AGAIN = "Nothing was imported: export it anew (npx convex export --path FILE.zip)."
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True)
class Line:
    """One line of a table: its document, or the reason why it is none."""

    number: int
    text: str
    document: dict[str, Any]
    reason: str = ""


class Snapshot:
    """An export that was looked at: its tables are there and undamaged."""

    def __init__(self, path: Path, members: dict[str, zipfile.ZipInfo], others: list[str]) -> None:
        self.path = path
        # Tables that are not taken, by name.
        self.others = others
        self._members = members

    @classmethod
    def of_path(cls, path: str | Path) -> "Snapshot":
        """Raises ImportProblem, with what to do, for whatever is no export of this system."""
        path = Path(path)
        _check_is_zip(path)
        try:
            with zipfile.ZipFile(path) as archive:
                found = archive.infolist()
        except _BROKEN as error:
            raise ImportProblem(f"{path} is a damaged ZIP ({error}). {_AGAIN}") from error
        tables = _tables(found)
        if PEOPLE not in tables:
            inside = ", ".join(sorted(tables)) or "no table at all"
            raise ImportProblem(
                f"{path} has no {PEOPLE}/{_DOCUMENTS}, so it is no export of the original system. "
                f"In it: {inside}. {_AGAIN}"
            )
        members = {name: tables[name] for name in TABLES if name in tables}
        for member in members.values():
            _check_size(path, member)
        others = sorted(name for name in tables if name not in members and not name.startswith("_"))
        return cls(path, members, others)

    @property
    def tables(self) -> list[str]:
        return list(self._members)

    @property
    def size(self) -> int:
        """Of the tables that are read, in bytes."""
        return sum(member.file_size for member in self._members.values())

    @property
    def fingerprint(self) -> str:
        """The same for the same documents, wherever the file lies."""
        parts = [[name, one.CRC, one.file_size] for name, one in self._members.items()]
        return sha256(json.dumps(parts).encode()).hexdigest()

    def check(self, progress: Advance) -> None:
        """Read all of it once: what is damaged is found before the first row is written.

        `progress` gets bytes. Raises ImportProblem.
        """
        done = 0
        for name, member in self._members.items():
            with self._open(name) as file:
                start = file.readline(MOST_OF_A_LINE)
                if start.strip() and _document(start.removeprefix(b"\xef\xbb\xbf"))[1]:
                    raise ImportProblem(
                        f"{self.path}: {member.filename} does not begin with a document in JSON. "
                        f"{_AGAIN}"
                    )
                done += len(start)
                while chunk := file.read(_CHUNK):
                    done += len(chunk)
                    progress(done, self.size)

    def lines(self, name: str) -> Iterator[Line]:
        """The lines of a table, blank ones left out. Raises ImportProblem."""
        with self._open(name) as file:
            number = 0
            while raw := file.readline(MOST_OF_A_LINE + 1):
                number += 1
                if len(raw) > MOST_OF_A_LINE:
                    _skip_to_end(file, raw)
                    reason = f"is longer than {MOST_OF_A_LINE // 1024**2} MB"
                    yield Line(number, "", {}, reason)
                    continue
                raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
                if raw:
                    document, reason = _document(raw)
                    yield Line(number, raw.decode("utf-8", "replace"), document, reason)

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        member = self._members[name]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(member) as file:
                yield file
        except _BROKEN as error:
            raise ImportProblem(
                f"{self.path}: {member.filename} cannot be read: {error}. {_AGAIN}"
            ) from error


def _check_is_zip(path: Path) -> None:
    if not path.exists():
        raise ImportProblem(f"There is no file {path}: check the path.")
    if path.is_dir():
        raise ImportProblem(f"{path} is a folder: name the ZIP that npx convex export wrote.")
    try:
        is_zip = zipfile.is_zipfile(path)
    except OSError as error:
        raise ImportProblem(f"{path} cannot be read: {error.strerror}.") from error
    if not is_zip:
        raise ImportProblem(f"{path} is no ZIP, or was cut off on the way. {_AGAIN}")


def _tables(found: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Each table's documents. Whoever packs the folder anew may put another one around it."""
    depth = min(
        (one.filename.count("/") for one in found if one.filename.endswith(f"/{_DOCUMENTS}")),
        default=1,
    )
    tables = {}
    for one in found:
        *_, table, file = ("", *one.filename.split("/"))
        if file == _DOCUMENTS and one.filename.count("/") == depth:
            tables[table] = one
    return tables


def _check_size(path: Path, member: zipfile.ZipInfo) -> None:
    if member.file_size > SMALL and member.file_size > MOST_SHRUNK * member.compress_size:
        raise ImportProblem(
            f"{path}: {member.filename} would grow from {member.compress_size:,} to "
            f"{member.file_size:,} bytes, as no list of people does. {_AGAIN}"
        )
    if member.flag_bits & 1:
        raise ImportProblem(f"{path} is encrypted: unpack it with its password, and pack it anew.")


def _document(raw: bytes) -> tuple[dict[str, Any], str]:
    """The document, or why it is none."""
    try:
        found = json.loads(raw)
    except UnicodeDecodeError:
        return {}, "is not UTF-8"
    except (ValueError, RecursionError) as error:
        return {}, f"is not JSON: {error}"
    if not isinstance(found, dict):
        return {}, "is not a document: it should be {...}"
    return found, ""


def _skip_to_end(file: IO[bytes], read: bytes) -> None:
    while read and not read.endswith(b"\n"):
        read = file.readline(_CHUNK)
