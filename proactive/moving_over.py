"""Moving over from another system: its people come in, and nothing goes out until staff say so."""

from datetime import datetime
from pathlib import Path

from django.utils import timezone

from caregiving.convex.importing import Report, import_snapshot
from caregiving.convex.models import ConvexImport
from caregiving.progress import Advance, no_bar
from proactive import audit, switches
from proactive.cadences import CADENCES

REASON = (
    'People were imported. Look at "First day"; then, one cadence after the other, give it a share '
    "of people and switch it on."
)


def import_convex(
    file: str | Path,
    *,
    rejects: str | Path | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
    progress: Advance = no_bar,
) -> Report:
    """`import_snapshot`, with every cadence off, and for nobody, before any row is written.

    Off, so that nothing goes out. For 0 % of people, so that nothing is promised either: what the
    other system has left undone would have an alert each, a flood of them. Whoever comes into the
    share later gets what is due then.

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
    """The names of the cadences that were on, or paused, and are off from now on; each for 0 %."""
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
    for cadence in CADENCES:
        try:
            switched = switches.set_share(cadence.name, share=0, by=None, reason=REASON, now=now)
        except switches.NothingToChange:
            continue
        audit.record(
            "set_share",
            by=None,
            says="put to 0 % of people by an import",
            now=now,
            target=switched.switch,
            reason=REASON,
            changes=switched.changes,
        )
    return off
