"""Bringing people over from a snapshot of Convex, a thousand documents at a time.

Each batch is a transaction of its own, in which also stands how far the import got: one that was
killed goes on after the last batch. What is in already is found again and changes nothing, so a
later snapshot brings what has happened since.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Subquery
from django.utils import timezone

from caregiving import backfilling, events
from caregiving.convex import opt_outs
from caregiving.convex.merging import SAME_MOMENT
from caregiving.convex.models import ConvexImport, ConvexPerson
from caregiving.convex.people import take_people, take_profiles
from caregiving.convex.rejects import Rejects
from caregiving.convex.reports import Report
from caregiving.convex.scores import take_scores
from caregiving.convex.snapshot import PEOPLE, SCORES, TEXTS, Line, Snapshot
from caregiving.convex.texts import take_texts
from caregiving.importing_files import ImportProblem
from caregiving.models import Caregiver, CaregiverQuerySet, CrisisEvent, WellnessScore
from caregiving.progress import Advance, no_bar

BATCH = 1000

__all__ = ["ImportProblem", "Report", "import_snapshot"]


def import_snapshot(
    file: str | Path,
    *,
    rejects: str | Path | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
    progress: Advance = no_bar,
    before_writing: Callable[[ConvexImport], list[str]] = lambda _: [],
) -> Report:
    """Import the ZIP `file`. What cannot be taken goes to the file `rejects`, by default beside it.

    `before_writing` gets the import that begins, in a transaction, and returns what it has switched
    off. A dry run does it all and takes it back, so that it counts what an import would; until then
    other writers wait for the people in it, on SQLite for everything. `progress` gets bytes.
    Raises ImportProblem; before anything is written, unless another import of the file is at work.
    """
    now = now or timezone.now()
    snapshot = Snapshot.of_path(file)
    snapshot.check(_half(progress, 0))
    target = Rejects(Path(rejects)) if rejects else Rejects.beside(snapshot.path, dry_run=dry_run)
    with target:
        report = Report(target, others=snapshot.others, written=not dry_run)
        if dry_run:
            with transaction.atomic():
                _run(snapshot, report, now, _half(progress, 1), before_writing)
                transaction.set_rollback(True)
        else:
            _run(snapshot, report, now, _half(progress, 1), before_writing)
    return report


def _run(
    snapshot: Snapshot,
    report: Report,
    now: datetime,
    progress: Advance,
    before_writing: Callable[[ConvexImport], list[str]],
) -> None:
    with transaction.atomic():
        run = _begin(snapshot, report, now)
        report.switched_off = before_writing(run)
    report.rejects.begin(run.rejects_size)
    if run.table:
        _remember_unplaced(snapshot, report, now)
    done = 0
    tables = snapshot.tables
    for table in tables[tables.index(run.table) if run.table else 0 :]:
        lines = snapshot.lines(table)
        if table == run.table:
            lines = _after(lines, run.line)
        while batch := list(islice(lines, BATCH)):
            _commit(run, table, batch, report, now)
            done += sum(len(line.text) for line in batch)
            progress(done, snapshot.size)
    report.crises = backfilling.backfill_crisis_events(among=_never_dated()).people
    # Whoever wrote before we knew their number; most of all, they may have said stop.
    events.adopt_earlier_texts()
    run.finished_at = timezone.now()
    run.counts = report.as_stored()
    run.rejects = report.rejects.for_admin()
    run.save(update_fields=["finished_at", "counts", "rejects"])
    # They name people, and only the last import's are shown.
    ConvexImport.objects.exclude(pk=run.pk).update(rejects=b"")
    progress(snapshot.size, snapshot.size)


def _remember_unplaced(snapshot: Snapshot, report: Report, now: datetime) -> None:
    """Whose documents of `users` were rejected before the import was broken off."""
    lines = snapshot.lines(PEOPLE)
    while batch := list(islice(lines, BATCH)):
        keys = [key for line in batch if isinstance(key := line.document.get("_id"), str)]
        known = set(
            ConvexPerson.objects.filter(convex_id__in=keys).values_list("convex_id", flat=True)
        )
        left = [(line, "") for line in batch if line.document.get("_id") not in known]
        opt_outs.remember_unplaced(left, report, now=now)


def _never_dated() -> CaregiverQuerySet:
    """Whoever came from there, unless the crisis of their latest score is on record already.

    Then it has been taken off the row here, and is not brought back.
    """
    latest = WellnessScore.objects.filter(caregiver=OuterRef("pk")).order_by("-created_at", "-pk")
    on_record = CrisisEvent.objects.annotate(same_until=F("at") + SAME_MOMENT).filter(
        caregiver=OuterRef("pk"), same_until__gte=OuterRef("scored_at")
    )
    people = Caregiver.objects.filter(convex__isnull=False)
    people = people.annotate(scored_at=Subquery(latest.values("created_at")[:1]))
    return people.filter(~Exists(on_record))


def _begin(snapshot: Snapshot, report: Report, now: datetime) -> ConvexImport:
    """The import of these very documents that was broken off, else a new one.

    A dry run goes through all of it. So does an import whose file of rejected rows is gone: what is
    in already is found again.
    """
    same = ConvexImport.objects.filter(fingerprint=snapshot.fingerprint, finished_at=None)
    run = same.first() if report.written else None
    if run is not None and run.table and report.rejects.has(run.rejects_size):
        report.go_on_from(run.counts)
        report.resumed_at = f"{run.table} line {run.line + 1}"
        return run
    if run is not None:
        run.table, run.line, run.rejects_size = "", 0, 0
        run.save(update_fields=["table", "line", "rejects_size"])
        return run
    return ConvexImport.objects.create(
        name=snapshot.path.name[:255], fingerprint=snapshot.fingerprint, started_at=now
    )


def _commit(
    run: ConvexImport, table: str, batch: list[Line], report: Report, now: datetime
) -> None:
    before = (run.table, run.line)
    try:
        with transaction.atomic():
            stored = ConvexImport.objects.select_for_update().get(pk=run.pk)
            if (stored.table, stored.line) != before:
                raise ImportProblem(
                    "Another import of this file is at work: wait for its end. Nothing is lost."
                )
            report.of(table).documents += len(batch)
            _take(table, batch, report, now)
            run.table, run.line = table, batch[-1].number
            run.counts = report.as_stored()
            run.rejects_size = report.rejects.flush()
            run.save(update_fields=["table", "line", "counts", "rejects_size"])
    except IntegrityError as error:
        raise ImportProblem(
            f"Somebody else added one of these people at the same moment, at {table} line "
            f"{batch[0].number} or soon after. What came before is in: run the import again, and "
            "it goes on there."
        ) from error


def _take(table: str, batch: list[Line], report: Report, now: datetime) -> None:
    if table == PEOPLE:
        take_people(batch, report, now=now)
    elif table == SCORES:
        take_scores(batch, report, now=now)
    elif table == TEXTS:
        take_texts(batch, report, now=now)
    else:
        take_profiles(table, batch, report, now=now)


def _after(lines: Iterator[Line], number: int) -> Iterator[Line]:
    return (line for line in lines if line.number > number)


def _half(progress: Advance, which: int) -> Advance:
    """The file is gone through twice: looked at, and taken in."""
    return lambda done, total: progress(done + which * total, 2 * total)
