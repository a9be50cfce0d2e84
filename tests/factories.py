"""Rows for tests: valid, unremarkable, and owed nothing until a test says otherwise."""

from datetime import timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from caregiving.models import BurnoutBand, Caregiver, JourneyPhase, WellnessScore
from proactive.models import Message, Status

# Each has 10,000 numbers of the form NPA 555 xxxx; a test process needs more than 100,000.
AREA_CODES = (
    *(415, 312, 213, 617, 206, 303, 404, 512, 602, 702),
    *(212, 305, 313, 314, 315, 316, 317, 318, 319, 320),
    *(321, 323, 325, 330, 334, 336, 337, 401, 402, 405),
    *(406, 407, 408, 409, 410, 412, 413, 414, 417, 419),
)


def number(n: int) -> str:
    area = AREA_CODES[n // 10_000 % len(AREA_CODES)]
    return f"+1{area}555{n % 10_000:04}"


class CaregiverFactory(DjangoModelFactory):
    class Meta:
        model = Caregiver

    phone_number = factory.Sequence(number)
    first_name = factory.Sequence(lambda n: f"Ada{n}")
    relationship = "daughter"
    care_recipient_name = "Rosa"
    zip_code = "60601"
    time_zone = "America/Chicago"
    journey_phase = JourneyPhase.ACTIVE
    # In touch just now: neither silent nor due for anything.
    created_at = factory.LazyFunction(timezone.now)
    last_contact_at = factory.SelfAttribute("created_at")


class WellnessScoreFactory(DjangoModelFactory):
    class Meta:
        model = WellnessScore

    caregiver = factory.SubFactory(CaregiverFactory)
    score = 55
    burnout_band = BurnoutBand.MODERATE


class MessageFactory(DjangoModelFactory):
    class Meta:
        model = Message

    caregiver = factory.SubFactory(CaregiverFactory)
    to_number = factory.SelfAttribute("caregiver.phone_number")
    cadence = "crisis_followup"
    stage = 1
    occasion = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))
    body = "How are you today?"
    segments = 1
    status = Status.QUEUED
