"""Logs of worlds written by hand: people, what happens to them, and what the provider took."""

from datetime import UTC, datetime, timedelta
from typing import Any

from proactive.simulation.happenings import Happening, Kind, Person
from proactive.simulation.log import Accepted, Happened, Log, Refused
from proactive.simulation.spec import Spec

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)

# Noon of a Tuesday.
STARTS = datetime(2027, 1, 5, 12, tzinfo=UTC)
SPEC = Spec(seed=1, people=1, days=60, starts=STARTS)

WINDOWS = {
    "crisis_followup": (8, 21),
    "wellness": (9, 20),
    "dormant_reactivation": (11, 20),
    "assessment_reminder": (9, 20),
    "onboarding_nudge": (9, 20),
}


def someone(key: int = 1, *, zone: str = "UTC", is_there: bool = True, **row: Any) -> Person:
    """Active, with a complete profile, heard from when the world began."""
    usual = {
        "journey_phase": "active",
        "first_name": "Ada",
        "relationship": "daughter",
        "zip_code": "60601",
        "created_at": STARTS,
    }
    return Person(
        key=key, number=f"+1312555{key:04}", zone=zone, row=usual | row, is_there=is_there
    )


def text(
    at: datetime,
    cadence: str = "wellness",
    stage: int | None = None,
    *,
    person: int = 1,
    occasion: datetime | None = None,
    clock: datetime | None = None,
    message_id: str = "",
    status: str = "delivered",
    code: str = "",
    takes: timedelta = timedelta(),
) -> Accepted:
    return Accepted(
        at=at,
        clock=clock or at,
        person=person,
        number=f"+1312555{person:04}",
        sid=f"SM{at.timestamp()}",
        message_id=message_id or f"{cadence} {stage} {at.isoformat()}",
        cadence=cadence,
        stage=stage,
        tier="" if stage else "high",
        occasion=occasion,
        segments=1,
        status=status,
        code=code,
        ended_at=at + takes if status else None,
    )


def refusal(at: datetime, code: str, **fields: Any) -> Refused:
    usual = {"person": 1, "message_id": "1", "cadence": "wellness", "stage": None, "occasion": None}
    return Refused(at=at, code=code, **usual | fields)


def happened(
    at: datetime,
    kind: Kind,
    *,
    person: int = 1,
    acknowledged: bool = True,
    clock: datetime | None = None,
    **data: Any,
) -> Happened:
    return Happened(Happening(at, person, kind, data), at, clock or at, acknowledged)


def wrote(at: datetime, body: str = "hello", **fields: Any) -> Happened:
    return happened(at, Kind.TEXT, body=body, **fields)


def log(*entries: Accepted | Refused | Happened, **fields: Any) -> Log:
    found = Log(**fields)
    lists = {Accepted: found.accepted, Refused: found.refused, Happened: found.happened}
    for entry in entries:
        lists[type(entry)].append(entry)
    return found
