"""Reading a `Q` in Python: does it hold for one person, and when could that change?

The sweep hands a rule's `Q` to the database. `explain` and `forecast` also ask about later
instants and about states that no row is in; they read the very same `Q` here, so there is no
second wording of a rule that could drift away from the first.
"""

import operator
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

_TICK = timedelta(microseconds=1)


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    # As in SQL, a comparison with null is not true.
    return lambda value, bound: value is not None and compare(value, bound)


_LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "in": lambda value, bound: value in bound,
    "isnull": lambda value, bound: (value is None) is bound,
    "lt": _comparison(operator.lt),
    "lte": _comparison(operator.le),
    "gt": _comparison(operator.gt),
    "gte": _comparison(operator.ge),
}


def matches(q: Q, person: object) -> bool:
    """Whether `q` holds for `person`. Covers what rules use: AND, OR and the lookups above."""
    return test(q)(person)


def test(q: Q) -> Callable[[object], bool]:
    """`matches`, for many people: `q` is read once."""
    if q.negated:
        # SQL's NOT leaves out what is null, Python's does not: say it the other way round.
        raise ValueError(f"rules are written without negation: {q}")
    parts = [test(child) if isinstance(child, Q) else _comparing(child) for child in q.children]
    if len(parts) == 1:
        return parts[0]
    some = any if q.connector == Q.OR else all
    return lambda person: some(part(person) for part in parts)


def turning_points(q: Q, person: object, *, now: datetime) -> Iterator[datetime]:
    """Instants at which a part of `q`, which was built for `now`, changes for `person`.

    A rule compares a field with `now` minus a duration, so each comparison says by itself when it
    changes: at the field plus that duration.
    """
    for child in q.children:
        if isinstance(child, Q):
            yield from turning_points(child, person, now=now)
            continue
        field, lookup, bound = _read(child)
        value = getattr(person, field)
        if isinstance(value, datetime) and isinstance(bound, datetime):
            change = value + (now - bound)
            # `<=` and `>` change at the instant itself, `<` and `>=` just after it.
            yield change if lookup in ("lte", "gt") else change + _TICK


def _comparing(child: Any) -> Callable[[object], bool]:
    field, lookup, bound = _read(child)
    compare = _LOOKUPS[lookup]
    return lambda person: compare(getattr(person, field), bound)


def _read(child: Any) -> tuple[str, str, Any]:
    name, bound = child
    field, _, lookup = name.partition("__")
    return field, lookup or "exact", bound
