"""Who lives in a scenario: people of every cadence, where it is day and where it is night."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from caregiving import events
from caregiving.models import Caregiver
from tests.factories import number

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
ZONES = (
    *("America/New_York", "America/Chicago", "America/Los_Angeles"),
    *("Pacific/Honolulu", "Asia/Tokyo", "Europe/Madrid"),
)


@dataclass(frozen=True)
class Person:
    """What the checker must know of somebody: nothing that the system itself has decided."""

    number: str
    zone: str


def create_people(random: Random, now: datetime, count: int) -> list[Person]:
    """Half of them after a crisis; the rest silent, in high burnout, or half signed up."""
    people = []
    for n in range(count):
        kind = ("crisis", "crisis", "high", "dormant", "daily", "sign_up")[n % 6]
        person = Person(number(n), random.choice(ZONES))
        caregiver = Caregiver.objects.create(
            phone_number=person.number,
            time_zone=person.zone,
            first_name=f"Ada{n}",
            relationship="daughter" if kind != "sign_up" else "",
            care_recipient_name="Rosa",
            zip_code="60601",
            **{"journey_phase": "active", **_state(kind, random, now)},
        )
        if kind in ("crisis", "daily"):
            # At any point of the first two stages, so that some fall due while all is broken.
            events.record_crisis_event(
                caregiver, at=now - random.uniform(10, 60) * HOUR, source="chaos"
            )
        people.append(person)
    return people


def _state(kind: str, random: Random, now: datetime) -> dict[str, Any]:
    ago = random.uniform(0, 24) * HOUR
    match kind:
        case "high":
            return {"burnout_band": "high", "last_contact_at": now - 3 * DAY - ago}
        case "dormant":
            return {"last_contact_at": now - 7 * DAY - ago, "created_at": now - 60 * DAY}
        case "daily":
            return {"burnout_band": "crisis", "last_contact_at": now - 3 * DAY - ago}
        case "sign_up":
            return {"created_at": now - 2 * DAY - ago, "journey_phase": "onboarding"}
        case _:
            return {"created_at": now - 60 * DAY}
