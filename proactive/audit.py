"""Keeping what staff did: one row each, in the transaction of what it tells of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from caregiving.models import Caregiver
from proactive.models import AuditEntry

Changes = dict[str, list[Any]]


def record(
    action: str,
    *,
    by: User | None,
    says: str,
    now: datetime,
    target: Model | None = None,
    reason: str = "",
    changes: Changes | None = None,
    via: str = "",
    happened_at: datetime | None = None,
) -> AuditEntry:
    """Add an entry about `target`, and about the person whom it concerns, if it concerns one.

    `by` nobody: the command line, or what `via` names. `changes`: {field: [before, after]}, as
    `difference` makes them. `happened_at`: where that is not `now`.
    """
    caregiver = target if isinstance(target, Caregiver) else getattr(target, "caregiver", None)
    return AuditEntry.objects.create(
        at=now,
        by=by,
        action=action,
        says=says[:300],
        reason=reason,
        target_type=target._meta.label_lower if target else "",
        target_id=str(target.pk) if target else "",
        target_label=str(target)[:200] if target else "",
        caregiver=caregiver,
        changes=changes or {},
        via=via,
        happened_at=happened_at,
    )


def snapshot(row: Model, fields: Iterable[str]) -> dict[str, Any]:
    """The values of `fields` as they are now, to tell afterwards what has changed."""
    return {field: row.serializable_value(field) for field in fields}


def difference(before: dict[str, Any], row: Model) -> Changes:
    """What is different in `row` since `before` was taken: {field: [before, after]}."""
    after = snapshot(row, before)
    return {
        field: [_plain(value), _plain(after[field])]
        for field, value in before.items()
        if value != after[field]
    }


def _plain(value: Any) -> Any:
    # A phone number is a str of a kind of its own; everything else JSON can carry.
    return str(value) if isinstance(value, str) else value
