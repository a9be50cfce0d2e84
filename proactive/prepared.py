"""Queries whose SQL is written once and executed with new values ever after.

A sweep asks the same dozen questions at every tick, mostly in vain. Putting a rule's `Q` into SQL
takes Django a hundred times as long as a database with the right index takes to say that nobody
is due. So what changes from tick to tick, the time first of all, stands in the SQL as a
placeholder:

    @prepared
    def _stuck(*, now: datetime) -> QuerySet[Message]:
        return Message.objects.filter(status=Status.SENDING, attempt_started_at__lte=now - LEASE)

    for message in _stuck(now=now): ...

The function below the decorator is called once for each database and each combination of its
positional arguments. There `now` is a `Moment`, from which durations are subtracted as from a
datetime, and every other keyword is a `Given`.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from functools import cache, lru_cache, update_wrapper
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created
from django.db.models import DateTimeField, Expression, IntegerField, QuerySet

Values = dict[str, Any]

# How often what statements are written for has changed: in tests, and in simulated worlds.
_policies = 0


class Placeholder(Expression):
    """A parameter whose value is known at execution only: `value(values)`."""

    def value(self, values: Values) -> Any:
        raise NotImplementedError

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        # Itself in place of a value that the database could take: `_Statement` replaces it.
        return "%s", [self]


class Moment(Placeholder):
    """The time of execution, `offset` later."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        super().__init__(output_field=DateTimeField())
        self.offset = offset

    def value(self, values: Values) -> datetime:
        now: datetime = values["now"]
        return now + self.offset

    def __add__(self, other: Any) -> "Moment":  # type: ignore[override]
        return Moment(self.offset + other)

    def __sub__(self, other: Any) -> "Moment":  # type: ignore[override]
        return Moment(self.offset - other)


class Given(Placeholder):
    """What the caller passes by `name`: a number, or a list for the lookup `one_of`."""

    def __init__(self, name: str) -> None:
        super().__init__(output_field=IntegerField())
        self.name = name

    def value(self, values: Values) -> Any:
        return values[self.name]


class Prepared:
    """A query that is ready to be executed; made by `prepared`."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._build = build
        update_wrapper(self, build)

    def __call__(self, *parts: Any, **values: Any) -> list[Any]:
        """The rows: objects, or whatever `values_list` says."""
        return list(self._statement(parts, values).rows(values))

    def stream(self, *parts: Any, chunk: int, **values: Any) -> Iterator[Any]:
        """The same, `chunk` rows in memory at a time. Nothing may be written before its end."""
        yield from self._statement(parts, values).rows(values, chunk=chunk)

    def _statement(self, parts: tuple[Any, ...], values: Values) -> "_Statement":
        connection = connections[DEFAULT_DB_ALIAS]
        # With the connection they go: a compiler belongs to one, and one belongs to a thread.
        policies, statements = vars(connection).get("prepared_statements", (None, {}))
        if policies != _policies:
            # What was forgotten is let go of here: no other thread may touch the connection.
            statements = {}
            vars(connection)["prepared_statements"] = (_policies, statements)
        key = (self, *(one if isinstance(one, int) else id(one) for one in parts))
        if key not in statements:
            holes = {name: Moment() if name == "now" else Given(name) for name in values}
            statements[key] = _Statement(self._build(*parts, **holes), connection, parts)
        statement: _Statement = statements[key]
        return statement


def prepared(build: Callable[..., QuerySet[Any, Any]]) -> Prepared:
    """Make `build`, which returns a query, a function that returns its rows.

    Positional arguments belong to the statement and are told apart by identity, numbers by their
    value; keywords are values. Whoever changes what `build` reads while it is in use has to
    `forget`.
    """
    return Prepared(build)


def forget() -> None:
    """Write every statement anew: what they were written for has changed."""
    global _policies
    _policies += 1


class _Statement:
    """A queryset whose compiler has done its work, on one connection."""

    def __init__(
        self,
        queryset: QuerySet[Any, Any],
        connection: Any,
        parts: tuple[Any, ...],
    ) -> None:
        # Held, so that no other object gets the identity that this statement is known by.
        self._parts = parts
        self._queryset = queryset
        self._connection = connection
        self._is_postgres = connection.vendor == "postgresql"
        compiler = queryset.query.get_compiler(connection=connection)
        self._sql, self._parameters = compiler.as_sql()
        self._sql, self._parameters = self._with_constants()
        self._compiler = compiler
        self._fetch_by_cursor = compiler.execute_sql
        # What turns rows into objects asks the query for a compiler, and that one for its rows.
        queryset.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]

    def rows(self, values: Values, *, chunk: int | None = None) -> Iterator[Any]:
        parameters = tuple(
            self._adapted(one.value(values)) if isinstance(one, Placeholder) else one
            for one in self._parameters
        )
        self._compiler.as_sql = lambda *_, **__: (self._sql, parameters)
        whole = chunk is None and self._is_postgres
        self._compiler.execute_sql = (
            (lambda *_, **__: [self._fetch_planned(parameters)]) if whole else self._fetch_by_cursor
        )
        size = {} if chunk is None else {"chunked_fetch": True, "chunk_size": chunk}
        yield from self._queryset._iterable_class(self._queryset, **size)  # type: ignore[misc,arg-type]

    def _fetch_planned(self, parameters: tuple[Any, ...]) -> list[Any]:
        """By what PostgreSQL has planned before: planning takes longer than all the rest."""
        connection = self._connection
        connection.ensure_connection()
        with connection.wrap_database_errors:
            own = _preparing_cursor()(connection.connection)
            with connection._prepare_cursor(own) as cursor:
                cursor.execute(self._sql, parameters)
                rows: list[Any] = cursor.fetchall()
        return rows

    def _with_constants(self) -> tuple[str, list[Placeholder]]:
        """The SQL in which only placeholders are parameters.

        PostgreSQL's plan for any value of a constant cannot use the indexes of some rows only.
        SQLite looks at the value to use them, and then plans anew at each execution.
        """
        constants = [one for one in self._parameters if not isinstance(one, Placeholder)]
        quoted = iter(self._quoted(constants))
        written = iter(
            "%s" if isinstance(one, Placeholder) else next(quoted).replace("%", "%%")
            for one in self._parameters
        )
        holes = [one for one in self._parameters if isinstance(one, Placeholder)]
        return _HOLE.sub(lambda hole: next(written), self._sql), holes

    def _quoted(self, constants: list[Any]) -> list[str]:
        """Each as a literal, the way the database itself writes it."""
        self._connection.ensure_connection()
        raw = self._connection.connection
        if self._is_postgres:
            from psycopg import sql

            return [sql.quote(one, raw) for one in constants]
        if not constants:
            return []
        columns = ", ".join(["quote(?)"] * len(constants))
        return list(sqlite3.Cursor(raw).execute(f"SELECT {columns}", constants).fetchone())

    def _adapted(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return self._connection.ops.adapt_datetimefield_value(value)
        if isinstance(value, Collection) and not isinstance(value, str):
            if isinstance(value, frozenset):
                return _written_set(value, as_array=self._is_postgres)
            return list(value) if self._is_postgres else json.dumps(list(value), default=_as_stored)
        return value


def _as_stored(key: UUID) -> str:
    """As SQLite has it."""
    return key.hex


@lru_cache(maxsize=32)
def _written_set(names: frozenset[str], *, as_array: bool) -> str:
    """The places where it is daytime are the same for many a question: written once, as JSON or as
    PostgreSQL writes an array."""
    written = json.dumps(sorted(names))
    return f"{{{written[1:-1]}}}" if as_array else written


def plan_once(connection: Any, **_: Any) -> None:
    """Have PostgreSQL keep the one plan that it makes of a prepared statement.

    By itself it weighs that plan, which is for any values, against one for the values at hand, and
    to know what that would cost it plans anew each time. To plan a question of people, beside as
    many indexes as they have, takes longer than to answer it. Nothing but what is prepared here has
    plans that are kept. Called for each new connection.
    """
    if connection.vendor == "postgresql":
        connection.connection.execute("SET plan_cache_mode = force_generic_plan")


connection_created.connect(plan_once, dispatch_uid="plan_once")


# A parameter; not the second half of a percent sign that stands for itself.
_HOLE = re.compile(r"(?<!%)%s")


@cache
def _preparing_cursor() -> type[Any]:
    import psycopg
    from psycopg.pq import Format

    instant = psycopg.postgres.types["timestamptz"].oid
    in_c: Any = psycopg.adapters.get_loader(instant, Format.TEXT)

    class Preparing(psycopg.Cursor[Any]):
        """Has the server prepare whatever it executes, where the connection allows that."""

        def __init__(self, connection: Any) -> None:
            super().__init__(connection)
            # Django reads instants in Python, a third of the time that it takes to read a person.
            # Both are right while the connection is in UTC, as Django has it.
            self.adapters.register_loader(instant, in_c)

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            super().execute(query, params, **options | {"prepare": True})
            # What Django's log of queries reads.
            self._query = SimpleNamespace(query=query.encode())  # type: ignore[assignment]
            return self

    return Preparing
