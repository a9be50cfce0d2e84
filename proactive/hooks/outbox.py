"""What is to be told, into the outbox: in the transaction of what it tells of, or not at all.

Each function expects that transaction, and does nothing where no enabled endpoint wants the kind,
which takes no query (see `WebhookEndpointQuerySet.wanting`). What has happened once is told once:
the id of an event follows from what it is about.

Nothing here has a text, a name or a number in it: whoever listens knows people by the key that the
API gives them, and reads the rest there, with a token that allows it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.models import CareAlert, EventKind, Message, Status, WebhookDelivery, WebhookEndpoint

# Who was away for a long weekend hears of all of it.
TRIED_FOR = timedelta(days=3)

_EVENTS = UUID("8f8b7c2e-5b0f-4f4f-9a57-6f0f3a1d2c47")
# What may be told of how somebody opted out: staff and the API say it in words of their own.
_KNOWN_SOURCES = ("text", "provider")


def wants(kind: EventKind) -> bool:
    """Whether anybody does."""
    return bool(WebhookEndpoint.objects.wanting(kind))


def texts(kind: EventKind, about: Iterable[Message], *, at: datetime) -> None:
    """`kind` has happened to these texts, which are as they are after it."""
    if wants(kind):
        _write(kind, ((str(text.pk), _of_text(kind, text)) for text in about), at=at)


def report(text: Message, *, is_first: bool, at: datetime) -> None:
    """A report has moved `text` to its status; `is_first`: until then nobody knew it was taken."""
    if is_first:
        texts(EventKind.SENT, [text], at=at)
    if text.status == Status.DELIVERED:
        texts(EventKind.DELIVERED, [text], at=at)
    elif text.status in (Status.FAILED, Status.UNDELIVERED):
        texts(EventKind.FAILED, [text], at=at)


def open_alerts(alerts: list[CareAlert], *, now: datetime) -> None:
    """Insert alerts of one kind, opened at `now`, but for those that are open; and tell of them."""
    # The constraints on CareAlert say what "the same alert" is.
    if not alerts or not wants(EventKind.ALERT_OPENED):
        CareAlert.objects.bulk_create(alerts, ignore_conflicts=True)
        return
    with transaction.atomic():
        CareAlert.objects.bulk_create(alerts, ignore_conflicts=True)
        # Which of them are new is not said; those of another moment were there before.
        opened = CareAlert.objects.filter(kind=alerts[0].kind, opened_at=now).order_by("pk")
        _write(EventKind.ALERT_OPENED, ((str(one.pk), _of_alert(one)) for one in opened), at=now)


def opted_out(caregiver: Caregiver, at: datetime, source: str) -> None:
    """`caregiving.events` calls this: see `ProactiveConfig.ready`."""
    if wants(EventKind.OPTED_OUT):
        known = source if source in _KNOWN_SOURCES else "other"
        data = {"caregiver_id": caregiver.pk, "source": known}
        about = [(f"{caregiver.pk} {at.isoformat()}", data)]
        # Often heard of later: the time to try counts from now.
        _write(EventKind.OPTED_OUT, about, at=at, now=timezone.now())


def churned(people: Iterable[int], *, at: datetime) -> None:
    """These people, by key, have churned."""
    if wants(EventKind.CHURNED):
        about = ((f"{key} {at.isoformat()}", {"caregiver_id": key}) for key in people)
        _write(EventKind.CHURNED, about, at=at)


def _write(
    kind: EventKind,
    about: Iterable[tuple[str, dict[str, Any]]],
    *,
    at: datetime,
    now: datetime | None = None,
) -> None:
    now = now or at
    endpoints = WebhookEndpoint.objects.wanting(kind)
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                event_id=uuid5(_EVENTS, f"{kind} {what}"),
                endpoint_id=endpoint,
                kind=kind,
                payload={"type": kind.value, "timestamp": at.isoformat(), "data": data},
                created_at=now,
                next_attempt_at=now,
                expires_at=now + TRIED_FOR,
            )
            for what, data in about
            for endpoint in endpoints
        ],
        ignore_conflicts=True,
    )


def _of_text(kind: EventKind, text: Message) -> dict[str, Any]:
    data: dict[str, Any] = {
        "message_id": str(text.pk),
        "caregiver_id": text.caregiver_id,
        "cadence": text.cadence,
        "stage": text.stage,
        "occasion": _iso(text.occasion),
    }
    if kind == EventKind.FAILED:
        data |= {"status": str(text.status), "error_code": text.error_code}
    return data


def _of_alert(alert: CareAlert) -> dict[str, Any]:
    return {
        "alert_id": alert.pk,
        "kind": str(alert.kind),
        "caregiver_id": alert.caregiver_id,
        "message_id": str(alert.message_id) if alert.message_id else None,
        "occasion": _iso(alert.occasion),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
