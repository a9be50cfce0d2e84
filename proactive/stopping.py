"""Asked to stop: finish the text in hand, begin nothing new.

The flag is memory that a Celery worker shares with the children it forks: the signal reaches the
parent, and the text is in a child's hand.
"""

import mmap
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

STEP_SECONDS = 0.1

# Anonymous, and so shared with whatever is forked later.
_flag = mmap.mmap(-1, 1)


def ask() -> None:
    # One byte and no lock: signal handlers come here.
    _flag[0] = 1


def asked() -> bool:
    return bool(_flag[0])


def forget() -> None:
    _flag[0] = 0


def sleep(seconds: float) -> None:
    """Sleep so long, or until asked to stop."""
    ends = time.monotonic() + seconds
    while not asked() and (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, STEP_SECONDS))


@contextmanager
def on_signals() -> Iterator[None]:
    """Inside, SIGTERM and Ctrl-C only ask; what runs must look at `asked()` now and then."""
    before = {
        number: signal.signal(number, lambda *_: ask())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        forget()
