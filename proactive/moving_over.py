"""Moving over from another system: its people come in, and nothing goes out until staff say so."""

from datetime import datetime
from pathlib import Path

from django.utils import timezone

from caregiving.convex.importing import Report, import_snapshot
from caregiving.convex.models import ConvexImport
from caregiving.progress import Advance, no_bar
from proactive import audit, switches
from proactive.cadences import CADENCES

REASON = 'People were imported. Look at "First day", then switch on one cadence after the other.'


def import_convex(
    file: str | Path,
    *,
    rejects: str | Path | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
    progress: Advance = no_bar,
) -> Report:
    """`import_snapshot`, with every cadence switched off before the first row is written.

    Only by the first import into this system: afterwards the switches are what staff have made of
    them, and a later snapshot brings few people whom nobody has looked at. If they are many all the
    same, the blast guard asks.
    """
    now = now or timezone.now()

    def switch_off(run: ConvexImport) -> list[str]:
        if run.counts or ConvexImport.objects.exclude(pk=run.pk).exists():
            return []
        return switch_all_off(now=now)

    return import_snapshot(
        file,
        rejects=rejects,
        dry_run=dry_run,
        now=now,
        progress=progress,
        before_writing=switch_off,
    )


def switch_all_off(*, now: datetime) -> list[str]:
    """The names of the cadences that were on, or paused, and are off from now on."""
    off = []
    for cadence in CADENCES:
        try:
            switched = switches.switch_off(cadence.name, by=None, reason=REASON, now=now)
        except switches.NothingToChange:
            continue
        audit.record(
            "switch_off",
            by=None,
            says="switched off by an import",
            now=now,
            target=switched.switch,
            reason=REASON,
            changes=switched.changes,
        )
        off.append(cadence.name)
    return off
