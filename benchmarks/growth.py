"""What the table of texts costs as it grows: bytes a row, and whether monthly partitions pay.

    python -m benchmarks.growth --rows 1000000
        fills the table row by row, as it grows in use, prints what a row takes in it and in each of
        its indexes, and how fast `manage.py prune` is
    python -m benchmarks.growth --rows 5000000 --partitions
        the same rows in a plain table and in one of a partition a month, and what each costs

It starts a PostgreSQL of its own, which is gone with its rows at the end. A row takes about 1 kB
with its indexes. Times are medians in milliseconds; on a busy machine only their ratio says much.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psycopg
from rich.console import Console
from rich.table import Table

from tests.servers import running

ROOT = Path(__file__).resolve().parent.parent
MONTHS = 24
TEXTS_A_PERSON = 100
QUEUED = 10_000
TABLES = (
    *("proactive_message", "caregiving_inboundmessage"),
    *("caregiving_caregiver", "proactive_sweep"),
)
RUNS = 7

PEOPLE = """
INSERT INTO caregiving_caregiver (phone_number, first_name, relationship, care_recipient_name,
    zip_code, time_zone, derived_zones, language, journey_phase, burnout_band, created_at,
    last_contact_at, last_proactive_message_at, last_assessment_at, last_crisis_event_at,
    crisis_followup_count, reactivation_message_count)
SELECT '+1' || (2000000000 + i), 'Ada' || i %% 2000, 'daughter', 'Rosa' || i %% 2000, '60601', '',
    'America/Chicago', 'en', 'active', 'high', at - interval '1 year', at, at - interval '1 day',
    at - interval '9 days', CASE WHEN i %% 3 = 0 THEN at - interval '60 days' END, 0, 0
FROM (SELECT i, now() - i * interval '7 seconds' AS at
    FROM generate_series(1, %s::int) AS i) AS instants"""

# A text as a sweep writes it and a report leaves it: words of a usual length, two in five staged.
TEXTS = """
INSERT INTO {table} (id, caregiver_id, to_number, cadence, stage, tier, occasion, priority, body,
    segments, status, because, reason, queued_at, gate_before, attempts, attempt_started_at,
    lookups, sent_at, delivered_at, provider_sid, error_code)
SELECT gen_random_uuid(), 1 + (i::bigint * 7919) %% %(people)s::int, '+12000000000',
    CASE WHEN i %% 5 < 2 THEN 'crisis_followup' ELSE 'wellness' END,
    CASE WHEN i %% 5 < 2 THEN 1 + i %% 7 END, CASE WHEN i %% 5 < 2 THEN '' ELSE 'high' END,
    at - interval '3 days', 1,
    'CareCheck: Hi Ada, caring for Rosa takes a lot. How have the last days been for you? '
        || 'Write back any time, we read it. ' || i, 1, %(status)s::varchar,
    'burnout band is high; every 3 days: next after Sat 2 Jan 12:00; last heard from Sat 2 Jan '
        || '12:00, silent for 2 days at Mon 4 Jan 12:00', '', at, at - interval '3 days', 1, at,
    0, at, at, CASE WHEN %(status)s::varchar <> 'queued' THEN 'SM' || md5(random()::text || i) END,
    ''
FROM (SELECT i, %(first)s::timestamptz + i * (%(length)s::interval / %(rows)s::int) AS at
    FROM generate_series(1, %(rows)s::int) AS i) AS instants"""

RECEIVED = """
INSERT INTO caregiving_inboundmessage (caregiver_id, from_number, body, received_at, provider_sid)
SELECT 1 + (i::bigint * 7919) %% %(people)s::int, '+12000000000',
    'Thank you. She slept through the night and so did I, for once. ' || i,
    now() - i * interval '1 minute', 'SM' || md5(random()::text || i)
FROM generate_series(1, %(rows)s::int) AS i"""
SWEEPS = """
INSERT INTO proactive_sweep (now, started_at, finished_at, dry_run, counts, error)
SELECT at, at, at, false, %s::jsonb, ''
FROM (SELECT now() - i * interval '1 minute' AS at
    FROM generate_series(1, %s::int) AS i) AS ticks"""
# What a sweep with nothing to do leaves.
CADENCES = (
    *("crisis_followup", "wellness", "dormant_reactivation"),
    *("assessment_reminder", "onboarding_nudge"),
)
NONE = dict.fromkeys(CADENCES, 0)
COUNTS = json.dumps({"queued": NONE, "superseded": NONE, "churned": 0})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--partitions", action="store_true", help="compare with partitions")
    options = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False)
    with running("postgres") as addresses:
        address = urlsplit(addresses["postgres"])
        with psycopg.connect(address._replace(path="/postgres").geturl(), autocommit=True) as one:
            one.execute(f"CREATE DATABASE {address.path[1:]}")
        environment = {**os.environ, "DATABASE_URL": addresses["postgres"], "DEBUG": "true"}
        environment |= {"SMS_GATEWAY": "console", "REDIS_URL": ""}
        _manage(environment, "migrate", "-v0")
        with psycopg.connect(addresses["postgres"], autocommit=True) as database:
            # Each has one text at most that waits.
            people = max(options.rows // TEXTS_A_PERSON, 2 * QUEUED)
            database.execute(PEOPLE, [people])
            if options.partitions:
                compare(database, options.rows, console)
            else:
                grow(database, options.rows, console, environment)
    return 0


# --- A table that grew ---


def grow(database: Any, rows: int, console: Console, environment: dict[str, str]) -> None:
    took = _seconds(lambda: _fill(database, "proactive_message", rows))
    (people,) = database.execute("SELECT count(*) FROM caregiving_caregiver").fetchone()
    database.execute(RECEIVED, {"people": people, "rows": rows // 4})
    database.execute(SWEEPS, [COUNTS, 20_000])
    database.execute("VACUUM ANALYZE")
    console.print(f"The texts were filled in within {took:.0f} s.")
    for table in TABLES:
        _print_sizes(database, console, table)
    for options in (["--dry-run"], []):
        before = _count(database, "proactive_message")
        arguments = ("prune", "--older-than", "700d", *options)
        took = _seconds(lambda arguments=arguments: _manage(environment, *arguments))  # type: ignore[misc]
        gone = before - _count(database, "proactive_message")
        console.print(f"manage.py {' '.join(arguments)}: {took:.1f} s; {gone:,} rows gone")


def _print_sizes(database: Any, console: Console, name: str) -> None:
    rows = _count(database, name)
    table = Table("", "bytes a row", title=f"{name}: {rows:,} rows")
    table.columns[1].justify = "right"
    table.add_row("the row itself", f"{_size(database, name, 'pg_table_size') / rows:.0f}")
    for (index,) in database.execute(
        "SELECT indexname FROM pg_indexes WHERE tablename = %s ORDER BY 1", [name]
    ):
        table.add_row(index, f"{_size(database, index, 'pg_relation_size') / rows:.0f}")
    total = _size(database, name, "pg_total_relation_size")
    table.add_row("in all", f"{total / rows:.0f}", style="bold")
    console.print(table)


# --- Plain and partitioned ---


def compare(database: Any, rows: int, console: Console) -> None:
    results = {}
    for name, make in (("plain", _make_plain), ("partitioned", _make_partitioned)):
        make(database, name)
        _fill(database, name, rows)
        results[name] = {"its indexes are built, s": _seconds(partial(_index, database, name))}
        database.execute(f"VACUUM ANALYZE {name}")
        results[name] |= _measure(database, name)
        database.execute(f"DROP TABLE {name}")
    table = Table("", *results, title=f"{rows:,} texts of {MONTHS} months")
    for column in table.columns[1:]:
        column.justify = "right"
    for what in results["plain"]:
        table.add_row(what, *(f"{figures[what]:,.2f}" for figures in results.values()))
    console.print(table)


def _make_plain(database: Any, name: str) -> None:
    database.execute(f"CREATE TABLE {name} (LIKE proactive_message INCLUDING DEFAULTS)")
    _refer(database, name)


def _make_partitioned(database: Any, name: str) -> None:
    database.execute(
        f"CREATE TABLE {name} (LIKE proactive_message INCLUDING DEFAULTS) "
        "PARTITION BY RANGE (queued_at)"
    )
    for number, (first, last) in enumerate(_months()):
        database.execute(
            f"CREATE TABLE {name}_{number} PARTITION OF {name} "
            f"FOR VALUES FROM ('{first.isoformat()}') TO ('{last.isoformat()}')"
        )
    _refer(database, name)


def _refer(database: Any, name: str) -> None:
    for column, other in (
        ("caregiver_id", "caregiving_caregiver"),
        ("sweep_id", "proactive_sweep"),
    ):
        database.execute(f"ALTER TABLE {name} ADD FOREIGN KEY ({column}) REFERENCES {other}")


def _index(database: Any, name: str) -> None:
    """The indexes of the real table. What is unique over partitions must name their key too."""
    definitions = database.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'proactive_message'"
    ).fetchall()
    for number, (definition,) in enumerate(definitions):
        statement = re.sub(r"INDEX \S+ ON \S+ ", f"INDEX {name}_i{number} ON {name} ", definition)
        if name == "partitioned" and "UNIQUE" in statement:
            statement = statement.replace(")", ", queued_at)", 1)
        database.execute(statement)


def _measure(database: Any, name: str) -> dict[str, float]:
    def timed(statement: str, keys: list[Any]) -> float:
        return 1000 * median(
            _seconds(lambda key=key: database.execute(statement, key).fetchall())  # type: ignore[misc]
            for key in keys
        )

    some = database.execute(
        f"SELECT id, caregiver_id, cadence, occasion, stage, provider_sid FROM {name} "
        "TABLESAMPLE SYSTEM (0.1) WHERE stage IS NOT NULL LIMIT 300"
    ).fetchall()
    people = [[row[1]] for row in some]
    found = {
        "bytes a row with indexes": _tree_size(database, name) / _count(database, name),
        "insert 1,000, ms": 1000
        * median(_seconds(lambda: _insert(database, name, 1000)) for _ in range(RUNS)),
        "delivery takes 100, ms": timed(
            f"SELECT * FROM {name} WHERE status = 'queued' AND (retry_at IS NULL OR retry_at <= "
            "now()) ORDER BY priority, queued_at, id LIMIT 100",
            [[]] * RUNS,
        ),
        "a person's last 50, ms": timed(
            f"SELECT * FROM {name} WHERE caregiver_id = %s ORDER BY queued_at DESC, id DESC "
            "LIMIT 50",
            people,
        ),
        "a report finds its text, ms": timed(
            f"SELECT * FROM {name} WHERE id = %s", [[row[0]] for row in some]
        ),
        "the rule 'once', one person, ms": timed(
            f"SELECT 1 FROM {name} WHERE caregiver_id = %s AND cadence = %s AND occasion = %s "
            "AND stage = %s AND status <> 'cancelled'",
            [row[1:5] for row in some],
        ),
    }
    _, last = next(_months())
    before, there = _tree_size(database, name), _count(database, name)
    if name == "plain":
        found["a month goes, s"] = _seconds(lambda: _delete(database, name, last))
    else:
        found["a month goes, s"] = _seconds(lambda: database.execute(f"DROP TABLE {name}_0"))
    found["rows that went"] = there - _count(database, name)
    found["vacuum after, s"] = _seconds(lambda: database.execute(f"VACUUM {name}"))
    found["given back to the disk, MB"] = (before - _tree_size(database, name)) / 1e6
    return found


def _delete(database: Any, name: str, before: datetime) -> None:
    """In batches of 1,000 from the oldest on, as `prune` does."""
    statement = (
        f"DELETE FROM {name} WHERE id IN (SELECT id FROM {name} WHERE queued_at < %s "
        "ORDER BY queued_at, id LIMIT 1000)"
    )
    while database.execute(statement, [before]).rowcount:
        pass


# --- Rows ---


def _months() -> Iterator[tuple[datetime, datetime]]:
    """So many spans of 30 days, the last of them the present one."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(MONTHS, 0, -1):
        first = today - timedelta(days=30 * back - 1)
        yield first, first + timedelta(days=30)


def _fill(database: Any, name: str, rows: int) -> None:
    for first, _ in _months():
        _insert(database, name, rows // MONTHS, first=first, length="29 days")
    _insert(database, name, QUEUED, status="queued")


def _insert(
    database: Any,
    name: str,
    rows: int,
    *,
    first: datetime | None = None,
    length: str = "1 hour",
    status: str = "delivered",
) -> None:
    (people,) = database.execute("SELECT count(*) FROM caregiving_caregiver").fetchone()
    first = first or datetime.now(UTC) - timedelta(hours=1)
    values = {"rows": rows, "people": people, "first": first, "length": length, "status": status}
    database.execute(TEXTS.format(table=name), values)


def _size(database: Any, name: str, function: str) -> int:
    return int(database.execute(f"SELECT {function}(%s::regclass)", [name]).fetchone()[0])


def _tree_size(database: Any, name: str) -> int:
    """Of a table with its partitions and indexes."""
    statement = (
        "SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size(%(name)s)) "
        "FROM pg_partition_tree(%(name)s::regclass)"
    )
    return int(database.execute(statement, {"name": name}).fetchone()[0])


def _count(database: Any, name: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])


def _seconds(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _manage(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
