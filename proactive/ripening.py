"""From when on a condition may hold for a row: an instant that an index can keep.

Every rule compares a field with `now` minus a duration, so its `Q` also says, for a given row, when
it will begin to hold: at the field plus that duration. Put together for all rules that make a text
owed, that is the instant at which the row is *ripe*. PostgreSQL keeps it in an index, behind the
zone of the person, and a sweep reads the entries that are ripe by now where it is daytime: neither
those who had their text, nor those whose time has not come, nor those who wait for their morning.

Being ripe is necessary, never sufficient. Each query asks its rules as well, so whatever is left
out here (what depends on other tables, when something ends) costs time and changes no answer, and
neither does an index that is missing or out of date. SQLite, which serves few people, has none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Expression, F, Q

from proactive.clocks import Window
from proactive.prepared import Moment
from proactive.rules import OpenPlaces, open_places

NEVER, ALWAYS = "'infinity'::timestamp", "'-infinity'::timestamp"

# Where a person is, by its name or names: as `rules.CLOCK` is written in SQL.
ZONE = "CASE WHEN time_zone = '' THEN derived_zones ELSE time_zone END"

TABLE = "caregiving_caregiver"


@dataclass(frozen=True)
class Ripening:
    """What an index is made of: `condition(now)` is what ripens in a row of a person.

    `lasts`: how long after it has ripened the condition may still hold; None: for good.
    `window`: the local hours that it keeps to, if any; the index leads with the zone then.
    """

    name: str
    condition: Callable[[datetime], Q]
    lasts: timedelta | None = None
    window: Window | None = None

    @property
    def index(self) -> str:
        return f"ripe_{self.name}"

    def create_index(self) -> str:
        """The statement that builds the index, beside the writers.

        Of all people, also those who never ripen: of an index of some PostgreSQL does not use the
        statistics, would expect a third of them to be ripe, and might read the table instead.
        """
        columns = f"({ZONE}), ({self.instant})" if self.window else f"({self.instant})"
        return f"CREATE INDEX CONCURRENTLY {self.index} ON {TABLE} ({columns})"

    def by(self, now: datetime) -> Q:
        """Ripe by `now`, a datetime or the time of a prepared query."""
        return Q(_Ripe(self, now))

    @property
    def instant(self) -> str:
        """When a row ripens, in SQL: a timestamp in UTC, infinity for never."""
        return _span(self.condition(Moment())).beginning()  # type: ignore[arg-type]


class _Ripe(Expression):
    """Among the rows that the index has, in the very words of the index.

    They are looked up first and by themselves. As one more condition beside the rules the planner
    would weigh it against other indexes, and read those of hundreds of thousands as well.
    """

    conditional = True

    def __init__(self, ripening: Ripening, now: Any) -> None:
        super().__init__(output_field=BooleanField())
        self.ripening = ripening
        self.now = now
        self.key: Any = F("pk")

    def get_source_expressions(self) -> list[Any]:
        return [self.key]

    def set_source_expressions(self, expressions: Any) -> None:
        (self.key,) = expressions

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "1 = 1", []

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        key, _ = compiler.compile(self.key)
        ripening, now = self.ripening, self.now
        conditions = [f"({ripening.instant}) <= (%s AT TIME ZONE 'UTC')"]
        values = [now]
        if ripening.lasts is not None:
            conditions.append(f"({ripening.instant}) > (%s AT TIME ZONE 'UTC')")
            values.append(now - ripening.lasts)
        else:
            # Says nothing, but whoever plans without the values expects few rows between two.
            conditions.append(f"({ripening.instant}) >= {ALWAYS}")
        if ripening.window is not None:
            conditions.append(f"({ZONE}) = ANY(%s)")
            is_hole = isinstance(now, Moment)
            places = OpenPlaces if is_hole else lambda window: list(open_places(window, now))
            values.append(places(ripening.window))
        # Where the row lies rather than its key: within one statement that is as good a name, and
        # reads a quarter of the pages.
        place = f"{key.rpartition('.')[0]}.ctid"
        return (
            f"{place} = ANY(ARRAY(SELECT ctid FROM {TABLE} WHERE {' AND '.join(conditions)}))",
            values,
        )


def _parted(q: Q) -> tuple[list[str], Q]:
    """The conditions of `q` on the row alone, in SQL, and those that time changes."""
    lasting: list[str] = []
    changing = Q()
    for child in q.children if q.connector == Q.AND else [q]:
        if _changes(child):
            changing.add(child, Q.AND)
        elif (always := _static(child)) is not None:
            lasting.append(always)
    return lasting, changing


@dataclass(frozen=True)
class _Span:
    """When a condition begins to hold and when it ends to, and by which fields that is told.

    None where the row does not tell.
    """

    starts: str | None = None
    ends: str | None = None
    started_by: frozenset[str] = frozenset()
    ended_by: frozenset[str] = frozenset()

    def beginning(self) -> str:
        """Never, where it would have ended before it begins.

        Not asked where both go by the very same fields: the end comes after the beginning then.
        """
        starts = self.starts or ALWAYS
        if self.ends is None or self.ended_by == self.started_by:
            return starts
        return f"CASE WHEN {starts} <= {self.ends} THEN {starts} ELSE {NEVER} END"


def _span(child: Any) -> _Span:
    if not isinstance(child, Q):
        return _span_of_comparison(child)
    if child.connector == Q.OR:
        return _span_of_either(child)
    lasting, changing = _parted(child)
    spans = [_span(one) for one in changing.children]
    starts = _outermost("GREATEST", [one.starts for one in spans if one.starts])
    if lasting:
        starts = f"CASE WHEN {' AND '.join(lasting)} THEN {starts or ALWAYS} ELSE {NEVER} END"
    ends = _outermost("LEAST", [one.ends for one in spans if one.ends])
    return _Span(starts, ends, *_fields(spans))


def _span_of_either(q: Q) -> _Span:
    if (unset := _unset_or_before(q)) is not None:
        return unset
    spans = [_span(one if _changes(one) else Q(one)) for one in q.children]
    starts = _outermost("LEAST", [one.beginning() for one in spans])
    if not all(one.starts for one in spans):
        starts = None
    ends = _outermost("GREATEST", [one.ends for one in spans if one.ends])
    if not all(one.ends for one in spans):
        ends = None
    return _Span(starts, ends, *_fields(spans))


def _unset_or_before(q: Q) -> _Span | None:
    """`field IS NULL OR field <= now - duration`, the commonest of all, in short."""
    match [child for child in q.children if isinstance(child, tuple)]:
        case [(name, True), (other, Moment() as bound)] if len(q.children) == 2:
            field = name.removesuffix("__isnull")
            if other in (f"{field}__lte", f"{field}__lt") and name.endswith("__isnull"):
                return _Span(
                    f"COALESCE({_later(field, bound)}, {ALWAYS})", None, frozenset({field})
                )
    return None


def _span_of_comparison(child: Any) -> _Span:
    field, lookup, bound = _read(child)
    at = _later(field, bound)
    # A comparison with null is never true.
    if lookup in ("lt", "lte"):
        return _Span(starts=f"COALESCE({at}, {NEVER})", started_by=frozenset({field}))
    return _Span(ends=f"COALESCE({at}, {ALWAYS})", ended_by=frozenset({field}))


def _later(field: str, bound: Moment) -> str:
    at = f"{field} AT TIME ZONE 'UTC'"
    seconds = -bound.offset.total_seconds()
    return f"{at} + interval '{seconds:.0f} seconds'" if seconds else at


def _fields(spans: list[_Span]) -> tuple[frozenset[str], frozenset[str]]:
    none: frozenset[str] = frozenset()
    return (
        none.union(*(one.started_by for one in spans)),
        none.union(*(one.ended_by for one in spans)),
    )


def _outermost(function: str, values: list[str]) -> str | None:
    values = list(dict.fromkeys(values))
    if len(values) < 2:
        return values[0] if values else None
    return f"{function}({', '.join(values)})"


def _changes(child: Any) -> bool:
    if isinstance(child, Q):
        return any(_changes(one) for one in child.children)
    return isinstance(child, tuple) and isinstance(child[1], Moment)


def _static(child: Any) -> str | None:
    """A condition on the row alone, in SQL; None for one that asks other tables."""
    if isinstance(child, Q):
        parts = [_static(one) for one in child.children]
        if child.connector == Q.OR and None in parts:
            return None
        known = [part for part in parts if part is not None]
        return f"({f' {child.connector} '.join(known)})" if known else None
    if not isinstance(child, tuple):
        return None
    field, lookup, value = _read(child)
    if lookup == "isnull":
        return f"{field} IS {'' if value else 'NOT '}NULL"
    if lookup == "in":
        return f"{field} IN ({', '.join(_literal(one) for one in value)})"
    operator = {"exact": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[lookup]
    return f"{field} {operator} {_literal(value)}"


def _read(child: Any) -> tuple[str, str, Any]:
    name, bound = child
    field, _, lookup = name.partition("__")
    return field, lookup or "exact", bound


def _literal(value: Any) -> str:
    match value:
        case F():
            (name,) = value.deconstruct()[1]
            return str(name)
        case bool() | int():
            return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"
