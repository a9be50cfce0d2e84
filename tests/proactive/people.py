"""People for the tests of the policy: fixed dates, on UTC, owed nothing unless a test says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from caregiving import events
from caregiving.models import Caregiver
from proactive.models import Message, Status, Sweep
from proactive.sweeps import run_sweep
from tests.factories import CaregiverFactory

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)

# A Tuesday. Whole days from noon are noon: inside every window.
NOON = datetime(2027, 1, 5, 12, tzinfo=UTC)


def person(**fields: Any) -> Caregiver:
    """Active, with a complete profile, last heard from two days before NOON: nothing is due."""
    defaults = {"time_zone": "UTC", "created_at": NOON - 2 * DAY}
    return CaregiverFactory(**defaults | fields)


# Fields that make one text of the cadence due at `now`, and nothing else.
DUE: dict[str, Callable[[datetime], dict[str, Any]]] = {
    "crisis_followup": lambda now: {
        "last_crisis_event_at": now - 26 * HOUR,
        "last_contact_at": now - 26 * HOUR,
    },
    "wellness": lambda now: {"burnout_band": "high", "last_contact_at": now - 3 * DAY},
    "dormant_reactivation": lambda now: {"last_contact_at": now - 8 * DAY},
    "assessment_reminder": lambda now: {
        "last_assessment_at": now - 8 * DAY,
        "last_contact_at": now - 2 * DAY,
    },
    "onboarding_nudge": lambda now: {"first_name": "", "created_at": now - 50 * HOUR},
}
FIRST = {
    "crisis_followup": ("crisis_followup", 1),
    "wellness": ("wellness", "high"),
    "dormant_reactivation": ("dormant_reactivation", 1),
    "assessment_reminder": ("assessment_reminder", 1),
    "onboarding_nudge": ("onboarding_nudge", 1),
}


def due_for(cadence: str, now: datetime = NOON, **fields: Any) -> Caregiver:
    """Somebody to whom the first text of `cadence` is due at `now`, and nothing else."""
    return person(**{"created_at": now - 2 * DAY} | DUE[cadence](now) | fields)


def people_in_crisis(count: int) -> list[Caregiver]:
    """Whose first follow-up is due by the real clock, at noon of where they live."""
    now = datetime.now(UTC)
    # POSIX names count the other way round: Etc/GMT-3 is three hours ahead.
    ahead = 12 - now.hour
    zone = f"Etc/GMT{-ahead:+}" if ahead else "Etc/UTC"
    people = CaregiverFactory.create_batch(
        count, time_zone=zone, created_at=now - timedelta(days=90)
    )
    for one in people:
        events.record_crisis_event(one, at=now - timedelta(hours=30))
    return people


def sweep(now: datetime = NOON, **options: Any) -> list[tuple[str, int | str]]:
    """What a sweep at `now` queues: (cadence, stage, or tier where there is none)."""
    return queued_by(run_sweep(now=now, **options))


def queued_by(swept: Sweep) -> list[tuple[str, int | str]]:
    rows = Message.objects.filter(sweep=swept, status=Status.QUEUED).order_by("priority", "pk")
    return [(row.cadence, row.stage or row.tier) for row in rows]


def sweep_among(
    people: dict[str, Caregiver], now: datetime = NOON, **options: Any
) -> dict[str, tuple[str, int | str] | None]:
    """The same for several people at once: what each of them gets, None for nothing."""
    rows = Message.objects.filter(sweep=run_sweep(now=now, **options), status=Status.QUEUED)
    texts = {row.caregiver_id: (row.cadence, row.stage or row.tier) for row in rows}
    return {label: texts.get(one.pk) for label, one in people.items()}


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is rolled back: one example of many in one test."""
    block = transaction.atomic()
    # As Django's own TestCase does it, so that what must be durable may run inside.
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
