"""A population to try the system on: some 2,000 people who do not exist, in every state.

The same number of people at the same `now` is always the same population.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from caregiving import zones
from caregiving.models import (
    BurnoutBand,
    Caregiver,
    ConsentChange,
    CrisisEvent,
    InboundMessage,
    JourneyPhase,
    WellnessScore,
)
from proactive.demo_alerts import look_after
from proactive.demo_history import tell
from proactive.demo_people import DEMO_NUMBER, Numbers, how_many, somebody
from proactive.demo_staff import NURSE, create_logins
from proactive.demo_states import Scene, State, states
from proactive.models import CareAlert, Message

_BATCH = 1000
_SEED = 20260105
_SCORES = {
    BurnoutBand.THRIVING: (80, 100),
    BurnoutBand.MILD: (60, 79),
    BurnoutBand.MODERATE: (40, 59),
    BurnoutBand.HIGH: (20, 39),
    BurnoutBand.CRISIS: (0, 19),
}


class DemoRefused(Exception):
    """Demo people have no place in this database; the text says why and what to do."""


@dataclass(frozen=True)
class Seeded:
    """How many demo people were created, or were here already (then nothing was changed)."""

    created: int = 0
    already_here: int = 0


def seed_demo(*, caregivers: int = 2000, now: datetime | None = None) -> Seeded:
    """Create the demo people around `now`, and logins for staff. All or nothing.

    Raises DemoRefused outside DEBUG, beside people who are not demo people, where a carrier would
    charge for texts to them, and for more people than there are fictional numbers.
    """
    now = now or timezone.now()
    _check(caregivers)
    with transaction.atomic():
        if Caregiver.objects.exclude(phone_number__regex=DEMO_NUMBER).exists():
            raise DemoRefused(
                "This database holds people who are not demo people: nothing was changed. Use an "
                "empty database, such as DATABASE_URL=sqlite:///demo.sqlite3 after manage.py "
                "migrate."
            )
        here = Caregiver.objects.count()
        if here:
            return Seeded(already_here=here)
        create_logins()
        random = Random(_SEED)
        people = [person for _, person in population(caregivers, now=now, random=random)]
        Caregiver.objects.bulk_create(people, batch_size=_BATCH)
        _create_histories(people, random)
        nurse = User.objects.get(username=NURSE)
        _create_texts(people, random, staff=nurse, now=now)
    return Seeded(created=len(people))


def _check(caregivers: int) -> None:
    if not settings.DEMO_ALLOWED:
        raise DemoRefused(
            "seed_demo creates a login that anybody can guess, so it runs only with DEBUG=true: "
            "use a system that is not in production."
        )
    if settings.SMS_GATEWAY == "twilio" and not settings.TWILIO_API_BASE_URL:
        raise DemoRefused(
            "Texts to demo people would go to a real carrier: set SMS_GATEWAY=console first."
        )
    if not 1 <= caregivers <= how_many():
        raise DemoRefused(
            f"There are fictional numbers for 1 to {how_many():,} people, not {caregivers:,}."
        )


def population(
    count: int, *, now: datetime, random: Random | None = None
) -> Iterator[tuple[State, Caregiver]]:
    """`count` people, not saved, each with the state that they are in."""
    random = random or Random(_SEED)
    plan = [state for state in states() for _ in range(state.share)]
    random.shuffle(plan)
    numbers, scene = Numbers(), Scene(now, random)
    for i in range(count):
        state = plan[i % len(plan)]
        person = somebody(numbers, random)
        person.journey_phase = JourneyPhase.ACTIVE
        person.created_at = scene.ago(60 * _DAY, 400 * _DAY)
        # As saving would: whether it is day where they are decides when they can have been texted.
        person.derived_zones = zones.derive(
            time_zone=person.time_zone, zip_code=person.zip_code, phone_number=person.phone_number
        )
        state.put(person, scene)
        yield state, person


_DAY = timedelta(days=1)


def _create_histories(people: list[Caregiver], random: Random) -> None:
    """What led to each person's state: scores, crises, opt-outs."""
    scores = [score for person in people for score in _scores(person, random)]
    WellnessScore.objects.bulk_create(scores, batch_size=_BATCH)
    CrisisEvent.objects.bulk_create(
        [
            CrisisEvent(caregiver=person, at=person.last_crisis_event_at, source="demo")
            for person in people
            if person.last_crisis_event_at
        ]
    )
    ConsentChange.objects.bulk_create(
        [
            ConsentChange(caregiver=person, opted_in=False, at=person.opted_out_at, source="demo")
            for person in people
            if person.opted_out_at
        ]
    )


def _create_texts(people: list[Caregiver], random: Random, *, staff: User, now: datetime) -> None:
    """What they were texted, what they wrote back, and what that left for staff to look at."""
    history = tell(people, now=now, random=random)
    alerts = look_after(history.texts, staff=staff, now=now)
    Message.objects.bulk_create(history.texts, batch_size=_BATCH)
    InboundMessage.objects.bulk_create(history.answers, batch_size=_BATCH)
    CareAlert.objects.bulk_create(alerts, batch_size=_BATCH)


def _scores(person: Caregiver, random: Random) -> Iterator[WellnessScore]:
    """Up to six self-assessments; the latest put the person where they are now."""
    at, band = person.last_assessment_at, person.burnout_band
    for _ in range(random.randint(1, 6)):
        if at is None or not band or at < person.created_at:
            return
        yield WellnessScore(
            caregiver=person,
            score=random.randint(*_SCORES[BurnoutBand(band)]),
            burnout_band=band,
            created_at=at,
        )
        at -= timedelta(days=random.randint(7, 21), minutes=random.randint(0, 600))
        band = random.choice(_beside(band))


def _beside(band: str) -> list[str]:
    """The band itself and its neighbours: people change by and by."""
    place = BurnoutBand.values.index(band)
    return BurnoutBand.values[max(0, place - 1) : place + 2]
