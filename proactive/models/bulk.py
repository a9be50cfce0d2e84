"""An UPDATE that gives each row a value of its own."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, Func


class ByKey(Func):
    """The value that a mapping has for the UUID in `field` of the row.

    The whole mapping is one parameter: a CASE with a branch for each row would cost more to put
    together than the statement takes to run.
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
