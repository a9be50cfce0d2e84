"""`/health/ready/`: does everything do its part, so that texts go out in time?

Each check has a name, what it found and what to do about it. Anybody may ask: nothing here names a
person, an address or a password.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from threading import Lock

from django.conf import settings
from django.db import Error
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from caregiving.celery import app
from proactive import scheduling, ticking
from proactive.cadences import CADENCES
from proactive.clocks import MINUTE, duration
from proactive.counting import Counted, count
from proactive.models import Message, Status
from proactive.switches import Switchboard

# What was queued at the last moment has a few ticks to go, or to be seen to be too late.
GRACE = 5 * MINUTE
MOST = 1_000
# Seconds. Whoever asks has a time limit of their own.
BROKER_HAS = 1.0
# However many ask, and however often, one process looks once in so long.
HOLDS_FOR = timedelta(seconds=5)


@dataclass(frozen=True)
class Check:
    """`says` what was found; `do`: what to do about it, "" where nothing is wrong."""

    name: str
    ok: bool
    says: str
    do: str = ""


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every check holds, else 503; the checks by name either way.

    Anybody may ask as often as they like, so the answer may be `HOLDS_FOR` old.
    """
    checks = _recent.checks(now=timezone.now())
    well = all(check.ok for check in checks)
    answer = {
        "status": "ready" if well else "not ready",
        "checks": {
            check.name: {key: value for key, value in asdict(check).items() if key != "name"}
            for check in checks
        },
    }
    return JsonResponse(answer, status=200 if well else 503)


class Recent:
    """What this process found last, for as long as it holds; one thread looks, the others wait."""

    def __init__(self) -> None:
        self._looking = Lock()
        self._at: datetime | None = None
        self._found: list[Check] = []

    def checks(self, *, now: datetime) -> list[Check]:
        with self._looking:
            # Of a clock that was set back nothing is known.
            if self._at is None or not timedelta() <= now - self._at < HOLDS_FOR:
                self._found = check_all(now=now)
                self._at = now
            return self._found

    def forget(self) -> None:
        with self._looking:
            self._at = None


_recent = Recent()


def check_all(*, now: datetime) -> list[Check]:
    """All checks at `now`. Where the database fails, what it would have answered is not known."""
    return list(_check_all(now))


def texts_too_late(*, now: datetime) -> Counted:
    """How many queued texts are past their late limit, of cadences that are switched on.

    What a halt keeps back counts; what staff have switched off is meant to wait. It counts to
    MOST, over the index of texts that have no end.
    """
    board = Switchboard.load()
    past = [
        Q(cadence=cadence.name, stage=step.stage, occasion__lte=now - step.limit)
        for cadence in CADENCES
        if board.everything.halted or board.is_open(cadence.name, now)
        for step in cadence.steps
        if step.limit is not None
    ]
    if not past:
        return Counted(0)
    late = Message.objects.filter(reduce(or_, past), status=Status.QUEUED)
    return count(late, bound=MOST)


def _check_all(now: datetime) -> Iterator[Check]:
    asked: dict[str, Callable[[datetime], Check]] = {
        "beat": _beat,
        "tick": _tick,
        "backlog": _backlog,
    }
    database = _database(now)
    yield database
    yield _broker()
    for name, check in asked.items():
        try:
            yield check(now) if database.ok else _unknown(name)
        except Error:
            yield _unknown(name)


def _unknown(name: str) -> Check:
    return Check(
        name, False, "not known: the database does not answer", "See to the database first."
    )


def _database(now: datetime) -> Check:
    try:
        scheduling.tick_entry()
    except Error as error:
        return Check(
            "database",
            False,
            f"it does not answer ({type(error).__name__})",
            "See that the database server runs, that DATABASE_URL names it, and that it is "
            "migrated (manage.py migrate).",
        )
    return Check("database", True, "it answers")


def _broker() -> Check:
    """Without it nothing rings, though nothing is lost either: the database is the queue."""
    try:
        if settings.REDIS_URL:
            once = {"socket_timeout": BROKER_HAS, "socket_connect_timeout": BROKER_HAS}
            with app.connection_for_write(transport_options=once) as connection:
                # Not `connect`, which tries four times whatever the options say.
                connection.default_channel.close()
        else:
            folder = settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"]
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(folder)
    except Exception as error:
        # Each broker calls its trouble otherwise.
        return Check(
            "broker",
            False,
            f"it does not answer ({type(error).__name__})",
            "See that Redis runs and that REDIS_URL names it; without REDIS_URL, that the folder "
            "of the broker can be written to.",
        )
    return Check("broker", True, "it answers")


def _beat(now: datetime) -> Check:
    entry = scheduling.tick_entry()
    if entry is None:
        return Check(
            "beat",
            False,
            "the schedule has no tick",
            "Run manage.py sync_schedules, then see that beat runs.",
        )
    if not entry.enabled:
        return Check(
            "beat",
            False,
            "the tick is switched off in the schedule",
            "Switch it on again in the admin, under Periodic tasks: nothing goes out without it.",
        )
    if entry.last_run_at is None:
        return _unheard(now - entry.date_changed)
    if now - entry.last_run_at > scheduling.MAY_BE_QUIET_FOR:
        heard = f"last heard from {duration(now - entry.last_run_at)} ago"
        return Check("beat", False, heard, "Start beat again, and read its log.")
    return Check("beat", True, "heard from")


def _unheard(waits: timedelta) -> Check:
    """Beat has not rung since its schedule was made: it may just have been started."""
    if waits > scheduling.MAY_BE_QUIET_FOR:
        says = f"not heard from yet, after {duration(waits)}"
        return Check("beat", False, says, "See that beat was started, and read its log.")
    return Check(
        "beat",
        False,
        f"not heard from yet; waiting for {duration(waits)}",
        "If beat has just been started, wait some minutes: it writes down what it rang about every "
        "three minutes. Else start it.",
    )


def _tick(now: datetime) -> Check:
    last = ticking.last_through()
    if last is not None and now - last <= ticking.overdue_after():
        return Check("tick", True, "ticks go through")
    failing = ticking.failing_parts()
    says = f"none went through for {duration(now - last)}" if last else "none ever went through"
    if failing:
        return Check(
            "tick",
            False,
            f"{says}; what fails: {', '.join(failing)}",
            "Read the worker's log: it names the error of each part that fails.",
        )
    return Check(
        "tick",
        False,
        says,
        "Restart the worker, also if it seems to run: it may hang after a child of its has died.",
    )


def _backlog(now: datetime) -> Check:
    late = texts_too_late(now=now - GRACE)
    if not late:
        return Check("backlog", True, "no text waits past its late limit")
    return Check(
        "backlog",
        False,
        f"texts that wait past their late limit: {late}",
        "Look at the home page for what holds them up: a halt, a slow sender, no worker. Texts "
        "that are too late are not sent; a care alert is opened for each crisis follow-up.",
    )
