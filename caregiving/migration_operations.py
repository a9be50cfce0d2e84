"""Migration operations that a live PostgreSQL takes without long locks, and SQLite takes at all.

Each may be run again after it was interrupted: a migration that builds indexes concurrently has
no transaction around it that would take back its first half.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import migrations, models, transaction
from django.db.migrations.operations.base import Operation

LOCK_TIMEOUT = "5s"


class AddFields(Operation):
    """Add nullable columns, all or none of them, waiting at most `lock_timeout` for the lock.

    Null without a default (or with a constant one) changes the catalogue only: no row is
    rewritten. A busy table makes the migration fail, not its writers wait; run it again.
    """

    reversible = True

    def __init__(
        self,
        model_name: str,
        fields: list[tuple[str, models.Field]],
        lock_timeout: str = LOCK_TIMEOUT,
    ) -> None:
        self.model_name = model_name
        self.fields = fields
        self.lock_timeout = lock_timeout

    @property
    def _operations(self) -> list[migrations.AddField]:
        return [migrations.AddField(self.model_name, name, field) for name, field in self.fields]

    def state_forwards(self, app_label: str, state: Any) -> None:
        for operation in self._operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        with _brief_lock(schema_editor, self.lock_timeout):
            model = to_state.apps.get_model(app_label, self.model_name)
            present = self._columns(schema_editor, model, otherwise=set())
            for operation, before, after in self._steps(app_label, from_state):
                if self._column(model, operation) not in present:
                    operation.database_forwards(app_label, schema_editor, before, after)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        with _brief_lock(schema_editor, self.lock_timeout):
            model = from_state.apps.get_model(app_label, self.model_name)
            all_of_them = {self._column(model, operation) for operation in self._operations}
            present = self._columns(schema_editor, model, otherwise=all_of_them)
            for operation, before, after in reversed(list(self._steps(app_label, to_state))):
                if self._column(model, operation) in present:
                    operation.database_backwards(app_label, schema_editor, after, before)

    def describe(self) -> str:
        return f"Add {', '.join(name for name, _ in self.fields)} to {self.model_name}"

    def _steps(self, app_label: str, state: Any) -> Iterator[tuple[migrations.AddField, Any, Any]]:
        """Each field with the state before and after it.

        SQLite copies the whole table for some fields, and copies the columns that the state names.
        """
        for operation in self._operations:
            after = state.clone()
            operation.state_forwards(app_label, after)
            yield operation, state, after
            state = after

    @staticmethod
    def _column(model: type[models.Model], operation: migrations.AddField) -> str:
        """A foreign key's column has another name than its field."""
        return str(getattr(model._meta.get_field(operation.name), "column"))

    @staticmethod
    def _columns(schema_editor: Any, model: type[models.Model], *, otherwise: set[str]) -> set[str]:
        """What the table has; `otherwise` when the SQL is only printed, maybe without a table."""
        if schema_editor.collect_sql:
            return otherwise
        connection = schema_editor.connection
        with connection.cursor() as cursor:
            table = connection.introspection.get_table_description(cursor, model._meta.db_table)
        return {column.name for column in table}


class AlterField(migrations.AlterField):
    """Change a column in a way that rewrites no row, waiting as briefly as `AddFields` does."""

    lock_timeout = LOCK_TIMEOUT

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        with _brief_lock(schema_editor, self.lock_timeout):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        with _brief_lock(schema_editor, self.lock_timeout):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class AddIndexConcurrently(postgres.AddIndexConcurrently):
    """Build an index without blocking writers; on SQLite, a plain index."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        # An interrupted migration leaves its index behind, an interrupted build an invalid one.
        name = schema_editor.quote_name(self.index.name)
        if not _is_postgres(schema_editor):
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
            return migrations.AddIndex.database_forwards(
                self, app_label, schema_editor, from_state, to_state
            )
        with _patiently(schema_editor):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        if not _is_postgres(schema_editor):
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
            return
        with _patiently(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class RemoveIndexConcurrently(migrations.RemoveIndex):
    """Drop an index without blocking writers; on SQLite, as any."""

    atomic = False

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        # An interrupted migration has dropped it already.
        name = schema_editor.quote_name(self.name)
        if not _is_postgres(schema_editor):
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
            return
        with _patiently(schema_editor):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        again = AddIndexConcurrently(self.model_name, index)
        again.database_forwards(app_label, schema_editor, from_state, to_state)  # type: ignore[no-untyped-call]


class CreateIndexConcurrently(Operation):
    """Build an index that only PostgreSQL can have, from its own statement; nothing on SQLite.

    `sql` is a CREATE INDEX CONCURRENTLY of `name`. No model knows of it.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, sql: str) -> None:
        self.name = name
        self.sql = sql

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        # An interrupted build leaves an invalid index behind.
        self._drop(schema_editor)
        if _is_postgres(schema_editor):
            with _patiently(schema_editor):
                schema_editor.execute(self.sql, params=None)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        self._drop(schema_editor)

    def _drop(self, schema_editor: Any) -> None:
        if _is_postgres(schema_editor):
            name = schema_editor.quote_name(self.name)
            with _patiently(schema_editor):
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", params=None)

    def describe(self) -> str:
        return f"Create index {self.name} on PostgreSQL"


class DropIndexOfColumn(Operation):
    """Drop an index that Django gives a column unasked, without blocking writers.

    `name` as Django names it, in `table`; `columns` for building it again. No model knows of one
    with an operator class, which only PostgreSQL has.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, table: str, columns: str) -> None:
        self.name = name
        self.table = table
        self.columns = columns

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        self._execute(schema_editor, "DROP INDEX {concurrently} IF EXISTS {name}")

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        if "_ops" in self.columns and not _is_postgres(schema_editor):
            return
        # An interrupted build leaves an invalid index behind.
        self._execute(schema_editor, "DROP INDEX {concurrently} IF EXISTS {name}")
        self._execute(schema_editor, "CREATE INDEX {concurrently} {name} ON {table} ({columns})")

    def _execute(self, schema_editor: Any, statement: str) -> None:
        sql = statement.format(
            concurrently="CONCURRENTLY" if _is_postgres(schema_editor) else "",
            name=schema_editor.quote_name(self.name),
            table=schema_editor.quote_name(self.table),
            columns=self.columns,
        )
        if not _is_postgres(schema_editor):
            schema_editor.execute(sql, params=None)
            return
        with _patiently(schema_editor):
            schema_editor.execute(sql, params=None)

    def describe(self) -> str:
        return f"Drop index {self.name}"


class AddCheck(migrations.AddConstraint):
    """Add a check constraint; on PostgreSQL first unvalidated, then validated beside the writers.

    Only the first step takes the table, and it gives up as `AddFields` does. SQLite copies the
    table, all or nothing.
    """

    lock_timeout = LOCK_TIMEOUT

    def database_forwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        if not _is_postgres(schema_editor):
            with _brief_lock(schema_editor, self.lock_timeout):
                return super().database_forwards(app_label, schema_editor, from_state, to_state)
        arguments = app_label, schema_editor, from_state, to_state
        with _brief_lock(schema_editor, self.lock_timeout):
            self._drop(schema_editor, to_state.apps.get_model(app_label, self.model_name))
            postgres.AddConstraintNotValid(self.model_name, self.constraint).database_forwards(
                *arguments
            )
        postgres.ValidateConstraint(self.model_name, self.constraint.name).database_forwards(
            *arguments
        )

    def database_backwards(self, app_label, schema_editor, from_state, to_state):  # type: ignore[no-untyped-def]
        model = to_state.apps.get_model(app_label, self.model_name)
        with _brief_lock(schema_editor, self.lock_timeout):
            if _is_postgres(schema_editor):
                self._drop(schema_editor, model)
            elif self._exists(schema_editor, model):
                # Else it was taken back before, maybe with the columns that a copy would name.
                super().database_backwards(app_label, schema_editor, from_state, to_state)

    def _exists(self, schema_editor: Any, model: type[models.Model]) -> bool:
        if schema_editor.collect_sql:
            return True
        connection = schema_editor.connection
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
        return self.constraint.name in found

    def _drop(self, schema_editor: Any, model: type[models.Model]) -> None:
        table = schema_editor.quote_name(model._meta.db_table)
        name = schema_editor.quote_name(self.constraint.name)
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")


@contextmanager
def _brief_lock(schema_editor: Any, timeout: str) -> Iterator[None]:
    """One transaction that fails rather than wait for its lock longer than `timeout`.

    Everybody who comes after a waiting ALTER TABLE waits behind it.
    """
    with transaction.atomic(schema_editor.connection.alias):
        if _is_postgres(schema_editor):
            schema_editor.execute(f"SET LOCAL lock_timeout = '{timeout}'")
        yield


@contextmanager
def _patiently(schema_editor: Any) -> Iterator[None]:
    """Without the limit that `migrate` sets: nobody waits behind what is done concurrently."""
    if schema_editor.collect_sql:
        yield
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


def _is_postgres(schema_editor: Any) -> bool:
    return bool(schema_editor.connection.vendor == "postgresql")
