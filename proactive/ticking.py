"""What is noted of each tick, for whoever looks from outside of the worker that runs it.

It stands in the database: there are several workers, and the one that died cannot be asked.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error
from django.db.models import F
from django.utils import timezone

from proactive import running
from proactive.models import TickPart

logger = logging.getLogger(__name__)


def timed(name: str, part: Callable[[], object]) -> Callable[[], None]:
    """`part`, which is then noted as `name`: how long it took, and whether it failed."""

    def run() -> None:
        began = time.monotonic()
        succeeded = False
        try:
            part()
            succeeded = True
        finally:
            note(name, seconds=time.monotonic() - began, succeeded=succeeded)

    return run


def note(name: str, *, seconds: float, succeeded: bool, now: datetime | None = None) -> None:
    """One more run. What cannot be noted is logged: it must not fail the tick."""
    now = now or timezone.now()
    ended = {"last_seconds": seconds, "ended_at": now} | (
        {"succeeded_at": now} if succeeded else {}
    )
    part = TickPart.objects.filter(name=name)
    try:
        # Created only once: the counts are added up by the database, lest two workers overwrite
        # each other.
        if not part.exists():
            TickPart.objects.get_or_create(name=name, defaults={"ended_at": now})
        part.update(
            runs=F("runs") + 1,
            failures=F("failures") + int(not succeeded),
            seconds=F("seconds") + seconds,
            **ended,
        )
    except Error:
        logger.exception("tick: how %s ended could not be noted", name)


def last_through() -> datetime | None:
    """When the last tick went through, all of its parts; None if none ever did.

    Until the first one is noted, when the last sweep ended: ticks were not always noted. Afterwards
    sweeps do not count: somebody may run one by hand just because ticks fail.
    """
    tick = TickPart.objects.filter(name=TickPart.TICK).first()
    if tick is not None:
        return tick.succeeded_at
    sweep = running.last_run(timezone.now()).sweep
    return sweep.finished_at if sweep else None


def last_ended() -> datetime | None:
    """When the last tick came to its end, also one that did not go through."""
    ticks = TickPart.objects.filter(name=TickPart.TICK).values_list("ended_at", flat=True)
    return ticks.first()


def overdue_after() -> timedelta:
    return timedelta(minutes=settings.TICK_OVERDUE_MINUTES)


def failing_parts() -> list[str]:
    """The parts that failed when they last ran, by name."""
    parts = TickPart.objects.exclude(name=TickPart.TICK).order_by("name")
    return [part.name for part in parts if part.failed_last]
