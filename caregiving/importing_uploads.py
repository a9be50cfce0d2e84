"""A file of people that somebody uploads: looked at first, imported later, soon forgotten."""

import zlib
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from caregiving.importing import Report, import_caregivers, rejected
from caregiving.importing_files import ImportProblem, Source
from caregiving.models import ImportUpload

LASTS = timedelta(hours=1)
# What a request can read and write in a few seconds; more is an operator's job.
MOST_BYTES = 5 * 1024 * 1024
MOST_LINES = 20_000
SHOWN = 20


def too_large(name: str) -> ImportProblem:
    return ImportProblem(
        f"{name} is too large: {MOST_BYTES // 1024**2} MB or {MOST_LINES:,} lines at most. Split "
        "it, or have an operator run manage.py import_caregivers."
    )


def keep(content: bytes, *, name: str, by: User, now: datetime) -> ImportUpload:
    """Look at what the file would do, and keep both. Raises ImportProblem for what is no such file.

    Whatever has outlasted its hour is forgotten on this occasion.
    """
    forget_old(now=now)
    # A line may be part of a cell; a file that is refused for those is no list of people.
    if len(content) > MOST_BYTES or content.count(b"\n") > MOST_LINES:
        raise too_large(name)
    report = import_caregivers(Source.of_bytes(name, content), dry_run=True, now=now)
    return ImportUpload.objects.create(
        by=by,
        name=name[:255],
        content=zlib.compress(content),
        preview=in_short(report),
        created_at=now,
    )


def find(pk: UUID, *, by: User, now: datetime) -> ImportUpload | None:
    """The upload, for whoever brought it, within its hour."""
    return ImportUpload.objects.filter(pk=pk, by=by, created_at__gt=now - LASTS).first()


def carry_out(upload: ImportUpload, *, now: datetime) -> Report:
    """Import the good rows; once. To be called in a transaction. Raises ImportProblem."""
    locked = ImportUpload.objects.select_for_update().filter(pk=upload.pk).first()
    if locked is None or locked.imported_at is not None:
        raise ImportProblem("It was imported or discarded meanwhile: nothing was done now.")
    report = import_caregivers(_source(upload), skip_bad=True, now=now)
    upload.imported_at = now
    upload.preview = in_short(report)
    upload.save(update_fields=["imported_at", "preview"])
    return report


def rejected_rows(upload: ImportUpload) -> Iterator[list[str]]:
    """See `importing.rejected`."""
    return rejected(_source(upload), now=upload.created_at)


def forget(upload: ImportUpload) -> None:
    with transaction.atomic():
        ImportUpload.objects.filter(pk=upload.pk).delete()


def forget_old(*, now: datetime) -> None:
    ImportUpload.objects.filter(created_at__lte=now - LASTS).delete()


def in_short(report: Report) -> dict[str, Any]:
    """Counts, and the first few of each kind, as JSON."""
    return {
        "rows": report.rows,
        "new": report.new,
        "differing": report.differing,
        "same": report.already_here - report.differing,
        "bad": report.bad,
        "first_new": [asdict(one) for one in report.first_new],
        "first_same": [asdict(one) for one in report.first_same],
        "first_differing": [asdict(one) for one in report.differences[:SHOWN]],
        "first_bad": [asdict(one) for one in report.bad_rows[:SHOWN]],
    }


def _source(upload: ImportUpload) -> Source:
    return Source.of_bytes(upload.name, zlib.decompress(upload.content))
