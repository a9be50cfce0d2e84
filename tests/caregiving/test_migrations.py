"""A database full of people, taken forward and back while it is in use."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

PEOPLE = "caregiving_caregiver"
TABLES = (PEOPLE, "caregiving_wellnessscore", "caregiving_inboundmessage")
ORIGINAL, PROACTIVE, CADENCES = "0001_initial", "0002_proactive_fields", "0003_cadence_fields"
HISTORY, TWO_WAY = "0004_history", "0005_two_way"
NEVER = {
    "last_proactive_message_at": None,
    "last_crisis_event_at": None,
    "crisis_followup_count": None,
    "reactivation_message_count": None,
    "last_assessment_at": None,
    "assessment_reminder_count": None,
    "onboarding_nudge_count": None,
    "opted_out_at": None,
    "opted_in_at": None,
    "outreach_paused_until": None,
    "wellness_opt_in": False,
    "derived_zones": "",
}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="what a live PostgreSQL must be spared"
)


# --- Moving through the migrations ---


def migrate(name: str) -> None:
    """To one migration of `caregiving`, taking along what depends on it."""
    MigrationExecutor(connection).migrate([("caregiving", name)])


def migrate_everything() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def operations(name: str) -> list:
    return import_module(f"caregiving.migrations.{name}").Migration.operations


def steps(name: str) -> list[int]:
    """After how many operations it is interrupted: after the last of each kind."""
    kinds = [type(operation) for operation in operations(name)]
    return [n for n in range(1, len(kinds) + 1) if kinds[n - 1 : n] != kinds[n : n + 1]]


def interrupted(name: str, *, after: int, backwards: bool = False) -> None:
    """Run only the first `after` operations of a migration, and leave it unrecorded."""
    executor = MigrationExecutor(connection)
    migration = executor.loader.get_migration("caregiving", name)
    key = ("caregiving", name)
    state = executor.loader.project_state(key, at_end=False)
    if backwards:
        # What is undone first stands last.
        first = len(migration.operations) - after
        for operation in migration.operations[:first]:
            operation.state_forwards("caregiving", state)
        migration.operations = migration.operations[first:]
    else:
        migration.operations = migration.operations[:after]
    with connection.schema_editor(atomic=migration.atomic) as editor:
        (migration.unapply if backwards else migration.apply)(state, editor)


@pytest.fixture
def only_ours(settings) -> None:
    """Other apps stay as they are: to follow their history takes as long as the rest."""
    ours = {"caregiving", "proactive", "auth", "contenttypes"}  # with what ours depend on
    settings.MIGRATION_MODULES = {
        app.label: None for app in apps.get_app_configs() if app.label not in ours
    }


@pytest.fixture
def original(transactional_db, only_ours) -> Iterator[None]:
    """The schema as it was, full of people; whatever happens, the newest schema at the end."""
    try:
        migrate(ORIGINAL)
        fill()
        yield
    finally:
        with connection.cursor() as cursor:
            for table in reversed(TABLES):
                cursor.execute(f"DELETE FROM {table}")
        migrate_everything()


def fill(people: int = 300) -> None:
    """Every field in use, each value of each choice, and scores and texts with them."""
    state = MigrationExecutor(connection).loader.project_state([("caregiving", ORIGINAL)])
    models = state.apps.all_models["caregiving"]
    Caregiver, Score, Inbound = (
        models[name] for name in ("caregiver", "wellnessscore", "inboundmessage")
    )
    caregivers = Caregiver.objects.bulk_create(
        Caregiver(
            phone_number=f"+1415555{n:04}",
            first_name=("Ruth", "José", "", "O'Neil", 'Ann "Nan"', "李")[n % 6],
            relationship=("daughter", "", "husband")[n % 3],
            care_recipient_name=("", "Mum", "Señora 100%")[n % 3],
            zip_code=("10001", "", "86515-1234", "00901")[n % 4],
            time_zone=("", "America/Chicago")[n % 2],
            language=("en", "es")[n % 2],
            journey_phase=("onboarding", "active", "churned")[n % 3],
            burnout_band=("", "thriving", "mild", "moderate", "high", "crisis")[n % 6],
            created_at=NOON - timedelta(days=n, microseconds=n),
            last_contact_at=None if n % 5 == 0 else NOON - timedelta(hours=n, microseconds=1),
        )
        for n in range(people)
    )
    Score.objects.bulk_create(
        Score(
            caregiver=person,
            score=n % 101,
            burnout_band=("thriving", "mild", "moderate", "high", "crisis")[n % 5],
            created_at=NOON - timedelta(days=n),
        )
        for n, person in enumerate(caregivers[::2] + caregivers[::3])
    )
    Inbound.objects.bulk_create(
        Inbound(
            caregiver=None if n % 4 == 0 else person,
            from_number=person.phone_number,
            body=("STOP", "", "I'm exhausted; 100%\n🙏")[n % 3],
            received_at=NOON - timedelta(minutes=n),
            provider_sid=f"SM{n:032}",
        )
        for n, person in enumerate(caregivers)
    )


# --- Looking at the database ---


def rows(sql: str, *parameters) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, table)
    return sorted(column.name for column in found)


def dump(shape: dict[str, list[str]]) -> dict[str, list[tuple]]:
    """Every row of the tables, in the columns of `shape`."""
    return {
        table: rows(f"SELECT {', '.join(names)} FROM {table} ORDER BY id")
        for table, names in shape.items()
    }


def shape() -> dict[str, list[str]]:
    return {table: columns(table) for table in TABLES}


def constraints() -> dict[str, set[str]]:
    """The names of indexes and checks; SQLite names the others anew with each copy of a table."""
    found = {}
    for table in TABLES:
        with connection.cursor() as cursor:
            entries = connection.introspection.get_constraints(cursor, table)
        found[table] = {name for name in entries if name.startswith("by_") or "in_range" in name}
    return found


def new_values() -> list[dict]:
    """What the fields that came later hold, each combination once."""
    present = [name for name in columns(PEOPLE) if name in NEVER]
    found = rows(f"SELECT DISTINCT {', '.join(present)} FROM {PEOPLE}")
    return [dict(zip(present, row, strict=True)) for row in found]


# --- The rows ---


class TestExistingPeople:
    def test_keep_every_value_forward_and_back_and_forward_again(self, original):
        before, were, had = shape(), dump(shape()), constraints()
        assert [len(were[table]) for table in TABLES] == [300, 250, 300]

        migrate_everything()
        assert dump(before) == were
        assert new_values() == [NEVER]

        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {PEOPLE} SET crisis_followup_count = 3, wellness_opt_in = true")
        migrate(ORIGINAL)
        assert shape() == before
        assert dump(before) == were
        assert constraints() == had

        migrate_everything()
        assert dump(before) == were
        assert new_values() == [NEVER]

    @pytest.mark.parametrize("name", [PROACTIVE, CADENCES])
    def test_keep_every_value_at_each_step(self, original, name):
        before, were = shape(), dump(shape())
        migrate(name)
        assert dump(before) == were
        assert new_values() == [{key: NEVER[key] for key in new_values()[0]}]
        migrate(ORIGINAL)
        assert shape() == before
        assert dump(before) == were

    def test_and_their_new_values_survive_a_return_to_the_step_that_brought_them(self, original):
        migrate_everything()
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {PEOPLE} SET crisis_followup_count = id %% 8, last_crisis_event_at = %s",
                [NOON],
            )
        kept = {PEOPLE: ["id", "crisis_followup_count", "last_crisis_event_at"]}
        were = dump(kept)
        migrate(PROACTIVE)
        assert dump(kept) == were
        migrate_everything()
        assert dump(kept) == were

    def test_of_the_original_schema_may_still_be_added_by_the_old_code(self, original):
        # While the new version is rolled out, the old one does not name the new columns.
        migrate_everything()
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {PEOPLE} (phone_number, first_name, relationship,"
                " care_recipient_name, zip_code, time_zone, language, journey_phase,"
                " burnout_band, created_at) VALUES"
                " ('+13125550100', '', '', '', '', '', 'en', 'onboarding', '', %s)",
                [NOON],
            )
        assert new_values() == [NEVER]

    @pytest.mark.parametrize(
        "name", [pytest.param(name, id=name[:4]) for name in (PROACTIVE, CADENCES)]
    )
    def test_survive_an_interruption_after_any_step_forward(self, original, name):
        before, were = shape(), dump(shape())
        for after in steps(name):
            migrate(ORIGINAL if name == PROACTIVE else PROACTIVE)
            interrupted(name, after=after)
            migrate(name)
            assert dump(before) == were
            assert new_values() == [{key: NEVER[key] for key in new_values()[0]}]

    @pytest.mark.parametrize(
        "name", [pytest.param(name, id=name[:4]) for name in (PROACTIVE, CADENCES)]
    )
    def test_survive_an_interruption_after_any_step_back(self, original, name):
        before, were, had = shape(), dump(shape()), constraints()
        for after in steps(name):
            migrate(name)
            interrupted(name, after=after, backwards=True)
            migrate(ORIGINAL)
            assert shape() == before
            assert dump(before) == were
            assert constraints() == had


@pytest.mark.parametrize("name", [PROACTIVE, CADENCES])
def test_the_sql_of_a_migration_can_be_read_whether_it_was_run_or_not(original, name):
    def sql(**options) -> str:
        out = StringIO()
        call_command("sqlmigrate", "caregiving", name, stdout=out, no_color=True, **options)
        return out.getvalue()

    fields = [field for field, _ in operations(name)[0].fields]
    before = shape()
    for _ in range(2):
        for printed in (sql(), sql(backwards=True)):
            assert [field for field in fields if f'"{field}"' not in printed] == []
        migrate(name)
    migrate(ORIGINAL)
    assert shape() == before


def test_no_migration_is_missing(transactional_db):
    call_command("makemigrations", "caregiving", check=True, dry_run=True, verbosity=0)


# --- A live PostgreSQL ---


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[Callable[[], None]]:
    """Run `work(over)` on another connection; what is given ends it, as does the block."""
    over = threading.Event()
    errors = []

    def run() -> None:
        try:
            work(over)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)

    def end() -> None:
        over.set()
        thread.join(timeout=30)
        assert errors == []

    thread.start()
    try:
        yield end
    finally:
        end()


@contextmanager
def somebody_holds(lock: str, *, at_most: float = 10.0) -> Iterator[Callable[[], None]]:
    """A transaction that ran `lock` and stays open until it is let go."""
    held = threading.Event()

    def work(over: threading.Event) -> None:
        with transaction.atomic():
            rows(lock)
            held.set()
            over.wait(timeout=at_most)

    with meanwhile(work) as let_go:
        assert held.wait(timeout=10)
        yield let_go


READING = f"SELECT id FROM {PEOPLE} LIMIT 1"
READING_TEXTS = "SELECT id FROM caregiving_inboundmessage LIMIT 1"
WRITING = f"SELECT id FROM {PEOPLE} LIMIT 1 FOR UPDATE"


@on_postgres
class TestLivePostgres:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        """A fifth of a second of patience for each lock, instead of five."""
        for name in (PROACTIVE, CADENCES, TWO_WAY):
            for operation in operations(name):
                if hasattr(operation, "lock_timeout"):
                    monkeypatch.setattr(operation, "lock_timeout", "200ms")

    def test_rewrites_no_table(self, original):
        def file() -> list[tuple]:
            return rows("SELECT pg_relation_filenode(%s)", PEOPLE)

        before = file()
        for name in (PROACTIVE, CADENCES):
            migrate(name)
            assert file() == before
        migrate_everything()
        assert file() == before

    def test_leaves_every_index_and_check_valid(self, original):
        migrate_everything()
        indexes = rows(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indrelid = %s::regclass AND relname LIKE 'by\\_%%' ORDER BY relname",
            PEOPLE,
        )
        assert indexes == [
            ("by_burnout", True),
            ("by_created", True),
            ("by_crisis_event", True),
            ("by_journey", True),
            ("by_last_contact", True),
            ("by_last_proactive", True),
        ]
        checks = rows(
            "SELECT conname, convalidated FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype = 'c' ORDER BY conname",
            PEOPLE,
        )
        assert checks == [
            ("assessment_reminder_count_in_range", True),
            ("crisis_followup_count_in_range", True),
            ("onboarding_nudge_count_in_range", True),
            ("reactivation_message_count_in_range", True),
        ]

    def test_builds_anew_an_index_whose_build_was_interrupted(self, original):
        def valid() -> list[tuple]:
            return rows(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)",
                "by_last_proactive",
            )

        interrupted(PROACTIVE, after=1)
        writing = f"UPDATE {PEOPLE} SET first_name = first_name RETURNING id"
        with somebody_holds(writing), connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '200ms'")
            try:
                with pytest.raises(OperationalError, match="statement timeout"):
                    interrupted(PROACTIVE, after=2)
            finally:
                cursor.execute("RESET statement_timeout")
        assert valid() == [(False,)]
        migrate(PROACTIVE)
        assert valid() == [(True,)]

    @pytest.mark.parametrize("lock", [READING, WRITING], ids=["reader", "writer"])
    @pytest.mark.parametrize(
        ("start", "name"), [(ORIGINAL, PROACTIVE), (PROACTIVE, CADENCES)], ids=["0002", "0003"]
    )
    def test_gives_up_soon_when_the_table_is_busy_and_can_be_run_again(
        self, original, start, name, lock
    ):
        migrate(start)
        before, were = shape(), dump(shape())
        with somebody_holds(lock) as let_go:
            began = time.monotonic()
            with pytest.raises(OperationalError, match="lock timeout"):
                migrate(name)
            assert time.monotonic() - began < 3
            assert shape() == before
            let_go()
            migrate(name)
        assert dump(before) == were

    @pytest.mark.parametrize("done", [0, 1, 2], ids=["fields", "more fields", "wider column"])
    def test_gives_up_soon_when_the_tables_are_read_and_can_be_run_again(self, original, done):
        """A webhook that reads behind a waiting ALTER TABLE would wait as well, a STOP in hand."""
        migrate(HISTORY)
        interrupted(TWO_WAY, after=done)
        with somebody_holds(READING) as let_go_people, somebody_holds(READING_TEXTS) as let_go:
            began = time.monotonic()
            with pytest.raises(OperationalError, match="lock timeout"):
                migrate(TWO_WAY)
            assert time.monotonic() - began < 3
            let_go()
            let_go_people()
            migrate(TWO_WAY)
        assert {"intent", "media"} <= set(columns("caregiving_inboundmessage"))

    @pytest.mark.parametrize("lock", [READING, WRITING], ids=["reader", "writer"])
    def test_gives_up_soon_on_a_check_too_and_can_be_run_again(self, original, lock):
        had = constraints()
        columns_and_indexes = 3
        migrate(PROACTIVE)
        interrupted(CADENCES, after=columns_and_indexes)
        check = operations(CADENCES)[columns_and_indexes]
        state = MigrationExecutor(connection).loader.project_state([("caregiving", CADENCES)])

        def add() -> None:
            with connection.schema_editor(atomic=False) as editor:
                check.database_forwards("caregiving", editor, state, state)

        def remove() -> None:
            with connection.schema_editor(atomic=False) as editor:
                check.database_backwards("caregiving", editor, state, state)

        for step in (add, remove):
            with somebody_holds(lock) as let_go:
                began = time.monotonic()
                with pytest.raises(OperationalError, match="lock timeout"):
                    step()
                assert time.monotonic() - began < 3
                let_go()
                step()
        migrate_everything()
        migrate(ORIGINAL)
        assert constraints() == had

    def test_gives_up_soon_on_the_way_back_too(self, original):
        migrate(CADENCES)
        with somebody_holds(READING) as let_go:
            for _ in range(2):
                with pytest.raises(OperationalError, match="lock timeout"):
                    migrate(ORIGINAL)
            let_go()
            migrate(ORIGINAL)
        assert [name for name in columns(PEOPLE) if name in NEVER] == []

    @pytest.mark.parametrize("busy", [False, True], ids=["alone", "behind-a-long-reader"])
    def test_never_keeps_a_writer_waiting_longer_than_its_patience(self, original, busy):
        waits = []

        def write(over: threading.Event) -> None:
            while not over.is_set():
                began = time.monotonic()
                rows(f"UPDATE {PEOPLE} SET last_contact_at = now() WHERE id %% 7 = 0 RETURNING id")
                waits.append(time.monotonic() - began)

        with meanwhile(write):
            if busy:
                # Without a limit the migration, and every writer behind it, would wait this long.
                with somebody_holds(READING, at_most=5):
                    with pytest.raises(OperationalError, match="lock timeout"):
                        migrate(PROACTIVE)
                    so_far = len(waits)
                    time.sleep(0.5)
                    assert len(waits) > so_far  # they go on beside the reader
            migrate(PROACTIVE)
        assert len(waits) > 1
        assert max(waits) < 0.2 + 1  # its patience, and a slow machine
