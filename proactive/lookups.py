"""A lookup for long lists, and how to have other tables asked about a few rows only."""

import json
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connections
from django.db.models import (
    BigAutoField,
    BooleanField,
    Case,
    CharField,
    Lookup,
    Q,
    QuerySet,
    UUIDField,
    Value,
    When,
)

People = TypeVar("People", bound=QuerySet[Any])


@BigAutoField.register_lookup
@CharField.register_lookup
@UUIDField.register_lookup
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


def rows_first(queryset: People, condition: Q) -> People:
    """`queryset` filtered by `condition`, what that says of the rows alone being asked first.

    Other tables are then asked about the few that are left, by index. Asked all at once PostgreSQL
    expects many and reads whatever those tables have ever held, for the sake of a few.
    """
    if connections[queryset.db].vendor == "postgresql":
        everybody = queryset.model._default_manager.order_by()
        rows = everybody.filter(of_row_alone(condition)).values("pk")
        queryset = queryset.filter(pk__one_of=ArraySubquery(rows))
    return queryset.filter(condition)


def of_row_alone(q: Q) -> Q:
    """`q` without what it asks of other tables: it holds wherever `q` does, and perhaps elsewhere.

    Takes what rules are made of: AND, OR and comparisons of fields. Of what is negated nothing
    remains: without a part of it, it would hold of fewer rows.
    """
    if q.negated:
        return Q()
    alone = Q(_connector=q.connector)
    for child in q.children:
        if isinstance(child, Q):
            child = of_row_alone(child)
        elif not isinstance(child, tuple):
            child = Q()
        if child:
            alone.add(child if isinstance(child, Q) else Q(child), q.connector)
        elif q.connector == Q.OR:
            return Q()  # true of anybody, for all that the row tells
    return alone
