"""All that happened with one person as a single stream, newest first, read a page at a time.

Each source of happenings is asked for one page's worth at most, by its own index, and their heads
are merged: a page costs the same after ten texts and after ten thousand.
"""

import heapq
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, TextChoices

from caregiving.models import Caregiver
from proactive import telling
from proactive.models import AuditEntry, CareAlert
from proactive.telling import Told

PER_PAGE = 50
_INSTANT = "%Y%m%dT%H%M%S.%f"


class Kind(TextChoices):
    """What staff can look at alone."""

    TEXT_OUT = "texts-out", "Texts to them"
    TEXT_IN = "texts-in", "Texts from them"
    CRISIS = "crises", "Crises"
    SCORE = "scores", "Scores"
    CONSENT = "consent", "Consent"
    ALERT = "alerts", "Alerts"
    STAFF = "staff", "Staff actions"
    NOTE = "notes", "Notes"


@dataclass(frozen=True)
class Happening:
    """Something that happened at `at` (UTC), told from `row`."""

    at: datetime
    kind: Kind
    told: Told
    row: Model


@dataclass(frozen=True)
class Page:
    """`older` is the cursor of the next page, "" on the last one."""

    happenings: tuple[Happening, ...]
    older: str


@dataclass(frozen=True)
class _Source:
    """Rows of one kind with the instant that puts each in its place.

    Rows that share an instant stand in the order of the sources, then by key from the last.
    """

    name: str
    kind: Kind
    rows: Callable[[Caregiver], QuerySet[Any]]
    field: str
    tell: Callable[[Any], Told]


_OF_ALERTS = CareAlert._meta.label_lower


def _alerts(caregiver: Caregiver) -> QuerySet[Any]:
    return caregiver.alerts.select_related("claimed_by", "resolved_by")


def _alerts_without_act(field: str) -> Callable[[Caregiver], QuerySet[Any]]:
    """Those whose `field` no act of staff has set, or one before there was an audit.

    An act and its entry in the audit are of one instant, and the entry tells more.
    """
    act = AuditEntry.objects.filter(
        caregiver=OuterRef("caregiver"), at=OuterRef(field), target_type=_OF_ALERTS
    )
    return lambda caregiver: _alerts(caregiver).exclude(Exists(act))


def _entries(caregiver: Caregiver) -> QuerySet[AuditEntry]:
    return caregiver.audit_entries.select_related("by")


_SOURCES = (
    _Source("note", Kind.NOTE, lambda who: who.notes.select_related("by"), "at", telling.note),
    _Source(
        "staff",
        Kind.STAFF,
        lambda who: _entries(who).exclude(target_type=_OF_ALERTS),
        "at",
        telling.staff_action,
    ),
    _Source(
        "alert-act",
        Kind.ALERT,
        lambda who: _entries(who).filter(target_type=_OF_ALERTS),
        "at",
        telling.alert_act,
    ),
    _Source(
        "resolved",
        Kind.ALERT,
        _alerts_without_act("resolved_at"),
        "resolved_at",
        telling.alert_resolved,
    ),
    _Source(
        "claimed",
        Kind.ALERT,
        _alerts_without_act("claimed_at"),
        "claimed_at",
        telling.alert_claimed,
    ),
    _Source("escalated", Kind.ALERT, _alerts, "escalated_at", telling.alert_escalated),
    _Source("opened", Kind.ALERT, _alerts, "opened_at", telling.alert_opened),
    _Source("consent", Kind.CONSENT, lambda who: who.consents.all(), "at", telling.consent),
    _Source("crisis", Kind.CRISIS, lambda who: who.crises.all(), "at", telling.crisis),
    _Source("score", Kind.SCORE, lambda who: who.scores.all(), "created_at", telling.score),
    _Source(
        "out",
        Kind.TEXT_OUT,
        lambda who: who.messages.select_related("ordered_by"),
        "queued_at",
        telling.text_out,
    ),
    _Source("in", Kind.TEXT_IN, lambda who: who.inbound.all(), "received_at", telling.text_in),
)
_RANK = {source.name: rank for rank, source in enumerate(_SOURCES)}


@dataclass(frozen=True)
class _Cursor:
    """The last happening of a page: what follows it in the order is older."""

    at: datetime
    source: _Source
    key: Any


def read_page(
    caregiver: Caregiver,
    *,
    kinds: Collection[Kind] = tuple(Kind),
    before: str = "",
    per_page: int = PER_PAGE,
) -> Page:
    """The newest `per_page` happenings of `kinds`, or those after the cursor `before`.

    One query for each source. Raises ValueError for a cursor that was not made here.
    """
    cursor = _read(before, caregiver) if before else None
    heads = [
        _head(source, caregiver, cursor, per_page + 1)
        for source in _SOURCES
        if source.kind in kinds
    ]
    merged = heapq.merge(*heads, key=lambda entry: (entry[0], -_RANK[entry[1].name]), reverse=True)
    found = list(islice(merged, per_page + 1))
    happenings = tuple(
        Happening(at, source.kind, source.tell(row), row) for at, source, row in found[:per_page]
    )
    older = _written(*found[per_page - 1]) if len(found) > per_page else ""
    return Page(happenings, older)


def _head(
    source: _Source, caregiver: Caregiver, cursor: _Cursor | None, limit: int
) -> Iterator[tuple[datetime, _Source, Any]]:
    rows = source.rows(caregiver).filter(**{f"{source.field}__isnull": False})
    if cursor is not None:
        # At the cursor's instant only what stands below it; the bound itself goes by the index.
        older = Q(**{f"{source.field}__lt": cursor.at})
        if source is cursor.source:
            older |= Q(pk__lt=cursor.key)
        elif _RANK[source.name] > _RANK[cursor.source.name]:
            older = Q()
        rows = rows.filter(older, **{f"{source.field}__lte": cursor.at})
    for row in rows.order_by(f"-{source.field}", "-pk")[:limit]:
        yield getattr(row, source.field), source, row


def _written(at: datetime, source: _Source, row: Model) -> str:
    return f"{at.astimezone(UTC).strftime(_INSTANT)}~{source.name}~{row.pk}"


def _read(cursor: str, caregiver: Caregiver) -> _Cursor:
    try:
        instant, name, key = cursor.split("~")
        source = _SOURCES[_RANK[name]]
        at = datetime.strptime(instant, _INSTANT).replace(tzinfo=UTC)
        return _Cursor(at, source, source.rows(caregiver).model._meta.pk.to_python(key))
    except (ValueError, KeyError, ValidationError) as error:
        raise ValueError(f"not a cursor of this stream: {cursor!r}") from error
