"""Endpoints for the tests of webhooks, and what was written for them."""

from typing import Any

from django.utils import timezone

from proactive.hooks import keys
from proactive.models import EventKind, WebhookDelivery, WebhookEndpoint


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
