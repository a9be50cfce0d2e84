"""Changing the words of a template: never over somebody's newer ones, and never without a trace."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from proactive import audit
from proactive.audit import Changes
from proactive.default_copy import DEFAULT_COPY
from proactive.models import AuditEntry, MessageTemplate


class SameWords(Exception):
    """The template says this already."""

    def __init__(self) -> None:
        super().__init__("these are the words already")


class Overtaken(Exception):
    """Somebody has changed the words since; `newer` is the template as it is now."""

    def __init__(self, newer: MessageTemplate) -> None:
        super().__init__(f"{newer} was changed meanwhile")
        self.newer = newer


def reword(template: MessageTemplate, body: str) -> Changes:
    """Give `template` other words. Whoever calls keeps it in the audit, in the same transaction.

    Raises SameWords, or ValidationError for words that cannot be sent.
    """
    with transaction.atomic():
        return _write(_lock(template), body)


def save_draft(
    template: MessageTemplate,
    body: str,
    *,
    seen_at: datetime | None,
    by: User,
    reason: str,
    now: datetime,
) -> None:
    """Give `template` the words that were written while looking at its version of `seen_at`.

    Raises Overtaken when that is not the version of now, or nobody knows which it was; SameWords;
    ValidationError for words that cannot be sent. Nothing is changed then.
    """
    with transaction.atomic():
        current = _lock(template)
        if current.updated_at != seen_at:
            raise Overtaken(current)
        audit.record(
            "reword",
            by=by,
            says="words changed",
            now=now,
            target=current,
            reason=reason,
            changes=_write(current, body),
        )


def original(template: MessageTemplate) -> str | None:
    """The words that it started with; None for a cadence or language that has none."""
    variant = str(template.stage) if template.stage is not None else template.tier
    return DEFAULT_COPY.get((template.cadence, variant), {}).get(template.language)


def history(template: MessageTemplate) -> QuerySet[AuditEntry]:
    """Every change of its words, newest first; `changes["body"]` is [before, after]."""
    return AuditEntry.objects.filter(
        target_type=template._meta.label_lower,
        target_id=str(template.pk),
        changes__has_key="body",
    ).order_by("-at", "-pk")


@dataclass(frozen=True)
class Piece:
    """A run of words that stayed (""), came ("ins") or went ("del")."""

    kind: str
    text: str


def compare(before: str, after: str) -> Iterator[Piece]:
    """What was changed, word by word."""
    # Each word with the space after it: spaces alone would be found equal anywhere.
    old, new = (re.findall(r"\S+\s*|\s+", text) for text in (before, after))
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for operation, i, j, k, n in matcher.get_opcodes():
        if operation == "equal":
            yield Piece("", "".join(old[i:j]))
            continue
        if i < j:
            yield Piece("del", "".join(old[i:j]))
        if k < n:
            yield Piece("ins", "".join(new[k:n]))


def _lock(template: MessageTemplate) -> MessageTemplate:
    return MessageTemplate.objects.select_for_update().get(pk=template.pk)


def _write(locked: MessageTemplate, body: str) -> Changes:
    if locked.body == body:
        raise SameWords
    before = audit.snapshot(locked, ("body",))
    locked.body = body
    locked.save(update_fields=["body", "updated_at"])
    return audit.difference(before, locked)
