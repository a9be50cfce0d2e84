"""Who may call the API, and what came of each thing that they told us."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

# As long as the column that keeps where a crisis or a consent was heard of, less "API: ".
LONGEST_NAME = 35
LONGEST_KEY = 100


class Scope(models.TextChoices):
    """What a token allows, each by itself: none includes another."""

    WRITE_EVENTS = "events:write", "Tell what happened: contacts, crises, scores, consent"
    READ_CAREGIVERS = "caregivers:read", "Read a person, why they hear from us, and what comes"
    WRITE_CAREGIVERS = "caregivers:write", "Add people, and change their profiles"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def with_digest(self, digest: str, *, now: datetime) -> "ApiTokenQuerySet":
        """Whose secret this is the digest of: the present one, or the one before for a while."""
        return self.filter(Q(digest=digest) | Q(former_digest=digest, former_until__gt=now))


class ApiToken(models.Model):
    """One client of the API. Of its secret only a digest is kept; see `proactive.api.tokens`."""

    name = models.CharField(
        max_length=LONGEST_NAME,
        unique=True,
        help_text="Who calls, such as: assistant, phone line. It stands beside what they tell us.",
    )
    scopes = models.JSONField(default=list, help_text="What it allows; nothing else.")
    prefix = models.CharField(
        "begins with", max_length=16, editable=False, help_text="To tell which secret it is."
    )
    # Reader of both: every request.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    former_digest = models.CharField(  # noqa: DJ001
        max_length=64, unique=True, null=True, editable=False
    )
    former_until = models.DateTimeField(
        "old secret works until", null=True, blank=True, editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="api_tokens",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on it is refused. Empty: never."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(
        "last used", null=True, blank=True, editable=False, help_text="To the minute."
    )
    requests = models.IntegerField(
        default=0,
        editable=False,
        help_text="How many came in the minute in which it was last used.",
    )

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["name"]
        default_permissions = ("view", "add")
        permissions = [("end_apitoken", "Can rotate and revoke API tokens")]

    def __str__(self) -> str:
        return self.name

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def allows(self, scope: str) -> bool:
        return scope in self.scopes


class ApiReceipt(models.Model):
    """What was done once under one idempotency key, so that a repeat gets the same answer.

    Written in the transaction of what it tells of. `digest` is of what was told, which is itself
    not kept here. Pruned by `proactive.housekeeping`.
    """

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="receipts")
    key = models.CharField(max_length=LONGEST_KEY)
    digest = models.CharField(max_length=64)
    result = models.JSONField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        # Reader: whoever is about to do it, and a repeat; the second of two at once fails here.
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="one_receipt_a_key")]
        # Reader: the daily housekeeping.
        indexes = [models.Index(fields=["received_at"], name="receipts_by_age")]

    def __str__(self) -> str:
        return self.key
