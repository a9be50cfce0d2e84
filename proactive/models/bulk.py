"""Statements for many rows whose values are one parameter, as JSON, however many rows there are.

Hundreds of parameters a row cost more to put together than the statement takes to run.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.models import CharField, F, Func, Model


def insert(model: type[Model], rows: Sequence[Mapping[str, Any]], **common: Any) -> None:
    """Insert `rows`, by the names of their columns, each with the values of `common` as well.

    All rows name the same columns; what neither names gets the default of its field. As
    `bulk_create`, but no instance is made, which takes most of its time. The values of rows are
    texts, whole numbers, datetimes, UUIDs or None. Raises IntegrityError as any insert.
    """
    if not rows:
        return
    fields: dict[str, Any] = {field.attname: field for field in model._meta.concrete_fields}
    key = model._meta.pk
    if key.has_default() and key.attname not in rows[0]:
        rows = [{key.attname: key.get_default(), **row} for row in rows]
    connection = connections[router.db_for_write(model)]
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create([model(**common, **row) for row in rows])
        return
    quote = connection.ops.quote_name
    each = {name: quote(fields[name].column) for name in rows[0]}
    same = [field for name, field in fields.items() if name not in each]
    columns = [*each.values(), *(quote(field.column) for field in same)]
    values = [*each.values(), *(f"%s::{field.db_type(connection)}" for field in same)]
    typed = (f"{column} {fields[name].db_type(connection)}" for name, column in each.items())
    parameters = [
        field.get_db_prep_save(common.get(field.attname, field.get_default()), connection)
        for field in same
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)}) "
            f"SELECT {', '.join(values)} FROM json_to_recordset(%s) AS given ({', '.join(typed)})",
            [*parameters, json.dumps(rows, default=str)],
        )


class ByKey(Func):
    """The value that a mapping has for the UUID in `field` of the row.

    A CASE with a branch for each row would do the same.
    """

    output_field = CharField()

    def __init__(self, field: str, values: Mapping[UUID, str]) -> None:
        super().__init__(F(field))
        self._values = values

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        key, parameters = compiler.compile(self.source_expressions[0])
        values = json.dumps({key.hex: value for key, value in self._values.items()})
        return f"json_extract(%s, '$.\"' || {key} || '\"')", [values, *parameters]

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        key, parameters = compiler.compile(self.source_expressions[0])
        values = json.dumps({str(key): value for key, value in self._values.items()})
        return f"(%s::jsonb ->> {key}::text)", [values, *parameters]
