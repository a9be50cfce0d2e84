"""Keeping what staff changed in a person's profile: only that, and with an audit entry."""

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from caregiving import events
from caregiving.models import Caregiver
from proactive import audit


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
            _record("change_caregiver", "edited", recorded, changes, by, now)
            if "phone_number" in changes:
                events.record_new_number(recorded)
        caregiver.refresh_from_db()
    return caregiver


def save_added(
    caregiver: Caregiver, fields: Collection[str], *, by: User, now: datetime
) -> Caregiver:
    """Add a person, of whom staff filled in `fields`."""
    with transaction.atomic():
        blank = audit.snapshot(Caregiver(), fields)
        caregiver.save()
        _record(
            "add_caregiver", "added with", caregiver, audit.difference(blank, caregiver), by, now
        )
        events.record_new_number(caregiver)
    return caregiver


def _record(
    action: str, verb: str, who: Caregiver, changes: audit.Changes, by: User, now: datetime
) -> None:
    named = [str(Caregiver._meta.get_field(field).verbose_name) for field in changes]  # type: ignore[union-attr]
    says = f"{verb} {', '.join(named)}"
    audit.record(action, by=by, says=says, now=now, target=who, changes=changes)
