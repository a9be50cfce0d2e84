"""A thread that does things in their order, each at its time."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Courier:
    def __init__(self) -> None:
        self._tasks: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._busy = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="courier")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is still to do is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def after(self, seconds: float, task: Callable[[], None]) -> None:
        """Tasks of the same moment are done in the order in which they came."""
        with self._changed:
            heapq.heappush(self._tasks, (time.monotonic() + seconds, next(self._order), task))
            self._changed.notify_all()

    @property
    def pending(self) -> int:
        return len(self._tasks) + self._busy

    def drain(self, timeout: float) -> bool:
        """Whether all was done within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stopping or not self.pending, timeout)

    def _run(self) -> None:
        while task := self._next():
            task()
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopping:
                wait = self._tasks[0][0] - time.monotonic() if self._tasks else None
                if wait is not None and wait <= 0:
                    self._busy = True
                    return heapq.heappop(self._tasks)[2]
                self._changed.wait(wait)
        return None
