"""The PostgreSQL of one run: a server set up as for production, and populated databases in it.

A population is made once for each size and kept; who would write into it takes a copy. Server and
data are gone at the end, however it comes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

import psycopg

from benchmarks.speed import children
from tests.servers import serving

GIGABYTE = 1024**3


@dataclass(frozen=True)
class Size:
    """How much is measured: `people` in the large database and `few` in the small one, `due` of
    them at once, and `runs` of each measurement, whose median counts."""

    people: int = 1_000_000
    few: int = 10_000
    due: int = 50_000
    runs: int = 5
    # Of the memory of a sweep.
    due_more: int = 200_000
    due_fewer: int = 10_000
    # So many are claimed one at a time: enough for a rate.
    sample: int = 1_000


# Shows that everything runs; its figures say nothing.
SMALL = Size(people=3_000, few=300, due=500, runs=2, due_more=900, due_fewer=300, sample=100)


class Databases:
    """Where databases come from, in the server at `address`, whatever database that names.

    `prefix` begins their names, where others have databases there too.
    """

    def __init__(self, address: str, *, prefix: str = "") -> None:
        self._address = address
        self._prefix = prefix
        self._is_migrated = False
        self._populated: set[int] = set()
        self._numbers = count(1)

    def of(self, people: int) -> str:
        """The address of a kept database with so many people, to be read only.

        Populated when it is first asked for: minutes, for a million. Raises ChildFailed.
        """
        name = self._name(people)
        if people not in self._populated:
            self._create(name, self._migrated())
            try:
                children.run(
                    "benchmarks.speed.populating", "people", people, database=self._url(name)
                )
            except BaseException:
                self._drop(name)
                raise
            self._populated.add(people)
        return self._url(name)

    @contextmanager
    def copy(self, people: int) -> Iterator[str]:
        """The address of a private copy of `of(people)`, dropped afterwards.

        Everything is on disk when it is handed out, as a checkpoint ends its making.
        """
        self.of(people)
        with self._temporary(self._name(people)) as address:
            yield address

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The address of a private database that is migrated, with nobody in it."""
        with self._temporary(self._migrated()) as address:
            yield address

    def clear(self) -> None:
        """Drop what is kept: for a server that goes on running."""
        for name in (self._name("migrated"), *map(self._name, self._populated)):
            self._drop(name)
        self._is_migrated = False
        self._populated.clear()

    def ask(self, question: str) -> str:
        """The one value that `question` selects, from the server as a whole."""
        with psycopg.connect(self._url("postgres")) as connection:
            row = connection.execute(question.encode()).fetchone()
        return str(row[0]) if row else ""

    def configure(self, parameters: dict[str, str]) -> None:
        """Write `parameters` down for the next start of the server."""
        for name, value in parameters.items():
            self._tell(f"ALTER SYSTEM SET {name} = '{value}'")
        # It starts as the tests want it, without waiting for the disk: let that be done first.
        self._tell("CHECKPOINT")

    @contextmanager
    def _temporary(self, template: str) -> Iterator[str]:
        name = self._name(f"copy_{next(self._numbers)}")
        self._create(name, template)
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def _migrated(self) -> str:
        name = self._name("migrated")
        if not self._is_migrated:
            # Of a first attempt that broke.
            self._drop(name)
            self._create(name, "template1")
            children.run("benchmarks.speed.populating", "migrate", database=self._url(name))
            self._is_migrated = True
        return name

    def _create(self, name: str, template: str) -> None:
        # By file: through the write-ahead log a copy would take several times as long.
        self._tell(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')

    def _drop(self, name: str) -> None:
        self._tell(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _tell(self, statement: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _name(self, what: str | int) -> str:
        return f"{self._prefix}{f'people_{what}' if isinstance(what, int) else what}"

    def _url(self, name: str) -> str:
        return urlsplit(self._address)._replace(path=f"/{name}").geturl()


def memory() -> int:
    """Of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def parameters() -> dict[str, str]:
    """What the server runs with: what its manual recommends for a machine of this size with a
    solid-state disk, and every commit on disk before it is acknowledged."""
    return {
        "shared_buffers": f"{max(memory() // 4 // 1024**2, 128)}MB",
        "effective_cache_size": f"{max(memory() // 2 // 1024**2, 256)}MB",
        "maintenance_work_mem": f"{max(min(memory() // 16, GIGABYTE) // 1024**2, 64)}MB",
        "work_mem": "16MB",
        "random_page_cost": "1.1",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
    }


@contextmanager
def running() -> Iterator[Databases]:
    """A server for one run, stopped and removed at the end."""
    with serving("postgres") as servers:
        databases = Databases(servers.addresses["postgres"])
        databases.configure(parameters())
        # The size of its buffers is only read as it starts.
        servers.crash("postgres")
        yield databases
