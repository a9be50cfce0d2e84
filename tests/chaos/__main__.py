"""`python -m tests.chaos [--db sqlite|postgres] [--runs N] [--seed N]`: scenarios, one per seed.

Prints a line for each, and what was broken. The status is 1 if anything was.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.breaking import WEB_POINTS, WORKER_POINTS, points
from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN
from tests.servers import Servers, serving

POINTS = points(WORKER_POINTS) + points(WEB_POINTS)
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
# A scenario that takes longer than this hangs.
PATIENT = 240


class Stage:
    """A database that is migrated once and copied for each scenario, and the servers."""

    def __init__(self, database: str, folder: Path, servers: Servers | None) -> None:
        self.database = database
        self.folder = folder
        self.servers = servers
        self._number = 0

    def prepare(self) -> None:
        if self.database == "postgres":
            self._psql('CREATE DATABASE "template_chaos"')
        self._manage("migrate", "--noinput", database=self._url("template_chaos"))

    def scene(self) -> dict[str, str]:
        """The environment of the next scenario, on a database of its own."""
        self._number += 1
        name = f"chaos_{self._number}"
        if self.database == "postgres":
            self._psql(f'CREATE DATABASE "{name}" TEMPLATE "template_chaos"')
        else:
            shutil.copy(self.folder / "template_chaos.sqlite3", self.folder / f"{name}.sqlite3")
        chaos_dir = self.folder / name
        chaos_dir.mkdir()
        return self._environ(self._url(name)) | {"CHAOS_DIR": str(chaos_dir)}

    def clear(self, environ: dict[str, str]) -> None:
        shutil.rmtree(environ["CHAOS_DIR"])
        if self.database == "postgres":
            self._psql(f'DROP DATABASE "chaos_{self._number}" WITH (FORCE)')

    def crash(self) -> None:
        """The database and the broker, as far as they are servers."""
        if self.servers:
            self.servers.crash("redis")
            self.servers.crash("postgres")

    def _url(self, name: str) -> str:
        if self.servers and self.database == "postgres":
            return urlsplit(self.servers.addresses["postgres"])._replace(path=f"/{name}").geturl()
        return f"sqlite:///{self.folder / name}.sqlite3"

    def _environ(self, database: str) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "DATABASE_URL": database,
            "REDIS_URL": self.servers.addresses["redis"] if self.servers else "",
            "BROKER_DIR": str(self.folder / f"broker_{self._number}"),
            "DEBUG": "true",
            "SECRET_KEY": "only-for-tests",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SERVICE_NAME": "CareCheck",
            "SMS_GATEWAY": "twilio",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_FROM_NUMBER": "+12025550100",
            "TWILIO_MESSAGING_SERVICE_SID": "",
            "SMS_PER_SECOND": "50",
            "SMS_IN_FLIGHT": "8",
            "OMP_NUM_THREADS": "1",
        }

    def _manage(self, *arguments: str, database: str) -> None:
        subprocess.run(
            [sys.executable, "-W", "ignore", "manage.py", *arguments],
            env=self._environ(database),
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def _psql(self, statement: str) -> None:
        import psycopg

        assert self.servers
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def staged(database: str) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        if database == "sqlite":
            stage = Stage(database, Path(folder), None)
            stage.prepare()
            yield stage
            return
        with serving("redis", "postgres") as servers:
            stage = Stage(database, Path(folder), servers)
            stage.prepare()
            yield stage


def run(stage: Stage, seed: int, leaps: int, *, keep: bool = False) -> dict[str, Any]:
    """One scenario; what its last line says, or the trouble that kept it from saying anything."""
    environ = stage.scene()
    process = subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "tests.chaos.scenario"),
            *("--seed", str(seed), "--leaps", str(leaps)),
        ],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    watchdog = threading.Timer(PATIENT, process.terminate)
    watchdog.start()
    last = ""
    try:
        for line in process.stdout:
            if line == "crash\n":
                stage.crash()
                print(file=process.stdin, flush=True)
            else:
                last = line
        status = process.wait()
    finally:
        watchdog.cancel()
        process.terminate()
        process.wait()
    try:
        report = dict(json.loads(last))
    except ValueError:
        report = {"wrong": [f"the scenario ended with status {status}: {last.strip()}"]}
    if report["wrong"] or keep:
        kept = Path(tempfile.gettempdir()) / f"chaos-{stage.database}-{seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(environ["CHAOS_DIR"], kept)
        report["kept"] = str(kept)
    stage.clear(environ)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--db", choices=NAMES, help="on this database only")
    parser.add_argument("--runs", type=int, default=10, help="how many seeds on each database")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--leaps", type=int, default=6, help="phases of each scenario")
    parser.add_argument("--keep", action="store_true", help="the logs of those that went well too")
    options = parser.parse_args()
    broken = 0
    killed: Counter[str] = Counter()
    for database in [options.db] if options.db else list(NAMES):
        with staged(database) as stage:
            for seed in range(options.seed, options.seed + options.runs):
                began = time.monotonic()
                report = run(stage, seed, options.leaps, keep=options.keep)
                broken += bool(report["wrong"])
                killed.update(report.get("killed", ()))
                print(_line(database, seed, report, time.monotonic() - began), flush=True)
    print(f"Killed {killed.total()} times, at {len(killed)} of {len(POINTS)} points.")
    print(f"{broken} of the scenarios broke a promise." if broken else "No promise was broken.")
    return 1 if broken else 0


def _line(database: str, seed: int, report: dict[str, Any], seconds: float) -> str:
    if report["wrong"]:
        wrong = "\n".join(f"    {one}" for one in report["wrong"])
        return f"{NAMES[database]} seed {seed}: BROKEN\n{wrong}\n    see {report.get('kept')}"
    return (
        f"{NAMES[database]} seed {seed}: kept. {report['accepted']} texts accepted of "
        f"{report['requests']} requests, {len(report['killed'])} kills at points, "
        f"{report['callbacks']} reports, {report['inbound']} texts from people, "
        f"{report['opted_out']} opted out, {seconds:.0f} s"
        + (", workers started again" if report["restarts"] else "")
    )


if __name__ == "__main__":
    sys.exit(main())
