"""`make rehearsal`: an export of Convex moves over, goes out to 5 % for a week, and is taken back.

The steps of docs/moving_from_convex.md and docs/rollout.md, with the commands and pages that they
name, on a database of its own in simulated time. Nothing is really sent. Leaves with 0 when each
step did what the documents say.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg

from tests.rehearsal.steps import Broken, Rehearsal
from tests.servers import running


def main() -> int:
    parser = argparse.ArgumentParser(prog="make rehearsal", description=(__doc__ or "")[:99])
    parser.add_argument("--people", type=int, default=50_000, metavar="N")
    parser.add_argument("--cadence", default="crisis_followup", help="the one that is switched on")
    parser.add_argument("--share", type=int, default=5, metavar="PERCENT")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--every", type=int, default=15, metavar="MINUTES", help="between beats")
    parser.add_argument("--db", choices=("postgres", "sqlite"), default="postgres")
    options = parser.parse_args()
    kinds = ("postgres",) if options.db == "postgres" else ()
    with TemporaryDirectory(prefix="outreach-rehearsal-") as folder, running(*kinds) as addresses:
        database = f"sqlite:///{folder}/rehearsal.sqlite3"
        if "postgres" in addresses:
            database = _created(addresses["postgres"])
        rehearsal = Rehearsal(
            database,
            Path(folder),
            people=options.people,
            cadence=options.cadence,
            share=options.share,
            seed=options.seed,
            every=options.every,
        )
        try:
            rehearsal.run()
        except Broken as broken:
            print(f"\nThe rehearsal broke: {broken}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("Interrupted: its database is gone.", file=sys.stderr)
            return 130
    print("\nThe rehearsal went through, there and back.")
    return 0


def _created(address: str) -> str:
    """An empty database in the server at `address`, whatever database that names."""

    def named(name: str) -> str:
        return urlsplit(address)._replace(path=f"/{name}").geturl()

    with psycopg.connect(named("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE rehearsal")
    return named("rehearsal")


if __name__ == "__main__":
    sys.exit(main())
