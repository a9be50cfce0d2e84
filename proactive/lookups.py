"""A lookup for long lists, and one question for each row."""

import json
from typing import Any

from django.db.models import BigAutoField, BooleanField, Case, CharField, Lookup, Q, Value, When


@BigAutoField.register_lookup
@CharField.register_lookup
class OneOf(Lookup):
    """`pk__one_of=[...]`: like `in`, but all of it is one parameter.

    The zones in which it is daytime are some five hundred names, and a batch is a thousand people;
    as so many parameters they would cost more to prepare than the query takes to run. One
    parameter can also be a placeholder of a prepared query, whatever its length.
    """

    lookup_name = "one_of"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        listed = list(value)
        return "%s", [listed if connection.vendor == "postgresql" else json.dumps(listed)]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        listed, values = self.process_rhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each({listed}))", [*parameters, *values]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        listed, values = self.process_rhs(compiler, connection)
        return f"{column} = ANY({listed})", [*parameters, *values]


def row_by_row(condition: Q) -> Q:
    """`condition`, which asks another table, asked of one row after the other by that one's index.

    A NOT EXISTS by itself PostgreSQL makes a join of, in the form that its statistics suggest. They
    may be of a minute at which nobody waited; and then it compares everybody who is due with
    everybody who waits.
    """
    asked = Case(
        When(condition, then=Value(True)), default=Value(False), output_field=BooleanField()
    )
    return Q(asked)
