"""What the garbage collector need not look at."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loaded_stays() -> Iterator[None]:
    """While objects are made by the thousand, which wakes the collector time and again, it looks
    through them alone, and not also through all of Django.

    Costs nothing, also where few are made: lists are put together, none is walked.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
