"""Something that breaks into the work of the system at one of its statements."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection


class Crash(BaseException):
    """The process dies: nothing that it had not committed remains."""


# A crash next to one of these is a crash next to the statement before or after it.
_OF_TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


@dataclass(frozen=True)
class Interruption:
    """`kind` at the statement with the number `at`, counted from 1.

    "before" and "after": the process dies there. "error": the database does not answer. "stall":
    `seconds` pass. "meanwhile": another worker does `what` there; only between two transactions,
    as within one its locks keep others out.
    """

    kind: str
    at: int
    seconds: float = 0
    what: str = ""


@contextmanager
def interrupted(
    by: Interruption | None,
    *,
    wait: Callable[[timedelta], None],
    happens: Callable[[str], None],
) -> Iterator[Callable[[], bool]]:
    """Inside, `by` takes place once its statement comes; yields whether it has."""
    if by is None:
        with nullcontext():
            yield lambda: False
        return
    seen = 0
    done = False

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen, done
        between = not connection.in_atomic_block
        is_passed_over = not between if by.kind == "meanwhile" else sql.startswith(_OF_TRANSACTIONS)
        if done or is_passed_over:
            return execute(sql, params, many, context)
        seen += 1
        if seen != by.at:
            return execute(sql, params, many, context)
        done = True
        if by.kind == "before":
            raise Crash(f"before {sql[:80]}")
        if by.kind == "error":
            raise OperationalError("the database does not answer")
        if by.kind == "stall":
            wait(timedelta(seconds=by.seconds))
        if by.kind == "meanwhile":
            happens(by.what)
        result = execute(sql, params, many, context)
        if by.kind == "after":
            raise Crash(f"after {sql[:80]}")
        return result

    with connection.execute_wrapper(wrapper):
        yield lambda: done
