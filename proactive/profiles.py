"""Keeping what was changed in a person's profile: only that, and with an audit entry."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from caregiving import events
from caregiving.models import Caregiver
from proactive import audit
from proactive.models import AuditEntry

ADDED, CHANGED = "add_caregiver", "change_caregiver"


def save_edited(
    caregiver: Caregiver, fields: Collection[str], *, by: User, now: datetime
) -> Caregiver:
    """Save `fields` of a person whom staff edited; all else stays as it is in the database.

    What is different from before goes into the audit. With a new number what it wrote before is
    theirs: an earlier STOP holds. `caregiver` is brought up to date, and returned.
    """
    with transaction.atomic():
        # Not the row that was edited: it may be old, and the zones follow from all of a row.
        recorded = Caregiver.objects.select_for_update().get(pk=caregiver.pk)
        before = audit.snapshot(recorded, fields)
        for field in fields:
            setattr(recorded, field, getattr(caregiver, field))
        if changes := audit.difference(before, recorded):
            recorded.save(update_fields=list(changes))
            _record(CHANGED, "edited", recorded, changes, by=by, now=now)
            if "phone_number" in changes:
                events.record_new_number(recorded)
        caregiver.refresh_from_db()
    return caregiver


def save_told(
    caregiver: Caregiver, values: dict[str, Any], *, at: datetime, via: str, now: datetime
) -> tuple[list[str], list[str]]:
    """Keep what somebody outside of the staff, `via`, says that a profile has been since `at`.

    Returns the fields that changed, and those of `values` that were left alone because of newer
    word: of staff, or told with a later `at`. (Word that changed nothing is not remembered.)
    `caregiver` is brought up to date. Raises Caregiver.DoesNotExist.
    """
    with transaction.atomic():
        events.lock(caregiver)
        kept = sorted(values.keys() & _fields_changed_since(caregiver, at))
        before = audit.snapshot(caregiver, values)
        for field, value in values.items():
            if field not in kept:
                setattr(caregiver, field, value)
        if changes := audit.difference(before, caregiver):
            caregiver.save(update_fields=list(changes))
            _record(CHANGED, "edited", caregiver, changes, now=now, via=via, happened_at=at)
    return list(changes), kept


def _fields_changed_since(caregiver: Caregiver, at: datetime) -> set[str]:
    later = Q(happened_at__gt=at) | Q(happened_at__isnull=True, at__gt=at)
    entries = AuditEntry.objects.filter(later, caregiver=caregiver, action__in=(ADDED, CHANGED))
    return {field for changes in entries.values_list("changes", flat=True) for field in changes}


def save_added(
    caregiver: Caregiver,
    fields: Collection[str],
    *,
    by: User | None = None,
    via: str = "",
    happened_at: datetime | None = None,
    now: datetime,
) -> Caregiver:
    """Add a person, of whom `fields` are filled in: by staff, or `via` something else."""
    with transaction.atomic():
        blank = audit.snapshot(Caregiver(), fields)
        caregiver.save()
        changes = audit.difference(blank, caregiver)
        _record(
            *(ADDED, "added with", caregiver, changes),
            by=by,
            via=via,
            happened_at=happened_at,
            now=now,
        )
        events.record_new_number(caregiver)
    return caregiver


def _record(
    action: str, verb: str, who: Caregiver, changes: audit.Changes, *, now: datetime, **how: Any
) -> None:
    named = [str(Caregiver._meta.get_field(field).verbose_name) for field in changes]  # type: ignore[union-attr]
    says = f"{verb} {', '.join(named)}"
    audit.record(
        action, by=how.pop("by", None), says=says, now=now, target=who, changes=changes, **how
    )
