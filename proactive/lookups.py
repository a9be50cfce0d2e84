"""A lookup for long lists."""

import json
from typing import Any

from django.db.models import CharField, Lookup


@CharField.register_lookup
class OneOf(Lookup):
    """`time_zone__one_of=frozenset(...)`: like `in`, but all of it is one parameter.

    The zones in which it is daytime are some five hundred names; as so many parameters they would
    cost more to prepare than the query takes to run.
    """

    lookup_name = "one_of"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        names = list(value)
        return "%s", [names if connection.vendor == "postgresql" else json.dumps(names)]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        names, listed = self.process_rhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each({names}))", [*parameters, *listed]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        names, listed = self.process_rhs(compiler, connection)
        return f"{column} = ANY({names})", [*parameters, *listed]
