"""Filling what older rows lack, while the system runs.

Both functions go through the people by primary key, a batch at a time, each batch in its own short
transaction. What is filled no longer qualifies, so a run that was killed is simply started again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, OuterRef, Q, Subquery

from caregiving import zones
from caregiving.models import (
    BurnoutBand,
    Caregiver,
    CaregiverQuerySet,
    CrisisEvent,
    WellnessScore,
)
from caregiving.progress import Advance, no_bar

BATCH = 1000
COUNTERS = (
    "crisis_followup_count",
    "reactivation_message_count",
    "assessment_reminder_count",
    "onboarding_nudge_count",
)

# --- initialize_proactive_fields ---


def initialize_proactive_fields(
    *, batch_size: int = BATCH, progress: Advance = no_bar
) -> dict[str, int]:
    """Put 0 into empty counters and derive zones anew where no zone was given.

    Returns how many people were seen ("people") and how many values of each field were filled.
    """
    filled = dict.fromkeys(("people", *COUNTERS, "derived_zones"), 0)
    total = Caregiver.objects.count()
    for people in _batches(Caregiver.objects.all(), batch_size):
        filled["people"] += len(people)
        # Before anybody is locked: the first look reads the tables of all ZIP codes and numbers.
        stale = [person.pk for person in people if _is_stale(person)]
        with transaction.atomic():
            for counter in COUNTERS:
                filled[counter] += _fill_counter(counter, people)
            filled["derived_zones"] += _derive_zones(stale)
        progress(filled["people"], total)
    return filled


def _fill_counter(counter: str, people: list[Caregiver]) -> int:
    empty = [person.pk for person in people if getattr(person, counter) is None]
    if not empty:
        return 0
    # A sweep may have set it since it was read: then the row no longer qualifies.
    still_empty = Caregiver.objects.filter(pk__in=empty, **{f"{counter}__isnull": True})
    return still_empty.update(**{counter: 0})


def _derive_zones(stale: list[int]) -> int:
    if not stale:
        return 0
    # Read again under the lock: somebody may have given a ZIP code or a zone meanwhile.
    locked = Caregiver.objects.filter(pk__in=stale).order_by("pk").select_for_update()
    by_zones: dict[str, list[int]] = {}
    for person in locked:
        if _is_stale(person):
            by_zones.setdefault(_derived(person), []).append(person.pk)
    return sum(
        Caregiver.objects.filter(pk__in=pks).update(derived_zones=derived)
        for derived, pks in by_zones.items()
    )


def _is_stale(person: Caregiver) -> bool:
    return not person.time_zone and person.derived_zones != _derived(person)


def _derived(person: Caregiver) -> str:
    return zones.derive(
        time_zone=person.time_zone, zip_code=person.zip_code, phone_number=person.phone_number
    )


# --- backfill_crisis_events ---

SHOWN = 20


@dataclass
class CrisisBackfill:
    """How many people got a crisis date (or would); of the first of them, number and date."""

    people: int = 0
    written: bool = False
    first: list[tuple[str, datetime]] = field(default_factory=list)


def backfill_crisis_events(
    *,
    dry_run: bool = False,
    batch_size: int = BATCH,
    progress: Advance = no_bar,
    among: CaregiverQuerySet | None = None,
) -> CrisisBackfill:
    """Date the crisis of people in band `crisis` who have none, by their latest wellness score.

    Only where that score is in band `crisis` too. `events.record_crisis_event` would be wrong
    here: it records that the person was heard from, and a backfill hears from nobody.
    `among`: only these people.
    """
    result = CrisisBackfill(written=not dry_run)
    undated = _undated() if among is None else _undated().filter(pk__in=among.values("pk"))
    total = undated.count()
    for people in _batches(undated, batch_size):
        if not dry_run:
            people = _date_crises([person.pk for person in people])
        result.people += len(people)
        room = SHOWN - len(result.first)
        result.first += [(person.masked_number, _crisis_at(person)) for person in people[:room]]
        progress(result.people, total)
    return result


def _undated() -> CaregiverQuerySet:
    latest = WellnessScore.objects.filter(caregiver=OuterRef("pk")).order_by("-created_at", "-pk")
    return (
        Caregiver.objects.in_crisis()
        .filter(last_crisis_event_at__isnull=True)
        .annotate(
            latest_band=Subquery(latest.values("burnout_band")[:1]),
            latest_at=Subquery(latest.values("created_at")[:1], output_field=DateTimeField()),
        )
        .filter(latest_band=BurnoutBand.CRISIS)
    )


def _date_crises(pks: list[int]) -> list[Caregiver]:
    """Write one batch; returns those who still qualified under the lock."""
    with transaction.atomic():
        # Lock first, ask afterwards: a statement that waited for a lock may still see scores as
        # they were before it, and the crisis would get another date in its history than here.
        list(Caregiver.objects.filter(pk__in=pks).order_by("pk").select_for_update())
        people = list(_undated().filter(pk__in=pks).order_by("pk"))
        latest = WellnessScore.objects.filter(caregiver=OuterRef("pk")).order_by(
            "-created_at", "-pk"
        )
        Caregiver.objects.filter(
            Q(pk__in=[person.pk for person in people]), last_crisis_event_at__isnull=True
        ).update(
            last_crisis_event_at=Subquery(latest.values("created_at")[:1]),
            crisis_followup_count=0,
        )
        CrisisEvent.objects.bulk_create(
            [
                CrisisEvent(caregiver=person, at=_crisis_at(person), source="backfill")
                for person in people
            ],
            # That crisis may be on record already, as one that arrived out of order.
            ignore_conflicts=True,
        )
    return people


def _crisis_at(person: Any) -> datetime:
    at: datetime = person.latest_at
    return at


def _batches(queryset: CaregiverQuerySet, size: int) -> Iterator[list[Caregiver]]:
    """By primary key, so that what a batch changes never shifts the ones after it."""
    last = 0
    while batch := list(queryset.filter(pk__gt=last).order_by("pk")[:size]):
        yield batch
        last = batch[-1].pk
