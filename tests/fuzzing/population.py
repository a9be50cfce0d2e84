"""The people and texts that are shot at: few, so that all of them can be compared each time."""

import hashlib
from collections import Counter
from datetime import timedelta
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from caregiving import events
from caregiving.models import InboundMessage, JourneyPhase
from proactive.models import CareAlert, Message, RefusedWebhook, Status
from tests.factories import CaregiverFactory, MessageFactory

NUMBERS = [f"+1415555{n:04}" for n in range(1, 7)]
TEXTS = [UUID(int=n, version=4) for n in range(1, len(Status) + 2)]

_ALL = [
    model
    for app in ("caregiving", "proactive")
    for model in apps.get_app_config(app).get_models()
    # Forged requests are counted there: that is no state of anybody.
    if model is not RefusedWebhook
]


@transaction.atomic
def settle() -> None:
    """Whatever was there before, these remain: the same each time, but for the clock."""
    Message.objects.all().delete()
    for model in [*_ALL, RefusedWebhook]:
        # Not its own queryset's way: the audit refuses to lose anything.
        QuerySet(model).delete()
    now = timezone.now()
    fields = [
        {},
        {"language": "es"},
        {"opted_out_at": now - timedelta(days=1)},
        {"journey_phase": JourneyPhase.CHURNED, "last_contact_at": now - timedelta(days=40)},
        {"unreachable_at": now - timedelta(days=1), "unreachable_reason": "A landline"},
        {},
    ]
    people = [
        CaregiverFactory(phone_number=number, first_name="Ada", **more)
        for number, more in zip(NUMBERS, fields, strict=True)
    ]
    events.record_crisis_event(people[0], at=now - timedelta(days=2), source="test")
    InboundMessage.objects.create(
        caregiver=people[0], from_number=NUMBERS[0], body="hi", provider_sid=f"SM{0:032x}"
    )
    occasion = now - timedelta(days=2)
    for number, (text, status) in enumerate(zip(TEXTS, Status.values, strict=False)):
        known = status in (Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED)
        MessageFactory(
            pk=text,
            caregiver=people[number % 5],
            cadence=("crisis_followup", "wellness")[number % 2],
            stage=number % 7 + 1,
            occasion=occasion,
            status=status,
            attempt_started_at=None if status == Status.QUEUED else now - timedelta(hours=1),
            provider_sid=f"SM{number:032x}" if known else None,
        )
    # In place of the one that was cancelled: a report about that one withdraws it.
    cancelled = Message.objects.get(status=Status.CANCELLED)
    MessageFactory(
        pk=TEXTS[-1],
        caregiver=cancelled.caregiver,
        cadence=cancelled.cadence,
        stage=cancelled.stage,
        occasion=occasion,
    )
    CareAlert.objects.create(
        kind=CareAlert.Kind.OUTCOME_UNKNOWN, message=Message.objects.get(status=Status.UNKNOWN)
    )


def fingerprint() -> str:
    """Another one whenever any row of ours is, except the count of refusals."""
    digest = hashlib.sha256()
    for model in _ALL:
        for row in model._default_manager.order_by("pk").values_list():
            digest.update(repr(row).encode())
        digest.update(b"|")
    return digest.hexdigest()


def rows() -> Counter[str]:
    return Counter(
        {model.__name__: model._default_manager.count() for model in [*_ALL, RefusedWebhook]}
    )
