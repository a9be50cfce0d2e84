"""Whom outreach tells what it did, and each thing that is to be told: the outbox of webhooks."""

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

# So long a process may go by the endpoints that it has read: nothing that concerns people asks the
# database for each text who wants to hear of it.
FRESH_SECONDS = 5.0


class EventKind(models.TextChoices):
    """What can be told; docs/webhooks.md shows each."""

    SENT = "message.sent", "A text was taken by the provider"
    DELIVERED = "message.delivered", "A text arrived"
    FAILED = "message.failed", "A text was refused, or did not arrive"
    REPLIED = "message.replied", "Somebody answered a text"
    ALERT_OPENED = "alert.opened", "A care alert was opened"
    OPTED_OUT = "caregiver.opted_out", "Somebody asked for no more texts"
    CHURNED = "caregiver.churned", "Somebody stayed silent: nothing more is sent"


class _Subscriptions:
    """Which enabled endpoints want what, as this process has last read it."""

    def __init__(self) -> None:
        self.by_kind: dict[str, tuple[int, ...]] = {}
        self.good_until = 0.0


_subscriptions = _Subscriptions()


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def wanting(self, kind: EventKind) -> tuple[int, ...]:
        """Keys of the enabled endpoints that want to hear of `kind`.

        Asks the database no more often than every `FRESH_SECONDS`: so long another process may take
        to hear of an endpoint that was just added. An endpoint is never deleted, so that its key
        stays good.
        """
        if time.monotonic() >= _subscriptions.good_until:
            found: dict[str, list[int]] = {}
            for key, kinds in self.filter(enabled=True).order_by("pk").values_list("pk", "kinds"):
                for name in kinds:
                    found.setdefault(name, []).append(key)
            _subscriptions.by_kind = {name: tuple(keys) for name, keys in found.items()}
            _subscriptions.good_until = time.monotonic() + FRESH_SECONDS
        return _subscriptions.by_kind.get(kind, ())

    def forget(self) -> None:
        """Have this process read anew who wants what."""
        _subscriptions.good_until = 0.0

    def assume_none(self) -> None:
        """Have this process ask nobody and tell nobody, until `forget`. For tests."""
        _subscriptions.by_kind, _subscriptions.good_until = {}, float("inf")


class WebhookEndpoint(models.Model):
    """One address that hears of some kinds of events; its secret is made in `hooks.keys`.

    Never deleted, only switched off: what it was told stands beside its name.
    """

    name = models.CharField(
        max_length=60, unique=True, help_text="Who listens, such as: assistant, care app."
    )
    url = models.CharField(
        "address",
        max_length=500,
        help_text="https://... of whoever listens. Nobody else is told: no redirect is followed.",
    )
    kinds = models.JSONField(default=list, help_text="What it hears of; nothing else.")
    enabled = models.BooleanField(default=True, editable=False)
    disabled_at = models.DateTimeField("off since", null=True, blank=True, editable=False)
    disabled_why = models.CharField("why it is off", max_length=300, blank=True, editable=False)
    prefix = models.CharField(
        "begins with", max_length=16, editable=False, help_text="To tell which secret it is."
    )
    # Of the secret only what it is derived from, together with SECRET_KEY; and its digest, by which
    # it shows that SECRET_KEY is another one since.
    salt = models.CharField(max_length=64, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    former_salt = models.CharField(max_length=64, blank=True, editable=False)
    former_until = models.DateTimeField(
        "signed with the old secret too until", null=True, blank=True, editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="webhook_endpoints",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_succeeded_at = models.DateTimeField("last took one", null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since then it has taken none."
    )

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        default_permissions = ("view", "add", "change")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        WebhookEndpoint.objects.forget()


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def waiting(self) -> "WebhookDeliveryQuerySet":
        """Those that are still to be taken, by an endpoint that is on or one that is off."""
        return self.filter(next_attempt_at__isnull=False)

    def due(self, *, now: datetime) -> "WebhookDeliveryQuerySet":
        return self.filter(next_attempt_at__lte=now, expires_at__gt=now)

    def expired(self, *, now: datetime) -> "WebhookDeliveryQuerySet":
        """Those to give up: nobody took them in time."""
        return self.filter(next_attempt_at__lte=now, expires_at__lte=now)


class WebhookDelivery(models.Model):
    """One event for one endpoint, written in the transaction of what it tells of.

    It waits while `next_attempt_at` is set, and ends as delivered or given up; a replay has it wait
    again. Whoever is sending it has moved `next_attempt_at` to the end of a lease.
    """

    event_id = models.UUIDField(
        editable=False, help_text="The same in each attempt, and in a replay."
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    kind = models.CharField(max_length=32, choices=EventKind)
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField("given up after")
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_status = models.SmallIntegerField("last answer", null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("replay_webhookdelivery", "Can have webhooks delivered again")]
        constraints = [
            # What is found twice is told once.
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="one_delivery_per_event")
        ]
        indexes = [
            # Reader: whoever sends, one endpoint after the other.
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                name="webhooks_waiting",
                condition=models.Q(next_attempt_at__isnull=False),
            ),
            # Readers of both: the daily housekeeping, the list by outcome and the metrics.
            models.Index(
                fields=["delivered_at"],
                name="webhooks_delivered",
                condition=models.Q(delivered_at__isnull=False),
            ),
            models.Index(
                fields=["given_up_at"],
                name="webhooks_given_up",
                condition=models.Q(given_up_at__isnull=False),
            ),
            # Readers: the list of one endpoint or of one kind, newest first.
            models.Index(fields=["endpoint", "-id"], name="webhooks_of_endpoint"),
            models.Index(fields=["kind", "-id"], name="webhooks_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.endpoint}"

    @property
    def state(self) -> str:
        if self.delivered_at is not None:
            return "delivered"
        if self.given_up_at is not None:
            return "given up"
        return "failing" if self.attempts else "waiting"
