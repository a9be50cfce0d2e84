"""Endpoints for the tests of webhooks, and what was written for them."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from proactive.hooks import keys
from proactive.hooks.outbox import TRIED_FOR
from proactive.models import EventKind, WebhookDelivery, WebhookEndpoint
from tests.proactive.people import NOON


def listens(
    *kinds: str, name: str = "assistant", url: str = "https://app.example.org/hook", **fields: Any
) -> WebhookEndpoint:
    """An endpoint that is on and wants `kinds`, by default all."""
    endpoint = WebhookEndpoint(
        name=name, url=url, kinds=list(kinds) or [kind.value for kind in EventKind], **fields
    )
    keys.make(endpoint, by=None, now=timezone.now())
    endpoint.save()
    return endpoint


def told() -> list[tuple[str, dict[str, Any]]]:
    """The kind and the data of each delivery, in the order in which they were written."""
    rows = WebhookDelivery.objects.order_by("pk")
    return [(row.kind, row.payload["data"]) for row in rows]


def kinds_told() -> list[str]:
    return [kind for kind, _ in told()]


def make_deliveries(
    endpoint: WebhookEndpoint, *, count: int = 1, now: datetime = NOON
) -> list[WebhookDelivery]:
    """So many events that are due at `now`."""
    return WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                event_id=uuid4(),
                endpoint=endpoint,
                kind="message.sent",
                payload={"type": "message.sent", "timestamp": now.isoformat(), "data": {"n": n}},
                created_at=now,
                next_attempt_at=now,
                expires_at=now + TRIED_FOR,
            )
            for n in range(count)
        ]
    )
