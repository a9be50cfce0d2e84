"""Having it told again: what was given up, or what whoever listens has lost."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from proactive.hooks.outbox import TRIED_FOR
from proactive.models import WebhookDelivery

# What a replay changes; the event keeps its id, so that whoever has it already can tell.
AGAIN = ("next_attempt_at", "expires_at", "attempts", "delivered_at", "given_up_at")


def again(deliveries: Q, *, now: datetime) -> int:
    """Have those that have ended delivered anew from `now` on, in one statement; says how many.

    What still waits is left as it is.
    """
    return WebhookDelivery.objects.filter(deliveries, next_attempt_at=None).update(
        next_attempt_at=now,
        expires_at=now + TRIED_FOR,
        attempts=0,
        delivered_at=None,
        given_up_at=None,
    )


def chosen(
    *,
    since: datetime,
    endpoint: str | None = None,
    kinds: Collection[str] = (),
    only_given_up: bool = True,
) -> Q:
    """Those of events since then, of an endpoint by its name, and of some kinds."""
    condition = Q(created_at__gte=since)
    if endpoint is not None:
        condition &= Q(endpoint__name=endpoint)
    if kinds:
        condition &= Q(kind__in=kinds)
    if only_given_up:
        condition &= Q(given_up_at__isnull=False)
    return condition
