"""Fire drawn requests at both webhooks: none may be a 500, nor change a thing unless it is signed.

Most go through Django's handler here, one in twenty (3,000 at most) as raw bytes to a gunicorn.
Everything is drawn from the seed. What went wrong is written to a file for --replay.
"""

import argparse
import json
import logging
import os
import secrets
import signal
import sys
import time
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.servers import running

if TYPE_CHECKING:
    from tests.fuzzing.firing import Tally, Violation

MOST_ON_THE_WIRE = 3000
# A longer request is told by its file alone, and of a traceback the end.
SHOWN = 4000
LINES = 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), metavar="N")
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="what an earlier run wrote")
    options = parser.parse_args()
    # What was started is stopped, and the database removed, also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        url = os.environ.get("TEST_DATABASE_URL", "")
        if options.db == "postgres" and not url:
            url = stack.enter_context(running("postgres"))["postgres"]
        os.environ["TEST_DATABASE_URL"] = url if options.db == "postgres" else ""
        database_url = _set_up(stack)
        if options.replay:
            return _replay(options.replay, database_url)
        return _fire(options.requests, options.seed, options.db, database_url)


def _set_up(stack: ExitStack) -> str:
    """An empty database, removed at the end; returns its address."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test.utils import override_settings, setup_test_environment

    from tests.fuzzing.requests import SHARED_KEY
    from tests.proactive.calling import BASE, TOKEN

    setup_test_environment(debug=False)
    stack.enter_context(
        override_settings(
            TWILIO_AUTH_TOKEN=TOKEN, TWILIO_WEBHOOK_KEY=SHARED_KEY, PUBLIC_BASE_URL=BASE
        )
    )
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    stack.callback(connection.creation.destroy_test_db, name, verbosity=0)
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings.DATABASES['default']['TEST']['NAME']}"
    test_name = connection.settings_dict["NAME"]
    return urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path=f"/{test_name}").geturl()


def _fire(count: int, seed: int, database: str, database_url: str) -> int:
    from tests.fuzzing import firing, population, wire

    print(f"Seed {seed}, {count:,} requests, {database}.", flush=True)
    # Each refusal is a line, and the failures are told in the end.
    logging.disable(logging.CRITICAL)
    random, tally, started = Random(seed), firing.Tally(), time.monotonic()
    on_the_wire = min(MOST_ON_THE_WIRE, count // 20)
    population.settle()
    told = 0
    for fired in firing.fire(random, count - on_the_wire, tally):
        if fired - told >= 5000:
            told = fired
            print(f"{fired:>9,} after {time.monotonic() - started:.0f} s", flush=True)
    through_handler = tally.fired
    if on_the_wire and not tally.is_full:
        print(f"{through_handler:>9,} through the handler; now to gunicorn", flush=True)
        with wire.gunicorn(database_url, Path(os.environ["OUTREACH_TEST_DIR"])) as address:
            for _ in wire.fire(random, on_the_wire, address, tally):
                pass
            if not wire.is_healthy(address):
                tally.add(firing.Violation("/health/ answers no more", [], "wire"))
    _print_table(tally)
    print(f"{time.monotonic() - started:.0f} s.", end=" ")
    if not tally.violations:
        print(
            f"{count:,} requests, seed {seed}: no 500, no state change without a valid signature."
        )
        return 0
    print(f"{tally.fired:,} requests, seed {seed}, {len(tally.violations)} kinds of trouble:")
    for number, violation in enumerate(tally.violations.values(), start=1):
        _tell(violation, Path(f"var/fuzzing-{seed}-{number}.json"))
    return 1


def _print_table(tally: "Tally") -> None:
    from rich.console import Console
    from rich.table import Table

    statuses = sorted({status for _, status in tally.answers})
    table = Table("signature", *statuses, title="Requests by signature and HTTP status")
    for kind in dict.fromkeys(kind for kind, _ in sorted(tally.answers)):
        numbers = (tally.answers[kind, status] for status in statuses)
        table.add_row(kind, *(f"{number:,}" if number else "" for number in numbers))
    console = Console(width=max(100, 40 + 9 * len(statuses)))
    console.print(table)
    created = ", ".join(f"{name} {number:,}" for name, number in sorted(tally.created.items()))
    console.print(f"Rows created: {created or 'none'}.", highlight=False)
    seconds, kind = tally.slowest
    console.print(f"The slowest took {seconds:.2f} s ({kind}).", highlight=False)


def _tell(violation: "Violation", path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    requests = [request.as_json() for request in violation.requests]
    path.write_text(json.dumps({"way": violation.way, "requests": requests}))
    print("", violation.what, *violation.details.splitlines()[-LINES:], sep="\n")
    if violation.requests and len(violation.requests[-1].raw) <= SHOWN:
        print("Raw, in base64:", b64encode(violation.requests[-1].raw).decode())
    print(f"To see it again: python -m tests.fuzzing --replay {path}", flush=True)


def _replay(path: Path, database_url: str) -> int:
    from tests.fuzzing import firing, population, wire
    from tests.fuzzing.requests import Request

    read = json.loads(path.read_text())
    requests = [Request.from_json(one) for one in read["requests"]]
    population.settle()
    with ExitStack() as stack:
        if read["way"] == "wire":
            folder = Path(os.environ["OUTREACH_TEST_DIR"])
            address = stack.enter_context(wire.gunicorn(database_url, folder))
            answers = wire.replay(address, requests)
        else:
            answers = firing.replay(requests)
        wrong = False
        for request, status, changed in answers:
            print(f"{request.kind}: {status}{', changed something' if changed else ''}", flush=True)
            failed = any(one[0] == "5" and one != "501" for one in str(status).split())
            wrong = wrong or failed or (changed and not request.signed)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
