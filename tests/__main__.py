"""`python -m tests [--db sqlite|postgres] [pytest's arguments]`: the whole suite on each database.

PostgreSQL and the Redis-compatible server are started here and stopped at the end, unless
TEST_DATABASE_URL or TEST_REDIS_URL name servers to use instead.
"""

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from tests.servers import running

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--db", choices=NAMES, help="run on this database only")
    options, for_pytest = parser.parse_known_args()
    databases = [options.db] if options.db else list(NAMES)

    given = {
        "postgres": os.environ.get("TEST_DATABASE_URL", ""),
        "redis": os.environ.get("TEST_REDIS_URL", ""),
    }
    wanted = ["redis", *(name for name in databases if name == "postgres")]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with running(*(kind for kind in wanted if not given[kind])) as started:
            addresses = {kind: given[kind] or started.get(kind, "") for kind in given}
            results = [run_pytest(name, addresses, for_pytest) for name in databases]
    except KeyboardInterrupt:
        print("\nInterrupted: the tests and the servers started for them are stopped.")
        return 130

    # A failed run comes last, so that the end of the output never reads better than it is.
    if len(results) > 1:
        for name, status, summary in sorted(results, key=lambda result: result[1] != 0):
            print(f"\nOn {NAMES[name]}{' (failed)' if status else ''}:\n{summary}", flush=True)
    return max(status for _, status, _ in results)


def run_pytest(
    database: str, addresses: dict[str, str], arguments: list[str]
) -> tuple[str, int, str]:
    """The database, pytest's exit status, and its own summary line."""
    where = ""
    if database == "postgres" and os.environ.get("TEST_DATABASE_URL"):
        where = " (the server that TEST_DATABASE_URL names)"
    print(f"\n===== The suite on {NAMES[database]}{where} =====", flush=True)
    pytest = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-n", "2", *_color(), *arguments],
        env={
            **os.environ,
            "TEST_DATABASE_URL": addresses["postgres"] if database == "postgres" else "",
            "TEST_REDIS_URL": addresses["redis"],
        },
        stdout=subprocess.PIPE,
        # A group of its own, so that whatever tests started can be stopped with them.
        start_new_session=True,
    )
    assert pytest.stdout
    last_words = b""
    try:
        while piece := os.read(pytest.stdout.fileno(), 65536):
            os.write(sys.stdout.fileno(), piece)
            last_words = (last_words + piece)[-4096:]
        status = pytest.wait()
    except KeyboardInterrupt:
        os.killpg(pytest.pid, signal.SIGINT)
        # What failed so far is worth reading.
        with suppress(subprocess.TimeoutExpired):
            os.write(sys.stdout.fileno(), pytest.communicate(timeout=20)[0])
        raise
    finally:
        # PermissionError is macOS's answer for a group that has only zombies left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pytest.pid, signal.SIGKILL)
    return database, status, last_words.decode(errors="replace").rstrip().rpartition("\n")[2]


def _color() -> list[str]:
    return ["--color=yes"] if sys.stdout.isatty() and "NO_COLOR" not in os.environ else []


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
