"""A population as a service has it that has been running for years, made by a few large statements.

`python -m benchmarks.speed.populating migrate`, then `... people N`: at NOW the last sweep was a
minute ago, so nobody is due. `... night`: the same people fourteen hours later, when thousands wait
for the morning. `... due N`: exactly N people are due at NOW, spread over all steps. The same
numbers make the same population, always.

Intervals come from the declarations of the cadences, and who is due from `due`.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from benchmarks.speed import due_now, places
from caregiving.models import Caregiver, JourneyPhase
from proactive.cadences import BY_NAME, CADENCES, WELLNESS
from proactive.declaring import Cadence, Step
from proactive.rules import CASCADE, CHURN_AFTER, RECENT_CRISIS, conjunction
from proactive.sweeps import run_sweep, to_churn

# A Tuesday: in all of the United States but Hawaii every window is open.
NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
# By then all of its windows have closed, and those of Europe have opened.
NIGHT = NOW + timedelta(hours=14)

MOST = 10**places.DIGITS
# The sweeps of two weeks, one a minute: what the blast guard looks back on.
MINUTES = 14 * 24 * 60
SQL = Path(__file__).parent / "sql"
TABLES = (
    *("caregiving_caregiver", "caregiving_wellnessscore", "caregiving_inboundmessage"),
    *("caregiving_crisisevent", "proactive_sweep", "proactive_message", "proactive_carealert"),
)
_NAMES = """
Ada Ana Ben Carl Carmen Dana Dora Earl Elena Emma Eva Frank Gloria Grace Hank Hugo Ida Inés
Irene Ivan Jack Jean José Juan Julia Karen Kim Lara Leo Lily Luis Luz María Mark Mary Max Mei
Nell Nora Olga Omar Otto Pablo Paul Pia Quinn Rita Rosa Ruth Sam Sara Sol Tess Tim Tom Uma Vera
Vic Wade Wei Will Xena Yara Zoe
"""
FIRST_NAMES = tuple(_NAMES.split())
RELATIONSHIPS = ("daughter", "son", "wife", "husband", "sister", "grandson", "partner", "friend")


def populate(people: int) -> None:
    """Fill a database that is migrated and empty, so that nobody is due at NOW.

    Raises ValueError for more than there are telephone numbers, and RuntimeError if somebody would
    be due all the same.
    """
    if not 0 < people <= MOST:
        raise ValueError(f"a population is 1 to {MOST:,} people, not {people:,}")
    with connection.cursor() as cursor, _without_checks(cursor):
        with _without_indexes(cursor, ["caregiving_caregiver"]):
            # The rules ask the others row by row: of ten million people that takes hours without.
            with _without_indexes(cursor, [one for one in TABLES if one != "caregiving_caregiver"]):
                _prepare(cursor)
                _fill(cursor, people)
            _analyze(cursor)
            settle(now=NOW)
            if left := {step: n for step, n in count_due(now=NOW).items() if n}:
                raise RuntimeError(f"due although a sweep has just been: {left}")
            # What an index is built over while old versions of rows are left, PostgreSQL does not
            # use as long as anybody's transaction lasts that began before.
            _analyze(cursor)
        _tidy(cursor)


def settle(*, now: datetime) -> int:
    """Leave everybody as sweeps up to `now` would have, without them; returns how many texts.

    Whoever is due at `now` got their text within the hours before, and it was delivered.
    """
    texts = 0
    with connection.cursor() as cursor, transaction.atomic():
        for cadence in CADENCES:
            for step in cadence.steps:
                texts += _settle_step(cursor, cadence, step, now)
            if cadence.ends_in_churn:
                to_churn(now=now).update(journey_phase=JourneyPhase.CHURNED)
    return texts


def due(cadence: Cadence, step: Step, *, now: datetime) -> QuerySet[Caregiver]:
    """Everybody to whom `step` may go at `now`: its rules and no index, whatever a sweep does."""
    return Caregiver.objects.filter(conjunction(cadence.rules(step), now))


def count_due(*, now: datetime) -> dict[str, int]:
    """How many people are due at `now`, by cadence and step."""
    return {
        f"{cadence.name} {step.variant}": due(cadence, step, now=now).count()
        for cadence in CADENCES
        for step in cadence.steps
    }


# --- Filling ---


def _fill(cursor: Any, people: int) -> None:
    given: dict[str, Any] = {
        "now": NOW,
        "people": people,
        "minutes": MINUTES,
        "cascade": CASCADE.total_seconds(),
        "churn": CHURN_AFTER.total_seconds(),
        "recent_crisis": RECENT_CRISIS.total_seconds(),
        "places": _count(cursor, "place"),
        "first_names": list(FIRST_NAMES),
        "relationships": list(RELATIONSHIPS),
        **{
            cadence.name: [due.total_seconds() for due in cadence.due]
            for cadence in CADENCES
            if cadence.due
        },
    }
    cursor.execute((SQL / "people.sql").read_text(), {**given, "first": 1, "last": people})
    for statement in (SQL / "history.sql").read_text().split("\n----\n"):
        cursor.execute(statement, given)
    for table in TABLES:
        _continue_numbers(cursor, table)


def _prepare(cursor: Any) -> None:
    cursor.execute(
        """
        -- An even number from 0 to 1 from a person's number and what it is for.
        CREATE FUNCTION u(bigint, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
            'SELECT (hashint8extended($1, $2) & 1073741823) / 1073741824.0::float8';
        CREATE TEMP TABLE place (
            number int, start text, zip_code text, time_zone text, derived_zones text
        );
        CREATE TEMP TABLE tier (name text, every float8, silence float8);
        """
    )
    cursor.executemany("INSERT INTO place VALUES (%s, %s, %s, %s, %s)", places.places())
    cursor.executemany(
        "INSERT INTO tier VALUES (%s, %s, %s)",
        [
            (tier.name, tier.every.total_seconds(), tier.silence.total_seconds())
            for tier in WELLNESS.tiers
        ],
    )


def _tidy(cursor: Any) -> None:
    cursor.execute("DROP FUNCTION u(bigint, int); DROP TABLE place, tier")
    _analyze(cursor)


def _analyze(cursor: Any) -> None:
    """Also what pages autovacuum would have marked as visible to all by now."""
    cursor.execute("VACUUM (ANALYZE)")


def _continue_numbers(cursor: Any, table: str) -> None:
    """Rows to come are numbered after those that are there."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
    ((sequence,),) = cursor.fetchall()
    if sequence:
        cursor.execute(
            f"SELECT setval(%s, coalesce(max(id), 0) + 1, false) FROM {table}", [sequence]
        )


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")
    return int(cursor.fetchone()[0])


@contextmanager
def _without_checks(cursor: Any) -> Iterator[None]:
    """References are right by construction; and a crash would only mean to begin again."""
    cursor.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    yield
    cursor.execute("RESET session_replication_role; RESET synchronous_commit")


@contextmanager
def _without_indexes(cursor: Any, tables: list[str]) -> Iterator[None]:
    """Whatever indexes they have by now are built at the end: row by row takes several times as
    long. Keys stay, since others refer to them."""
    cursor.execute(
        """
        SELECT index.indrelid::regclass::text, index.indexrelid::regclass::text,
            pg_get_indexdef(index.indexrelid), held.conname, pg_get_constraintdef(held.oid)
        FROM pg_index AS index
        LEFT JOIN pg_constraint AS held
            ON held.conindid = index.indexrelid AND held.contype IN ('p', 'u', 'x')
        WHERE index.indrelid = ANY(%s::regclass[]) AND held.contype IS DISTINCT FROM 'p'
        """,
        [tables],
    )
    again = []
    for table, name, index, constraint, definition in cursor.fetchall():
        if constraint:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
            again.append(f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {definition}')
        else:
            cursor.execute(f"DROP INDEX {name}")
            again.append(index)
    yield
    for statement in again:
        cursor.execute(statement)


# --- As sweeps would have left them ---


def _settle_step(cursor: Any, cadence: Cadence, step: Step, now: datetime) -> int:
    fields = cadence.anchor.fields
    found = due(cadence, step, now=now).annotate(
        earned=Coalesce(*fields) if len(fields) > 1 else Coalesce(fields[0], fields[0])
    )
    sql, parameters = found.values_list("pk", "phone_number", "earned").query.sql_with_params()
    cursor.execute(
        f"CREATE TEMP TABLE settled (id, number, occasion) ON COMMIT DROP AS {sql}", parameters
    )
    cursor.execute(
        """
        INSERT INTO proactive_message (
            id, caregiver_id, to_number, cadence, stage, tier, occasion, priority, body, segments,
            status, because, reason, queued_at, attempts, attempt_started_at, lookups, sent_at,
            delivered_at, provider_sid, error_code
        )
        SELECT
            md5(%(name)s || id || %(now)s::text)::uuid, id, number, %(cadence)s, %(stage)s,
            %(tier)s, occasion, %(priority)s, 'How are you today? A word is enough.', 1,
            'delivered', '', '', at, 1, at, 0, at, at,
            'SM' || md5('sid' || %(name)s || id || %(now)s::text), ''
        FROM (
            SELECT *, %(now)s - (1 + mod(id, 180)) * interval '1 minute' AS at FROM settled
        ) AS text
        """,
        {
            "name": f"{cadence.name} {step.variant} ",
            "now": now,
            "cadence": cadence.name,
            "stage": step.stage,
            "tier": step.tier,
            "priority": list(BY_NAME).index(cadence.name),
        },
    )
    counter = f", {cadence.counter} = {step.stage}" if cadence.counter else ""
    cursor.execute(
        f"""
        UPDATE caregiving_caregiver AS person
        SET last_proactive_message_at = %s - (1 + mod(id, 180)) * interval '1 minute'{counter}
        FROM settled WHERE settled.id = person.id
        """.replace("mod(id", "mod(person.id"),
        [now],
    )
    texts = int(cursor.rowcount)
    cursor.execute("DROP TABLE settled")
    return texts


def main() -> None:
    match sys.argv[1:]:
        case ["migrate"]:
            call_command("migrate", verbosity=0)
            said: Any = "migrated"
        case ["due", number]:
            said = due_now.make_due(int(number), now=NOW)
        case ["night"]:
            said = settle(now=NIGHT)
            # Cascades that have ended by then are accounted for, as they were by a sweep since.
            run_sweep(now=NIGHT)
        case ["people", number]:
            populate(int(number))
            said = count_due(now=NOW)
        case _:
            sys.exit(__doc__)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
