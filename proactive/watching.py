"""Is there still a tick? Asked by a process of its own, as the worker that died cannot say so.

Once for each outage an email says that there is none, and once that there is again. Of outages that
follow each other, the next is told half an hour after the last one was, at the earliest, and only
if it still lasts then; of one that was not told no end is told either. So what comes and goes sends
two emails in half an hour, however often it does. The same holds for the database.

What was told stands in the database, so that several watchers tell it once. Only that the database
itself does not answer is noted in a file: each host that watches tells it for itself. Where the
file cannot be written, the process remembers it.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.mail import send_mail
from django.db import Error, connection, transaction
from django.db.models import Q
from django.utils import timezone

from proactive import scheduling, ticking
from proactive.clocks import MINUTE, duration
from proactive.models import Sweep, TickOutage

# Longer than a mail server may take; whoever dies while it sends an email has not sent it.
LEASE = 5 * MINUTE
# A database that is restarted is away for less.
DATABASE_MAY_BE_AWAY_FOR = 2 * MINUTE
# After an email about an outage no other one is told for so long.
QUIET_FOR = 30 * MINUTE
# What a look asks takes milliseconds.
STATEMENT_MAY_TAKE = timedelta(seconds=10)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What a look found: `ok`, and in words."""

    ok: bool
    says: str


def look(*, now: datetime | None = None) -> Look:
    """See whether ticks go through at `now`, and tell by email what has not been told yet.

    Raises nothing for a database or a mail server that fails: the next look tries again.
    """
    now = now or timezone.now()
    try:
        found = _look_at_ticks(now)
    except Error as error:
        return _database_away(now, type(error).__name__)
    _database_back(now)
    return found


def _look_at_ticks(now: datetime) -> Look:
    with _in_time():
        since = ticking.last_through() or _first_try()
        if since is None:
            return Look(True, "No tick has run yet: this watches from the first one on.")
        TickOutage.objects.filter(ended_at=None, began_at__lt=since).update(ended_at=since)
        silent = now - since
        overdue = silent > ticking.overdue_after()
        if overdue:
            TickOutage.objects.get_or_create(began_at=since)
    _tell_of_outages(now)
    if overdue:
        return Look(False, f"No tick has gone through for {duration(silent)}.")
    return Look(True, "Ticks go through.")


def _first_try() -> datetime | None:
    """When the first sweep began, of a system that has never got through one."""
    return Sweep.objects.order_by("started_at").values_list("started_at", flat=True).first()


@contextmanager
def _in_time() -> Iterator[None]:
    """A transaction each statement of which has STATEMENT_MAY_TAKE, else it is an Error: a database
    that hangs is one that does not answer.

    For this transaction only, as a pooler gives the connection to others. SQLite has no server that
    could hang.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        milliseconds = int(STATEMENT_MAY_TAKE.total_seconds() * 1000)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
        yield


def _tell_of_outages(now: datetime) -> None:
    """No transaction is open while an email is under way."""
    begun = Q(told_at=None, ended_at=None)
    ended = Q(told_at__isnull=False, ended_at__isnull=False, end_told_at=None)
    with _in_time():
        is_quiet = TickOutage.objects.filter(told_at__gt=now - QUIET_FOR).exists()
        untold = list(TickOutage.objects.filter(ended if is_quiet else begun | ended)[:10])
    for outage in untold:
        if outage.ended_at is None:
            what, says, field = "no tick goes through", _began, "told_at"
        else:
            what, says, field = "ticks go through again", _ended, "end_told_at"
        with _only_one(outage, now) as ours:
            if ours and _send(what, says(outage, now)):
                with _in_time():
                    TickOutage.objects.filter(pk=outage.pk).update(**{field: now})


@contextmanager
def _only_one(outage: TickOutage, now: datetime) -> Iterator[bool]:
    """Whether this watcher is the one that tells: for the time of an email, and what it found to
    be untold still is."""
    free = Q(telling_until=None) | Q(telling_until__lte=now)
    with _in_time():
        mine = TickOutage.objects.filter(
            free, pk=outage.pk, told_at=outage.told_at, end_told_at=outage.end_told_at
        ).update(telling_until=now + LEASE)
    try:
        yield bool(mine)
    finally:
        if mine:
            with _in_time():
                TickOutage.objects.filter(pk=outage.pk).update(telling_until=None)


# --- What is said ---


# What is missing while a part of the tick fails; without the first two texts stay away.
MISSING = {
    "run_sweep": "nobody new gets a text, crisis follow-ups among them",
    "deliver_queued": "no text goes out, crisis follow-ups among them",
    "reconcile": "where nobody knows whether a text went out, nobody looks it up",
    "escalate": "no email says that nobody has claimed an alert: look at the alerts yourself",
    "remember_tallies": "the figures of the home page are old; nothing else",
}
VITAL = ("run_sweep", "deliver_queued")


def _began(outage: TickOutage, now: datetime) -> str:
    with _in_time():
        ended_at, failing = ticking.last_ended(), ticking.failing_parts()
        entry = scheduling.tick_entry()
    still_run = ended_at is not None and now - ended_at <= ticking.overdue_after()
    if entry is not None and not entry.enabled:
        lines = [
            NOTHING_GOES_OUT,
            "",
            "The tick is switched off in the schedule. If nobody means it to be, switch it on in "
            f"the admin, under Periodic tasks: {settings.PUBLIC_BASE_URL}/admin/",
        ]
    elif not still_run:
        lines = [NOTHING_GOES_OUT, "", *_to_do_about_silence()]
    elif failing:
        lines = _about_failures(failing)
    else:
        lines = [
            "Ticks begin, and are broken off before they are done: some texts may go out, others "
            "not. Something stops the worker again and again; its log says when."
        ]
    return "\n".join(
        [
            f"No tick has gone through since {_in_utc(outage.began_at)}, for "
            f"{duration(now - outage.began_at)}.",
            "",
            *lines,
            "",
            "This is said once; you get another email when ticks go through again.",
        ]
    )


NOTHING_GOES_OUT = (
    "While that is so texts do not go out, crisis follow-ups among them. What is queued is not "
    "lost."
)


def _to_do_about_silence() -> list[str]:
    return [
        "1. Restart the worker, also if it seems to run: it may hang after a child of its has "
        "died, and then takes no task any more.",
        "2. See that beat runs, and that the broker (Redis) does.",
        f"3. {settings.PUBLIC_BASE_URL}/health/ready/ says which part is missing.",
    ]


def _about_failures(failing: list[str]) -> list[str]:
    goes_on = "" if set(failing) & set(VITAL) else " Texts go out all the same."
    return [
        f"Ticks run, and these parts of it failed when they last did: {', '.join(failing)}. The "
        f"others do their work.{goes_on}",
        "",
        *(f"- {name}: {MISSING.get(name, 'see the log')}." for name in failing),
        "",
        "The worker's log names the error of each. A disk that is full, a mail server that does "
        "not answer and a migration that was not run are the usual causes.",
    ]


def _ended(outage: TickOutage, now: datetime) -> str:
    assert outage.ended_at is not None
    return (
        f"None had gone through from {_in_utc(outage.began_at)} to about "
        f"{_in_utc(outage.ended_at)}, for {duration(outage.ended_at - outage.began_at)}. What that "
        "held up goes out now, as far as it still fits; a care alert is opened for each crisis "
        "follow-up that was missed."
    )


def _in_utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _send(what: str, body: str) -> bool:
    """Whether the mail server took it."""
    if not settings.ALERT_ESCALATION_EMAIL:
        logger.error("%s, and ALERT_ESCALATION_EMAIL is empty: nobody is told", what)
        return True
    try:
        send_mail(
            f"[{settings.SERVICE_NAME}] {what[:1].upper()}{what[1:]}",
            body,
            from_email=None,
            recipient_list=settings.ALERT_ESCALATION_EMAIL,
        )
    except Exception as error:
        # Whatever it is called: the watch goes on.
        logger.error(
            "%s, and no email could be sent (%s); the next look tries again",
            what,
            type(error).__name__,
        )
        return False
    logger.warning("%s: told by email", what)
    return True


# --- The database itself ---


@dataclass(frozen=True)
class Note:
    """`since` when the database has not answered, None while it does; `told_at`: when that it does
    not was last told."""

    since: datetime | None = None
    told_at: datetime | None = None

    @property
    def is_told(self) -> bool:
        return self.since is not None and self.told_at is not None and self.told_at >= self.since

    def is_quiet(self, now: datetime) -> bool:
        return self.told_at is not None and now - self.told_at < QUIET_FOR


# What should stand in the file, while it cannot be written; None: what stands there holds.
_unwritten: Note | None = None


def _database_away(now: datetime, error: str) -> Look:
    note = _read_note()
    note = replace(note, since=note.since or now)
    assert note.since is not None
    is_long = now - note.since >= DATABASE_MAY_BE_AWAY_FOR
    if is_long and not note.is_told and not note.is_quiet(now):
        told = _send(
            "the database does not answer",
            f"The database has not answered since {_in_utc(note.since)} ({error}). Nothing goes "
            "out, what people write cannot be taken in, and nobody can work in the admin.\n\n"
            "See that the database server runs and has room on its disk, then that the network "
            "to it is there. Twilio repeats for a while what we could not take in.\n\n"
            "This is said once by each host that watches; you get another email when it answers.",
        )
        if told:
            note = replace(note, told_at=now)
    _write_note(note)
    return Look(False, f"The database does not answer ({error}).")


def _database_back(now: datetime) -> None:
    note = _read_note()
    if note == Note() or (note.since is None and note.is_quiet(now)):
        return
    if note.since is not None and note.is_told:
        away = f"It had not since {_in_utc(note.since)}, for {duration(now - note.since)}."
        if not _send("the database answers again", f"The database answers again. {away}"):
            return
    _write_note(Note(told_at=note.told_at) if note.is_quiet(now) else Note())


def _note_path() -> Path:
    return settings.VAR_DIR / "database-away.json"


def _read_note() -> Note:
    if _unwritten is not None:
        return _unwritten
    try:
        read = json.loads(_note_path().read_text())
    except (OSError, ValueError):
        return Note()
    if not isinstance(read, dict):
        return Note()
    return Note(since=_moment(read.get("since")), told_at=_moment(read.get("told_at")))


def _moment(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if timezone.is_aware(at) else None


def _write_note(note: Note) -> None:
    """As a whole or not at all; an empty one is no file."""
    global _unwritten
    path = _note_path()
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if note == Note():
            path.unlink(missing_ok=True)
        else:
            written = {name: at and at.isoformat() for name, at in asdict(note).items()}
            part.write_text(json.dumps(written))
            os.replace(part, path)
    except OSError:
        if _unwritten is None:
            logger.exception("whether the database answers could not be noted; it is remembered")
        _unwritten = note
        with suppress(OSError):
            part.unlink(missing_ok=True)
    else:
        _unwritten = None
