"""Scratch databases for one run of worlds after the other, on SQLite or on PostgreSQL.

Each run gets new ones, copied from one that was migrated once, and they are gone after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from proactive.simulation.running import Scratch, SqliteScratch, migrate
from tests.servers import running


@contextmanager
def scratches(database: str) -> Iterator["Sqlite | Postgres"]:
    """`database`: "sqlite", or "postgres", for which a server is started and stopped here."""
    with TemporaryDirectory(prefix="outreach-proof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if database == "sqlite":
            yield Sqlite(folder)
        else:
            with running("postgres") as addresses:
                yield Postgres(folder, addresses["postgres"])


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"

    @contextmanager
    def fresh(self) -> Iterator[Scratch]:
        if not self._template.exists():
            migrate(f"sqlite:///{self._template}", self._folder)
        with TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as name:
            # Where the scratch of a run looks for a migrated one first.
            copy(self._template, name)
            yield SqliteScratch(Path(name))


class Postgres:
    """`address`: of the server, whatever database it names."""

    TEMPLATE = "template_proof"

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = address
        self._is_migrated = False
        self._names: list[str] = []

    @contextmanager
    def fresh(self) -> Iterator[Scratch]:
        if not self._is_migrated:
            self._tell(f'CREATE DATABASE "{self.TEMPLATE}"')
            migrate(self._url(self.TEMPLATE), self._folder)
            self._is_migrated = True
        try:
            yield self
        finally:
            while self._names:
                self._tell(f'DROP DATABASE "{self._names.pop()}" WITH (FORCE)')

    def database(self, name: str) -> str:
        self._tell(f'CREATE DATABASE "{name}" TEMPLATE "{self.TEMPLATE}"')
        self._names.append(name)
        return self._url(name)

    def _url(self, name: str) -> str:
        return urlsplit(self._address)._replace(path=f"/{name}").geturl()

    def _tell(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)
