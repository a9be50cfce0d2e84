"""Retention: what is old enough goes, so that tables do not grow with the years.

Two people come here. An operator, who has promised somebody (a law, a contract, the people
themselves) that words are not kept for ever, and whose disk and backups are finite: they run
`manage.py prune`, first with --dry-run, and keep an archive if the promise allows one. And a care
manager who is told that a court or a complaint needs what was said with one person: they put that
person under a legal hold (`holding`), and nothing of theirs goes until it is lifted.

What goes, once it is older than its retention, and what never goes, stands in `KINDS`. Everything
else stays for good, because it is small, because it is proof, or because it is no outreach:

- people, their crises, scores, notes, and every change of consent. Consent is what allows us to
  text, its last change decides over late news (`events.record_opt_in`), and a crisis is what says
  that follow-ups were owed: without it nobody could say of an archive that it is complete.
- the audit: who did what and why. It is only ever added to.
- counts of refused webhooks (two rows a day at most). Sessions, sign-ins, uploads and simulations
  have ends of their own (`housekeeping`).

How it goes: the rows of a table are walked from the oldest on, a page of keys at a time; those that
may go are collected until they are a batch, and each batch is one short transaction. It locks the
people concerned first, as everything does, so that a hold that is recorded is a hold that counts;
whoever is locked by somebody else is passed over until the next run. Then everything is asked
again, written to the archive, synced, and deleted. Interrupted or killed it has done whole batches,
and the next run begins anew and finds the rest; two at once share the work. A report about a text
that is gone is answered 404, as one about a text that never was.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from caregiving.intents import Intent
from caregiving.models import Caregiver, CrisisEvent, InboundMessage
from caregiving.progress import Advance, no_bar
from proactive import stopping
from proactive.archiving import Archive
from proactive.clocks import DAY
from proactive.models import CareAlert, Message, Status, Sweep

BATCH = 1000
# Rules, promises and figures look back up to 84 days: see tests/proactive/test_pruning.py.
SHORTEST = 90 * DAY
# The worker has texts to deliver. What is left over goes the next day.
DAILY_BUDGET = timedelta(seconds=45)

ENDED = (
    *(Status.SENT, Status.DELIVERED, Status.UNDELIVERED),
    *(Status.FAILED, Status.CANCELLED, Status.SUPERSEDED),
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """Rows of one table that may go, from the oldest `moment` on.

    `retention`: the setting with the days that they are kept. `may_go(before)`: what must hold
    besides for rows that are older than `before`. `of_people`: each row belongs to a person, or to
    nobody. `by_moment`: `moment` has an index by which to walk them; else they go by their key,
    which is about the same order.
    """

    name: str
    model: type[Model]
    moment: str
    retention: str
    may_go: Callable[[datetime], Q]
    of_people: bool = True
    by_moment: bool = True

    def rows(self) -> QuerySet[Any]:
        return self.model._default_manager.all()


@dataclass
class Pruned:
    """What became of the rows of one kind that are older than `before`.

    `gone`: deleted, or in a dry run what would be; of alerts, also with the texts that they are
    about. `stays`: still needed, or on hold. `passed_over`: they may go, but somebody else was at
    work on the person just then.
    """

    before: datetime
    gone: int = 0
    stays: int = 0
    passed_over: int = 0


@dataclass
class Report:
    """`kinds` by their names; `on_hold`: how many people; `stopped`: why it broke off early."""

    now: datetime
    dry_run: bool
    kinds: dict[str, Pruned] = field(default_factory=dict)
    on_hold: int = 0
    stopped: str = ""


def prune(
    *,
    now: datetime | None = None,
    older_than: timedelta | None = None,
    dry_run: bool = False,
    archive: Archive | None = None,
    budget: timedelta | None = None,
    progress: Advance = no_bar,
) -> Report:
    """Delete what is older than its retention, or than `older_than`, and not needed any more.

    `archive` gets every row before it goes. With a `budget` of time it ends after the batch in
    which that is used up, and so it does when it is asked to stop. Raises ValueError for a
    retention of less than 90 days.
    """
    now = now or timezone.now()
    report = Report(now=now, dry_run=dry_run, on_hold=Caregiver.objects.on_hold().count())
    ends = time.monotonic() + budget.total_seconds() if budget is not None else None
    for kind in KINDS:
        report.kinds[kind.name] = Pruned(before=now - _retention(kind, older_than))
    for number, kind in enumerate(KINDS):

        def advance(part: float, number: int = number) -> None:
            progress(int(1000 * (number + part)), 1000 * len(KINDS))

        for _ in _Run(kind, report, archive, advance).batches():
            if stopping.asked():
                report.stopped = "it was asked to stop"
            elif ends is not None and time.monotonic() > ends:
                report.stopped = "its time was up"
            if report.stopped:
                return report
    return report


def prune_daily(*, now: datetime) -> None:
    """What housekeeping does where PRUNE_DAILY says so: without an archive, within its budget."""
    report = prune(now=now, budget=DAILY_BUDGET)
    gone = {name: one.gone for name, one in report.kinds.items() if one.gone}
    logger.info("pruned %s%s", gone or "nothing", f"; {report.stopped}" if report.stopped else "")


def _retention(kind: Kind, older_than: timedelta | None) -> timedelta:
    length = older_than
    if length is None:
        length = timedelta(days=getattr(settings, kind.retention))
    if length < SHORTEST:
        raise ValueError(
            f"nothing younger than {SHORTEST.days} days may be deleted: rules and figures read it"
        )
    return length


# --- What may go ---


def _on_hold() -> Exists:
    return Exists(Caregiver.objects.on_hold().filter(pk=OuterRef("caregiver")))


def _texts(before: datetime) -> Q:
    """Texts with an end, whose last news are old as well, and of which nothing asks any more.

    A text stays while its person's row tells of its occasion: it is what keeps the stage from
    going out twice, should its counter be reset, and what `explain` and the page say about it.
    That is one text a stage at most, so they do not grow with the years. It stays while an alert
    about it is open, or was resolved not long ago, while the provider is to be asked about it, and
    while its crisis was replaced and is not settled.
    """
    instants = ("attempt_started_at", "sent_at", "delivered_at", "replied_at", "occasion")
    told_of = reduce(or_, (Q(**{name: OuterRef("occasion")}) for name in _instants_of_a_person()))
    whose = Caregiver.objects.filter(
        told_of | Q(legal_hold_since__isnull=False), pk=OuterRef("caregiver")
    )
    unsettled = CrisisEvent.objects.filter(
        caregiver=OuterRef("caregiver"), at=OuterRef("occasion"), settled_at__isnull=True
    )
    alerted = CareAlert.objects.filter(
        Q(resolved_at__isnull=True) | Q(resolved_at__gt=before), message=OuterRef("pk")
    )
    condition = Q(
        ~Exists(whose),
        ~Exists(unsettled),
        ~Exists(alerted),
        status__in=ENDED,
        look_up_at__isnull=True,
    )
    for name in instants:
        condition &= Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__lte": before})
    return condition


def _instants_of_a_person() -> list[str]:
    """As `rules.look_up_standings` reads them: an anchor is one of these."""
    fields = Caregiver._meta.concrete_fields
    return [one.attname for one in fields if isinstance(one, DateTimeField)]


def _received(before: datetime) -> Q:
    """What people wrote, but for the words in which they asked us to stop or to go on.

    Those are the proof of what we did next; and of a stranger's, somebody may get the number
    tomorrow, and their STOP holds (`events.record_new_number`).
    """
    return Q(~_on_hold(), intent__in=(Intent.NONE, Intent.HELP))


def _alerts(before: datetime) -> Q:
    """Alerts that are about no text and were resolved long ago; the others go with their text."""
    long_ago = Q(~_on_hold(), message__isnull=True, resolved_at__lte=before)
    return long_ago & (Q(occasion__isnull=True) | Q(occasion__lte=before))


def _sweeps(before: datetime) -> Q:
    """Passes of which no text is left. The last that ended stays: it says whether sweeps run.

    That one was held, and who let it go on, stands in the alert and in the audit.
    """
    ended = Sweep.objects.filter(dry_run=False, finished_at__isnull=False)
    last = ended.order_by("-finished_at").values_list("pk", flat=True)[:1]
    return Q(~Exists(Message.objects.filter(sweep=OuterRef("pk")))) & ~Q(pk__in=list(last))


# In this order: a sweep can go once its texts are gone.
KINDS = (
    Kind("texts", Message, "queued_at", "RETENTION_MESSAGES_DAYS", _texts),
    Kind("received texts", InboundMessage, "received_at", "RETENTION_INBOUND_DAYS", _received),
    Kind("alerts", CareAlert, "opened_at", "RETENTION_MESSAGES_DAYS", _alerts, by_moment=False),
    Kind("sweeps", Sweep, "started_at", "RETENTION_SWEEPS_DAYS", _sweeps, of_people=False),
)


# --- How it goes ---


@dataclass
class _Run:
    """The work on one kind. `progress`: gets how far it has come, from 0 to 1."""

    kind: Kind
    report: Report
    archive: Archive | None
    progress: Callable[[float], None]

    def __post_init__(self) -> None:
        self.pruned = self.report.kinds[self.kind.name]
        self.may_go = self.kind.may_go(self.pruned.before)

    def batches(self) -> Iterator[None]:
        """Do the work, and yield after each page: there it can be left."""
        going: list[Any] = []
        for page in self._pages():
            rows = self.kind.rows().filter(self.may_go, pk__in=page).order_by()
            found = rows.values_list("pk", flat=True)
            self.pruned.stays += len(page) - len(found)
            going += found
            if len(going) >= BATCH:
                self._remove(going[:BATCH])
                del going[:BATCH]
            yield
        if going:
            self._remove(going)
            yield

    def _pages(self) -> Iterator[list[Any]]:
        """The keys of all old rows, from the oldest on: each page one short read of an index."""
        moment, before = self.kind.moment, self.pruned.before
        order = (moment, "pk") if self.kind.by_moment else ("pk",)
        old = self.kind.rows().filter(**{f"{moment}__lte": before}).order_by(*order)
        beyond, began = Q(), None
        while page := list(old.filter(beyond).values_list("pk", moment)[:BATCH]):
            began = began or page[0][1]
            # How much of the past is done: to count the rows would take longer than to walk them.
            self.progress(min(max((page[-1][1] - began) / max(before - began, DAY), 0), 1))
            yield [key for key, _ in page]
            beyond = self._beyond(*page[-1])

    def _beyond(self, key: Any, at: datetime) -> Q:
        if not self.kind.by_moment:
            return Q(pk__gt=key)
        moment = self.kind.moment
        later = Q(**{f"{moment}__gt": at}) | Q(**{moment: at, "pk__gt": key})
        # The bound itself goes by the index.
        return Q(**{f"{moment}__gte": at}) & later

    def _remove(self, keys: list[Any]) -> None:
        alerts = self.report.kinds["alerts"]
        if self.report.dry_run:
            self.pruned.gone += len(keys)
            about_them = self._about(keys).count()
            alerts.gone += about_them
            alerts.stays -= about_them  # as they are still there to be met
            return
        with transaction.atomic():
            rows = self._locked(keys)
            going = [row.pk for row in rows]
            about = list(self._about(going))
            if self.archive is not None:
                self.archive.keep([*about, *rows])
            # Alerts about a text go with it by their foreign key.
            self.kind.rows().filter(pk__in=going).delete()
        self.pruned.gone += len(going)
        self.pruned.passed_over += len(keys) - len(going)
        alerts.gone += len(about)

    def _about(self, keys: list[Any]) -> QuerySet[CareAlert]:
        """The alerts that go with these rows."""
        about = CareAlert.objects.filter(message__in=keys if self.kind.model is Message else [])
        return about.order_by("pk")

    def _locked(self, keys: list[Any]) -> list[Any]:
        """Those of the rows that may still go, and whose people nobody else has locked.

        On SQLite the whole transaction is the lock.
        """
        rows = self.kind.rows().filter(pk__in=keys)
        if self.kind.of_people:
            people = Caregiver.objects.filter(pk__in=rows.order_by().values("caregiver"))
            # Not against those who only refer to a person, such as a sweep with a new text.
            free = people.order_by("pk").select_for_update(skip_locked=True, no_key=True)
            mine = list(free.values_list("pk", flat=True))
            rows = rows.filter(Q(caregiver__in=mine) | Q(caregiver__isnull=True))
        # Asked again, now that a hold can no longer come in between.
        locked = rows.filter(self.may_go).select_for_update(skip_locked=True)
        return list(locked.order_by("pk"))
