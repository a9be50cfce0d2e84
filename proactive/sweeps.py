"""One pass over everybody: who is due, are they too many, lock them, queue their text.

The queue row, the gate and the counter are written in one transaction under a lock on the person,
so two sweeps at once, or a sweep that is killed, can neither text twice nor forget.
"""

import logging
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from threading import Lock
from typing import Any, TypeAlias

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from caregiving import events
from caregiving.models import Caregiver, CaregiverQuerySet, JourneyPhase
from proactive import accounting, at_once, blast_guard, claiming, deferring, outside
from proactive.blast_guard import Limit
from proactive.cadences import BY_NAME, CADENCES
from proactive.claiming import Draft
from proactive.declaring import Cadence, Step
from proactive.garbage import loaded_stays
from proactive.hooks import outbox
from proactive.lookups import rows_first
from proactive.models import EventKind, Sweep
from proactive.prepared import prepared
from proactive.ripening import Ripening
from proactive.rules import conjunction, lapsed
from proactive.switches import Switchboard
from proactive.wording import Wording

BATCH = 1000
CHUNK = 10_000
RECORDED = ("counts", "texts_queued", "held")

logger = logging.getLogger(__name__)

# Of people, eight bytes each: however many are due, what is kept of them is small.
Keys: TypeAlias = "array[int]"


@dataclass(frozen=True)
class Planned:
    """A text that a dry run would have queued."""

    phone_number: str
    cadence: str
    stage: int | None
    body: str


def run_sweep(
    *,
    now: datetime | None = None,
    cadences: Iterable[str] | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> Sweep:
    """Queue a text for everybody who is due at `now`, highest priority first; returns the record.

    `cadences`: names to sweep, by default all. When more people are due than the blast guard
    admits, nothing is queued, `sweep.held` says why and a person is asked, unless with `force`.
    A dry run queues and changes nothing; what it would have queued is then in `sweep.planned`, and
    in `sweep.held` why it would have been held. Raises ValueError for an unknown cadence.
    Before anybody is found due, texts of strangers who are somebody by now are heeded.
    A database error ends the sweep early; every batch that was committed before it stays.
    """
    now = now or timezone.now()
    chosen = _chosen(cadences)
    sweep = Sweep.objects.create(now=now, dry_run=dry_run)
    switchboard = Switchboard.load()
    chosen = [switchboard.limited(cadence) for cadence in chosen]
    run = _Run(sweep, now, switchboard)
    try:
        if not dry_run:
            events.adopt_earlier_texts()
        limit = None if force else blast_guard.limit(now=now)
        run.sweep_all(chosen, limit)
        # Where nobody was due, as at night, nothing went through: what was held may be due again.
        went_through = run.queued.total() and not dry_run
        if went_through and cadences is None:
            blast_guard.settle(sweep, limit, forced=force)
    except Exception as error:
        _note_failure(sweep, run, error)
        raise
    run.record()
    sweep.finished_at = timezone.now()
    sweep.save(update_fields=[*RECORDED, "finished_at"])
    if dry_run:
        sweep.planned = run.planned
        # Not stored: nothing was held.
        sweep.held = limit.says() if limit and len(run.planned) > limit.people else ""
    return sweep


def due_for_any(cadence: Cadence, *, now: datetime) -> CaregiverQuerySet:
    """Everybody to whom some step of `cadence` may go at `now`.

    What all steps have in common is asked once: most minutes of a day nobody is due, and this is
    all that they cost.
    """
    return Caregiver.objects.filter(cadence.any_step(now))


def owed(cadence: Cadence, step: Step, *, by: datetime) -> CaregiverQuerySet:
    """Everybody to whom `step` is owed at the instant `by`, also if something defers it then."""
    return rows_first(Caregiver.objects.all(), conjunction(cadence.owes(step), by))


def to_churn(*, now: datetime) -> CaregiverQuerySet:
    """Active people whose silence has outlasted the last reactivation."""
    return Caregiver.objects.filter(CHURN.by(now), _churns(now))


def _to_churn_of(cadence: Cadence, now: datetime) -> CaregiverQuerySet:
    """Nobody whom the reactivations could not reach: for them `cadence` is as good as off."""
    return to_churn(now=now).filter(cadence.among)


def _churns(now: datetime) -> Q:
    return Q(journey_phase=JourneyPhase.ACTIVE) & lapsed(now)


CHURN = Ripening("churn", _churns)


def _due_keys(cadence: Cadence, *, now: datetime) -> Iterable[int]:
    """The keys of whoever is due, not all in memory at once when they are many."""
    first = _first_keys(cadence, now=now)
    return first if len(first) < BATCH else _all_keys.stream(cadence, now=now, chunk=CHUNK)


@prepared
def _first_keys(cadence: Cadence, *, now: datetime) -> QuerySet[Caregiver, int]:
    return _ripe_and_due(cadence, now).values_list("pk", flat=True)[:BATCH]


@prepared
def _all_keys(cadence: Cadence, *, now: datetime) -> QuerySet[Caregiver, int]:
    return _ripe_and_due(cadence, now).values_list("pk", flat=True)


def _ripe_and_due(cadence: Cadence, now: datetime) -> CaregiverQuerySet:
    """Looked up by the index; of a batch whose keys are known the rules alone are asked."""
    return due_for_any(cadence, now=now).filter(cadence.ripening.by(now)).order_by()


@prepared
def _due_among(cadence: Cadence, *, now: datetime, keys: Any) -> CaregiverQuerySet:
    return due_for_any(cadence, now=now).filter(pk__one_of=keys).order_by("pk")


@prepared
def _lapsed_keys(cadence: Cadence, *, now: datetime) -> QuerySet[Caregiver, int]:
    return _to_churn_of(cadence, now).order_by().values_list("pk", flat=True)


class _Run:
    """The state of one sweep: what was read at its start, and what it has counted so far."""

    def __init__(self, sweep: Sweep, now: datetime, switchboard: Switchboard) -> None:
        self.sweep = sweep
        self.now = now
        self.switchboard = switchboard
        self.queued: Counter[str] = Counter()
        self.superseded: Counter[str] = Counter()
        self.churned = 0
        self.planned: list[Planned] = []
        self._planned_for: set[int] = set()
        self._unlimited = False
        self._deferred: dict[str, dict[str, int]] | None = None
        self._held_by: Limit | None = None
        # By cadence, what the guard has read already: nothing is asked for twice.
        self._found: dict[str, Keys] = {}
        # Batches are claimed by two threads.
        self._counting = Lock()

    @cached_property
    def wording(self) -> Wording:
        """Read when the first text is written; most sweeps write none."""
        return Wording.load()

    def record(self) -> None:
        """Put what has been counted so far on the record of the sweep."""
        self.sweep.counts = self.counts()
        self.sweep.texts_queued = 0 if self.sweep.dry_run else self.queued.total()

    def counts(self) -> dict[str, object]:
        return {
            "queued": {cadence.name: self.queued[cadence.name] for cadence in CADENCES},
            "superseded": {cadence.name: self.superseded[cadence.name] for cadence in CADENCES},
            "churned": self.churned,
            **({deferring.KEY: self._deferred} if self._deferred is not None else {}),
            **({blast_guard.UNLIMITED: True} if self._unlimited else {}),
        }

    def _count_deferred(self, cadences: list[Cadence]) -> None:
        """Who is owed a text and gets none, by rule, unless that was counted a while ago.

        Before anything is claimed, which closes gates: so a dry run counts the same. Not of a sweep
        that is held: there the guard stops everybody.
        """
        if self._held_by or not deferring.is_due(self.sweep):
            return
        try:
            self._deferred = deferring.count_deferred(
                cadences, now=self.now, switchboard=self.switchboard
            )
        except Exception:
            # The texts go out all the same: nobody waits for a number.
            logger.exception("sweep %s could not count who was deferred", self.sweep.pk)

    def sweep_all(self, cadences: list[Cadence], limit: Limit | None) -> None:
        """One cadence after the other; with a `limit`, only if no more people than that are due."""
        self._unlimited = limit is None
        if limit and not self.sweep.dry_run:
            self._find(cadences, limit)
        self._count_deferred(cadences)
        for cadence in cadences:
            self._sweep_cadence(cadence)

    def _find(self, cadences: list[Cadence], limit: Limit) -> None:
        """Read the keys of whoever is due, and hold the sweep as soon as they are too many."""
        people: set[int] = set()
        for cadence in cadences:
            if self._why_not(cadence):
                continue
            keys = self._found[cadence.name] = array("q")
            for key in _due_keys(cadence, now=self.now):
                keys.append(key)
                people.add(key)
                if len(people) > limit.people:
                    self._held_by = limit
                    self.sweep.held = limit.says()
                    blast_guard.ask_a_person(self.sweep)
                    return

    def _why_not(self, cadence: Cadence) -> str:
        """Why this sweep queues nothing of `cadence`; "" when it does."""
        if not self.switchboard.is_open(cadence.name, self.now):
            return self.switchboard.says(cadence.name, self.now)
        return f"the sweep is held: {self._held_by.exceeded}" if self._held_by else ""

    def _sweep_cadence(self, cadence: Cadence) -> None:
        # What has ended is accounted for even while the cadence is off or the sweep is held: that
        # is no reason to lose an obligation silently.
        if cadence.vital:
            for settle in (accounting.settle, outside.settle):
                self.superseded[cadence.name] += settle(
                    cadence, now=self.now, dry_run=self.sweep.dry_run
                )
        why_not = self._why_not(cadence)
        if not why_not:
            if self.sweep.dry_run:
                for keys in _batches(self._keys(cadence)):
                    self._plan(cadence, keys)
            else:
                self._claim_all(cadence)
            if cadence.ends_in_churn:
                self.churned += self._churn(cadence)
        # Only now: whoever could be texted has been.
        if cadence.vital and not self.sweep.dry_run:
            accounting.alert_held_up(cadence, now=self.now, switched_off=why_not)

    def _claim_all(self, cadence: Cadence) -> None:
        found = self._keys(cadence)
        if len(found) <= BATCH:
            for keys in _batches(found):
                self._claim(cadence, keys)
            return
        with loaded_stays():
            at_once.for_each(partial(self._claim_and_show, cadence), _batches(found))

    def _claim_and_show(self, cadence: Cadence, keys: list[int]) -> None:
        self._claim(cadence, keys)
        self._show_progress()

    def _show_progress(self) -> None:
        """For whoever watches a sweep that takes longer than a moment."""
        with self._counting:
            self.record()
            self.sweep.save(update_fields=["counts", "texts_queued"])

    def _keys(self, cadence: Cadence) -> Keys:
        # Whoever got something more urgent since they were found is not due any more: the claim
        # asks again.
        found = self._found.get(cadence.name)
        if found is None:
            return array("q", _due_keys(cadence, now=self.now))
        return found

    def _claim(self, cadence: Cadence, keys: list[int]) -> None:
        with transaction.atomic():
            # Lock first, ask afterwards: what a statement finds that began after the locks were
            # taken stays true until commit.
            locked = accounting.lock_free(keys)
            drafts = self._drafts(cadence, _due_among(cadence, now=self.now, keys=locked))
            claimed = claiming.claim(cadence, drafts, now=self.now, sweep=self.sweep)
        with self._counting:
            self.queued[cadence.name] += len(claimed.texts)
            self.superseded[cadence.name] += claimed.overtaken

    def _plan(self, cadence: Cadence, keys: list[int]) -> None:
        # Whoever gets something more urgent: its claim would have closed their gate.
        free = set(keys) - self._planned_for
        drafts = self._drafts(cadence, _due_among(cadence, now=self.now, keys=free))
        for step, theirs in drafts.items():
            self.planned += [
                Planned(draft.caregiver.phone_number, cadence.name, step.stage, draft.body)
                for draft in theirs
            ]
            self.queued[cadence.name] += len(theirs)
        self._planned_for |= free
        self.superseded[cadence.name] += len(claiming.overtaken(cadence, drafts, now=self.now))

    def _drafts(self, cadence: Cadence, people: list[Caregiver]) -> dict[Step, list[Draft]]:
        """A text for each by whose turn is which step. They are due, so it is the turn of one."""
        drafts: dict[Step, list[Draft]] = {}
        for step in cadence.steps:
            theirs, people = step.position.parted(people, self.now)
            if theirs:
                drafts[step] = self._drafted(cadence, step, theirs)
        return drafts

    def _drafted(self, cadence: Cadence, step: Step, people: list[Caregiver]) -> list[Draft]:
        """A text for each, but for whom none can be written: the others must not wait for them."""
        drafts = []
        for one in people:
            try:
                body = self.wording.compose(one, cadence, step)
                because = "; ".join(rule.says(one, self.now) for rule in step.rules)
            except DatabaseError:
                raise
            except Exception:
                logger.exception("caregiver %s: no %s could be written", one.pk, cadence.name)
            else:
                drafts.append(Draft(one, body, because))
        return drafts

    def _churn(self, cadence: Cadence) -> int:
        if self.sweep.dry_run:
            return _to_churn_of(cadence, self.now).count()
        # Small updates that each ask again: a contact that arrives meanwhile wins.
        lapsed_keys = array("q", _lapsed_keys.stream(cadence, now=self.now, chunk=CHUNK))
        return sum(
            _to_churned(_to_churn_of(cadence, self.now).filter(pk__one_of=keys), now=self.now)
            for keys in _batches(lapsed_keys)
        )


def _to_churned(people: QuerySet[Caregiver], *, now: datetime) -> int:
    if not outbox.wants(EventKind.CHURNED):
        return people.update(journey_phase=JourneyPhase.CHURNED)
    with transaction.atomic():
        # Whoever is to be told of them must know who they are.
        own = people.order_by("pk").select_for_update(of=("self",), no_key=True)
        keys = list(own.values_list("pk", flat=True))
        Caregiver.objects.filter(pk__in=keys).update(journey_phase=JourneyPhase.CHURNED)
        outbox.churned(keys, at=now)
    return len(keys)


def _batches(keys: Keys) -> Iterator[list[int]]:
    for first in range(0, len(keys), BATCH):
        yield keys[first : first + BATCH].tolist()


def _chosen(names: Iterable[str] | None) -> list[Cadence]:
    if names is None:
        return list(CADENCES)
    names = list(names)
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise ValueError(f"unknown cadence {unknown[0]!r}: choose from {', '.join(BY_NAME)}")
    return [cadence for cadence in CADENCES if cadence.name in names]


def _note_failure(sweep: Sweep, run: _Run, error: Exception) -> None:
    logger.exception("sweep %s ended early; what it committed stays", sweep.pk)
    try:
        run.record()
        sweep.error = f"{type(error).__name__}: {error}"
        sweep.save(update_fields=[*RECORDED, "error"])
    except Exception:
        # The database itself is gone: the record without an end tells the same.
        logger.warning("sweep %s could not note its failure", sweep.pk)


def ripenings() -> list[Ripening]:
    """All that a sweep asks of people, each with its index."""
    found = [cadence.ripening for cadence in CADENCES]
    for cadence in CADENCES:
        found += accounting.ripenings(cadence) if cadence.vital else []
    return [*found, CHURN]
