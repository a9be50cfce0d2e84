"""Running what staff asked for, beside everything else that goes on.

A comparison takes minutes and all that the machine can spare. So it is no Celery task: the worker's
child must be free for the next tick. It runs in a process of its own with low priority, which takes
whoever has waited longest, one after the other, until nobody waits.

Whoever asks starts that process (`wake`), and so does whoever opens the page while something waits
and nothing runs: a death in between loses nothing. One too many finds nothing to do and ends. That
never two run at once is a constraint of the database.
"""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, close_old_connections, connection, transaction
from django.utils import timezone

from proactive import audit
from proactive.models import Simulation
from proactive.simulation import comparing

# What is stored of the progress, and how soon one that was stopped learns of it.
SIGN_SECONDS = 1.0
# A sign of life also while nothing gets on, such as while people are copied.
LIFE_SECONDS = 5.0
# Ends a comparison wherever it is: it waits for worlds, and their progress comes from threads.
STOPS = signal.SIGUSR1

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """Somebody stopped it, or it was given up for dead: what comes out is of no use any more."""


# --- Asking, stopping, starting ---


def ask(
    question: str, request: comparing.Request, *, changed: str, by: User, now: datetime
) -> Simulation:
    """Put a question in the queue, with its entry in the audit; it begins at once or in its turn.

    `changed`: what is different, in words.
    """
    with transaction.atomic():
        simulation = Simulation.objects.create(
            question=question, request=request.as_json(), changed=changed, by=by, created_at=now
        )
        audit.record(
            "simulate",
            by=by,
            says=f"asked what another policy would do: {changed}",
            now=now,
            target=simulation,
            reason=question,
        )
        transaction.on_commit(wake)
    return simulation


def stop(simulation: Simulation, *, now: datetime) -> bool:
    """End it before it is done, whether it runs or waits. False: it had its end already."""
    unfinished = (Simulation.State.WAITING, Simulation.State.RUNNING)
    return bool(
        Simulation.objects.filter(pk=simulation.pk, state__in=unfinished).update(
            state=Simulation.State.STOPPED, finished_at=now
        )
    )


def wake_if_idle(*, now: datetime) -> bool:
    """Start the process if something waits and nothing runs. Returns whether it was started."""
    waiting = Simulation.objects.waiting()
    running = Simulation.objects.running().exclude(pk__in=Simulation.objects.broken_off(now))
    if not waiting.exists() or running.exists():
        return False
    wake()
    return True


def wake() -> None:
    """Start a process that runs whatever waits; it does not wait for it."""
    process = subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_simulations"],
        stdin=subprocess.DEVNULL,
        # What goes wrong is told where the server tells it: on standard error.
        stdout=subprocess.DEVNULL,
        # It outlives the request, and the server's being restarted.
        start_new_session=True,
    )
    # Somebody has to take note of its end, or it would stay in the list of processes as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()


# --- In the process of its own ---


def run_waiting() -> int:
    """Run those that wait, the longest first, until none does or another process runs one.

    Returns how many it has run.
    """
    count = 0
    while (simulation := claim(now=timezone.now())) is not None:
        run(simulation)
        count += 1
    return count


def claim(*, now: datetime) -> Simulation | None:
    """Take the one that has waited longest; None if none waits, or one runs."""
    Simulation.objects.broken_off(now).update(state=Simulation.State.BROKEN_OFF, finished_at=now)
    while (
        simulation := Simulation.objects.waiting().order_by("created_at", "pk").first()
    ) is not None:
        mine = Simulation.objects.waiting().filter(pk=simulation.pk)
        try:
            with transaction.atomic():
                taken = mine.update(
                    state=Simulation.State.RUNNING, started_at=now, last_sign_at=now
                )
        except IntegrityError:
            return None  # one runs; its process takes this one next
        if taken:
            simulation.refresh_from_db()
            return simulation
        # Stopped, or taken by another process meanwhile.
    return None


def run(simulation: Simulation) -> None:
    """Compare as asked, and store how far it has come, what came out or why it failed."""
    try:
        with _giving_signs(simulation) as signs:
            request = comparing.Request.from_json(simulation.request)
            result = comparing.compare(request, on_progress=signs.progress)
    except Stopped:
        logger.info("simulation %s was stopped", simulation.pk)
    except (SystemExit, KeyboardInterrupt):
        _end(simulation, state=Simulation.State.BROKEN_OFF)
        raise
    except comparing.Unanswered as error:
        logger.warning("simulation %s failed: %s", simulation.pk, error)
        _end(simulation, state=Simulation.State.FAILED, error=str(error))
    except Exception as error:
        # Nobody foresaw it.
        logger.exception("simulation %s failed", simulation.pk)
        says = f"{type(error).__name__}: {error}. An operator finds more in the log of the server."
        _end(simulation, state=Simulation.State.FAILED, error=says)
    else:
        _end(simulation, state=Simulation.State.DONE, result=result, progress=100)


def _end(simulation: Simulation, **values: Any) -> None:
    # Nothing was asked of the database for minutes: it may have hung up.
    close_old_connections()
    # Whoever was stopped in the last moment stays stopped.
    mine = Simulation.objects.running().filter(pk=simulation.pk)
    mine.update(finished_at=timezone.now(), **values)


class _Signs:
    """Tells the database once in a while that it is still there, and how far it has come."""

    def __init__(self, simulation: Simulation) -> None:
        self._mine = Simulation.objects.running().filter(pk=simulation.pk)
        self._progress = 0
        self._told = (0, time.monotonic())
        self.over = threading.Event()

    def progress(self, share: float) -> None:
        """`share`: of 1."""
        self._progress = min(max(int(share * 100), 0), 100)

    def go_on(self) -> None:
        try:
            while not self.over.wait(SIGN_SECONDS):
                if not self._tell():
                    signal.pthread_kill(threading.main_thread().ident or 0, STOPS)
                    break
        finally:
            connection.close()

    def _tell(self) -> bool:
        """Returns whether it is still wanted."""
        progress, now = self._progress, time.monotonic()
        told, at = self._told
        if progress == told and now - at < LIFE_SECONDS:
            return True
        try:
            is_mine = self._mine.update(progress=progress, last_sign_at=timezone.now())
        except DatabaseError as error:
            # A sign too few does no harm; the next comes in a second, by a new connection.
            logger.warning("no sign could be given: %s", error)
            connection.close()
            return True
        self._told = (progress, now)
        return bool(is_mine)


@contextmanager
def _giving_signs(simulation: Simulation) -> Iterator[_Signs]:
    """Inside, signs are given; Stopped is raised there once it is not wanted any more."""
    signs = _Signs(simulation)
    before = signal.signal(STOPS, _raise_stopped)
    # Apart from what runs: a comparison that counts for a long time is not dead.
    thread = threading.Thread(target=signs.go_on, daemon=True)
    thread.start()
    try:
        yield signs
    finally:
        signs.over.set()
        thread.join()
        signal.signal(STOPS, before)


def _raise_stopped(*_: Any) -> None:
    raise Stopped
