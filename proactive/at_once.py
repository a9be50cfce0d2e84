"""The same for many batches, two of them at once.

While PostgreSQL writes one batch, Python makes the next. Each thread has a connection and
transactions of its own, as two processes have that come by at the same time; so whatever is done
here must be safe there. A third thread brings nothing: all of them share one interpreter.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from django.db import connection

Batch = TypeVar("Batch")


def for_each(do: Callable[[Batch], None], batches: Iterable[Batch]) -> None:
    """`do` each of `batches`, in their order, but without waiting for the one before.

    One after the other where a second connection could not write: on SQLite, and within a
    transaction. Once one has failed none is begun; those under way end, and its error is raised.
    """
    shared = _Shared(batches)
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        shared.work(do)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="at-once") as pool:
        beside = pool.submit(_beside, shared, do)
        shared.work(do)
    beside.result()


class _Shared(Iterator[Batch]):
    """An iterator from which several threads take."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)
        self._lock = Lock()

    def __next__(self) -> Batch:
        with self._lock:
            return next(self._batches)

    def work(self, do: Callable[[Batch], None]) -> None:
        try:
            for batch in self:
                do(batch)
        except BaseException:
            with self._lock:
                self._batches = iter(())
            raise


def _beside(shared: _Shared[Batch], do: Callable[[Batch], None]) -> None:
    try:
        shared.work(do)
    finally:
        connection.close()
