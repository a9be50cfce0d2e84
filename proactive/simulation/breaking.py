"""Breaks a system between any two of its steps, as a power cut would, or lets another in between.

Steps are the statements that it sends to the database: whatever it had not committed is taken back,
and nothing that it had yet to do is done.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import connection

OURS = ("caregiving.", "proactive.")
# Of what only passes a question on, whoever asked it tells more.
NOT_OURS = ("proactive.simulation.", "proactive.prepared")


class Crash(BaseException):
    """The process is gone: no handler of the system's catches this."""


class Breaker:
    """An execute wrapper. Statement `crash_at` is the last to be executed (or, with `before`, the
    first not to be); before statement `let_in_at`, if no transaction is open, `let_in` runs."""

    def __init__(
        self,
        *,
        crash_at: int | None = None,
        before: bool = False,
        let_in_at: int | None = None,
        let_in: Callable[[], None] | None = None,
    ) -> None:
        self.crash_at = crash_at
        self.before = before
        self.let_in_at = let_in_at
        self.let_in = let_in
        self.statements = 0
        # While others are at work, whose statements are not its.
        self.is_aside = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if self.is_aside:
            return execute(sql, params, many, context)
        self.statements += 1
        here = self.statements
        if self.crash_at == here and self.before:
            raise Crash
        is_time = self.let_in_at is not None and here >= self.let_in_at
        # What runs inside a transaction is one step to everybody else.
        if self.let_in and is_time and not connection.in_atomic_block:
            let_in, self.let_in = self.let_in, None
            self.is_aside = True
            let_in()
            self.is_aside = False
        result = execute(sql, params, many, context)
        if self.crash_at == here:
            raise Crash
        return result


def where(trace: TracebackType | None) -> str:
    """The innermost function of the system in which it was: `delivery._record_sent`."""
    place = "?"
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith(OURS) and not module.startswith(NOT_OURS):
            place = f"{module.partition('.')[2]}.{trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return place
