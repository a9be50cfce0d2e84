"""The people: caregivers, how they are doing, what they wrote, and what happened to them.

State changes go through `caregiving.events`; nothing here knows about outreach.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Right
from django.utils import timezone
from django.utils.formats import date_format

from caregiving import zones
from caregiving.fields import DerivedZonesField, PhoneNumberField, masked
from caregiving.intents import Intent


class JourneyPhase(models.TextChoices):
    ONBOARDING = "onboarding", "Onboarding"
    ACTIVE = "active", "Active"
    CHURNED = "churned", "Churned"


class BurnoutBand(models.TextChoices):
    THRIVING = "thriving", "Thriving"
    MILD = "mild", "Mild"
    MODERATE = "moderate", "Moderate"
    HIGH = "high", "High"
    CRISIS = "crisis", "Crisis"


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    SPANISH = "es", "Spanish"


class CaregiverQuerySet(models.QuerySet["Caregiver"]):
    def active(self) -> "CaregiverQuerySet":
        return self.filter(journey_phase=JourneyPhase.ACTIVE)

    def reachable(self, *, now: datetime) -> "CaregiverQuerySet":
        """Whom a text may go to at all: not opted out, not paused by staff, no dead number."""
        return self.filter(
            Q(outreach_paused_until__isnull=True) | Q(outreach_paused_until__lte=now),
            opted_out_at__isnull=True,
            unreachable_at__isnull=True,
        )

    def gate_before(self, instant: datetime) -> "CaregiverQuerySet":
        """Whose last proactive message is older than `instant`, or who never had one."""
        return self.filter(
            Q(last_proactive_message_at__isnull=True) | Q(last_proactive_message_at__lt=instant)
        )

    def move_gate(self, pk: int, *, to: datetime) -> None:
        """The 24 hours of this person count from `to`, unless they count from later already."""
        self.move_gates([pk], to=to)

    def move_gates(self, pks: Collection[int], *, to: datetime) -> None:
        """The same for several people, in one statement."""
        self.gate_before(to).filter(pk__in=pks).update(last_proactive_message_at=to)

    def in_crisis(self) -> "CaregiverQuerySet":
        return self.filter(burnout_band=BurnoutBand.CRISIS)

    def on_hold(self) -> "CaregiverQuerySet":
        """Of whom nothing may be deleted, however old it is."""
        return self.filter(legal_hold_since__isnull=False)


def _count_within(field: str, most: int) -> models.CheckConstraint:
    """0 to `most`, or null: "never", which counts as 0."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__range": (0, most)}),
        name=f"{field}_in_range",
    )


# Whoever is in crisis meets it, and PostgreSQL sees that they do.
_EVER_IN_CRISIS = Q(burnout_band="crisis") | Q(last_crisis_event_at__isnull=False)


class Caregiver(models.Model):
    """Somebody who looks after a parent, a spouse or a child, and whom we text.

    Null in a counter or a proactive timestamp means "never" and counts as 0.
    """

    phone_number = PhoneNumberField(unique=True, help_text="With country code: +14155552671.")
    first_name = models.CharField(max_length=60, blank=True)
    relationship = models.CharField(max_length=60, blank=True, help_text="daughter, husband, ...")
    care_recipient_name = models.CharField(max_length=60, blank=True)
    zip_code = models.CharField("ZIP code", max_length=10, blank=True)
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        help_text="Such as America/Chicago. Empty: derived from the ZIP code, else the number.",
    )
    derived_zones = DerivedZonesField(max_length=1000, blank=True, editable=False, db_default="")
    language = models.CharField(max_length=8, choices=Language, default=Language.ENGLISH)
    journey_phase = models.CharField(
        max_length=16, choices=JourneyPhase, default=JourneyPhase.ONBOARDING
    )
    burnout_band = models.CharField(max_length=16, choices=BurnoutBand, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    last_contact_at = models.DateTimeField(null=True, blank=True)
    last_assessment_at = models.DateTimeField(null=True, blank=True)
    last_crisis_event_at = models.DateTimeField(null=True, blank=True)
    last_proactive_message_at = models.DateTimeField(null=True, blank=True)

    crisis_followup_count = models.SmallIntegerField(null=True, blank=True)
    reactivation_message_count = models.SmallIntegerField(null=True, blank=True)
    assessment_reminder_count = models.SmallIntegerField(null=True, blank=True)
    onboarding_nudge_count = models.SmallIntegerField(null=True, blank=True)

    wellness_opt_in = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Asked for check-ins although doing well (bands thriving and mild).",
    )
    opted_out_at = models.DateTimeField(null=True, blank=True)
    opted_in_at = models.DateTimeField(
        null=True, blank=True, help_text="Last consent, so that a late opt-out cannot undo it."
    )
    outreach_paused_until = models.DateTimeField(null=True, blank=True)
    unreachable_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when no text can reach this number: a landline, or out of service.",
    )
    unreachable_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    legal_hold_since = models.DateTimeField(
        "legal hold since",
        null=True,
        blank=True,
        help_text="Since when nothing that was written to or by them may be deleted.",
    )
    legal_hold_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="legal hold by",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        # Who asks by this is the deletion of an account, which is rare: neither a check of every
        # row nor an index is worth its lock.
        db_constraint=False,
        db_index=False,
    )
    legal_hold_reason = models.CharField(
        "reason of the legal hold", max_length=500, blank=True, default="", db_default=""
    )

    erased_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When whatever says who they were was taken away, for good.",
    )

    objects = CaregiverQuerySet.as_manager()

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["-created_at"]
        permissions = [
            ("see_number", "Can see whole phone numbers"),
            ("act_on_caregiver", "Can act for people: record, pause, opt out, send now"),
            ("import_caregiver", "Can import people from a file"),
            ("hold_caregiver", "Can put people under a legal hold, and lift it"),
            ("erase_caregiver", "Can erase people for good"),
        ]
        indexes = [
            # Reader: the admin's filter by phase; the churn sweep together with by_silence.
            models.Index(fields=["journey_phase"], name="by_journey"),
            # Readers: the dormant stages and tiers of wellness (silence is a range on it).
            models.Index(fields=["last_contact_at"], name="by_last_contact"),
            # Reader: the wellness tiers, which begin with a band.
            models.Index(fields=["burnout_band"], name="by_burnout"),
            # Reader: the gate, and the admin's "texted last" ordering.
            models.Index(fields=["last_proactive_message_at"], name="by_last_proactive"),
            # Reader: crisis follow-ups (a range on the crisis) and open cascades.
            models.Index(fields=["last_crisis_event_at"], name="by_crisis_event"),
            # Readers: onboarding nudges, and silence of those who never wrote.
            models.Index(fields=["created_at"], name="by_created"),
            # Reader: the search for the end of a number (its beginning has the index that a unique
            # text has). Names are searched with people_by_first_name and people_by_recipient_name,
            # which PostgreSQL alone can have: see the migration 0008_people_lists.
            models.Index(Right("phone_number", 4), name="people_by_last_four"),
            # Readers: the tabs over the list of people, newest first.
            models.Index(
                fields=["-id"], name="people_opted_out", condition=Q(opted_out_at__isnull=False)
            ),
            models.Index(
                fields=["-id"], name="people_unreachable", condition=Q(unreachable_at__isnull=False)
            ),
            models.Index(
                fields=["-id"], name="people_churned", condition=Q(journey_phase="churned")
            ),
            # Reader: the home page, which counts opt-outs of the last days, and its link.
            models.Index(
                fields=["opted_out_at"],
                name="people_by_opt_out",
                condition=Q(opted_out_at__isnull=False),
            ),
            # Reader: the tab "Silent", ordered by when they were heard from.
            models.Index(
                fields=["last_contact_at"],
                name="people_active_by_contact",
                condition=Q(journey_phase="active"),
            ),
            # Readers: the tab "In crisis", ordered by when they were heard from or texted. Else the
            # database may look for them among everybody, from those who left years ago on.
            models.Index(
                fields=["last_contact_at"],
                name="people_crisis_by_contact",
                condition=_EVER_IN_CRISIS,
            ),
            models.Index(
                fields=["last_proactive_message_at"],
                name="people_crisis_by_text",
                condition=_EVER_IN_CRISIS,
            ),
            # Reader: the home page, which counts those in crisis whom no text reaches.
            models.Index(
                fields=["-id"],
                name="people_crisis_unreached",
                condition=_EVER_IN_CRISIS
                & (Q(opted_out_at__isnull=False) | Q(unreachable_at__isnull=False)),
            ),
            # Readers: the same, and `prune`, which counts them.
            models.Index(
                fields=["-id"],
                name="people_on_hold",
                condition=Q(legal_hold_since__isnull=False),
            ),
        ]
        constraints = [
            _count_within("crisis_followup_count", 7),
            _count_within("reactivation_message_count", 3),
            _count_within("assessment_reminder_count", 2),
            _count_within("onboarding_nudge_count", 2),
        ]

    def __str__(self) -> str:
        return "erased person" if self.erased_at else self.first_name or self.masked_number

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        if fields is not None and not {"time_zone", "zip_code", "phone_number"}.isdisjoint(fields):
            # Who moves, moves with their zones.
            kwargs["update_fields"] = {*fields, "derived_zones"}
        super().save(*args, **kwargs)

    @property
    def masked_number(self) -> str:
        """The number for logs and lists: `+1415***2671`."""
        return masked(str(self.phone_number))

    def clean(self) -> None:
        self.first_name = self.first_name.strip()
        if self.time_zone and self.time_zone not in zones.known():
            raise ValidationError(
                {
                    "time_zone": f"{self.time_zone!r} is not an IANA time zone: use a name such "
                    "as America/Chicago, or leave it empty to derive it from the ZIP code or the "
                    "number."
                }
            )


class WellnessScore(models.Model):
    """One self-assessment, 0 (worst) to 100 (best), with the band it puts the person in."""

    # Without an index of its own: by_user begins with it.
    caregiver = models.ForeignKey(
        Caregiver, on_delete=models.CASCADE, related_name="scores", db_index=False
    )
    score = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    burnout_band = models.CharField(max_length=16, choices=BurnoutBand)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "score"
        ordering = ["-created_at"]
        # Readers: a person's trend; backfill_crisis_events (the latest score of each person).
        indexes = [models.Index(fields=["caregiver", "created_at"], name="by_user")]
        constraints = [
            models.CheckConstraint(condition=Q(score__range=(0, 100)), name="score_in_range")
        ]

    def __str__(self) -> str:
        return f"{self.score} ({self.burnout_band})"


class InboundMessage(models.Model):
    """A text that somebody sent us, known or not."""

    # Without an index of its own: inbound_of_person begins with it.
    caregiver = models.ForeignKey(
        Caregiver,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="inbound",
        verbose_name="person",
        db_index=False,
    )
    # Wider than a number: a text may come from `whatsapp:+1...` or from a name.
    from_number = PhoneNumberField(max_length=64, other_senders=True)
    body = models.TextField("words", blank=True)
    media = models.JSONField(
        default=list,
        blank=True,
        db_default=Value([], models.JSONField()),
        help_text='Pictures and other files, kept at the provider: [{"url", "content_type"}].',
    )
    intent = models.CharField(
        "understood as",
        max_length=8,
        choices=Intent,
        blank=True,
        default=Intent.NONE,
        db_default="",
        help_text="What it was understood to ask for.",
    )
    received_at = models.DateTimeField(default=timezone.now)
    # Unique: the provider may repeat a webhook.
    provider_sid = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name = "received text"
        verbose_name_plural = "what people wrote"
        ordering = ["-received_at"]
        indexes = [
            # Reader: what a number wrote before we knew whose it is, when its owner is added and at
            # every sweep.
            models.Index(
                fields=["from_number"],
                name="inbound_of_strangers",
                condition=Q(caregiver__isnull=True),
            ),
            # Reader: the admin's list, newest first.
            models.Index(fields=["-received_at"], name="inbound_newest_first"),
            # Reader: that list, of those that ask for something: few texts do.
            models.Index(
                fields=["intent", "-received_at"],
                name="inbound_of_intent",
                condition=~Q(intent=Intent.NONE),
            ),
            # Reader: a person's stream.
            models.Index(fields=["caregiver", "-received_at"], name="inbound_of_person"),
        ]

    def __str__(self) -> str:
        return f"text received {_in_words(self.received_at)}"


class CrisisEvent(models.Model):
    """A crisis that was recorded, kept after `last_crisis_event_at` has moved on.

    Without it nobody could say what became of the follow-ups that were due for an earlier crisis.
    """

    caregiver = models.ForeignKey(Caregiver, on_delete=models.CASCADE, related_name="crises")
    at = models.DateTimeField()
    source = models.CharField(max_length=40, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(
        null=True, blank=True, help_text="When a newer crisis took its place."
    )
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="When its unsent follow-ups were accounted for."
    )

    class Meta:
        ordering = ["-at"]
        constraints = [
            # A repeated event is the same crisis.
            models.UniqueConstraint(fields=["caregiver", "at"], name="one_crisis_an_instant")
        ]
        indexes = [
            # Reader: the sweep, which accounts for crises that a newer one replaced.
            models.Index(
                fields=["replaced_at"],
                name="crises_to_settle",
                condition=Q(replaced_at__isnull=False, settled_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"crisis {_in_words(self.at)}"


class ConsentChange(models.Model):
    """An opt-out or opt-in as it was recorded: when, and where it came from."""

    caregiver = models.ForeignKey(Caregiver, on_delete=models.CASCADE, related_name="consents")
    opted_in = models.BooleanField()
    at = models.DateTimeField()
    source = models.CharField(max_length=40, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["caregiver", "opted_in", "at"], name="one_consent_change_an_instant"
            )
        ]

    def __str__(self) -> str:
        return f"{'opt-in' if self.opted_in else 'opt-out'} {_in_words(self.at)}"


class ErasedOptOut(models.Model):
    """That a number had opted out when its owner was erased: see `caregiving.erasing`.

    `digest`: a keyed hash of the number. `key_id` tells which key that was.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    key_id = models.CharField(max_length=16)
    opted_out_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"opt-out of {_in_words(self.opted_out_at)}"


class ImportUpload(models.Model):
    """A CSV file between the look at what it would do and the decision to do it.

    In the database, since the next request may reach another host; kept for an hour at most
    (`caregiving.importing_uploads`), as it is full of people.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    content = models.BinaryField(help_text="Compressed by zlib.")
    preview = models.JSONField(help_text="What it would have done when it came, or has done.")
    created_at = models.DateTimeField()
    imported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


def _in_words(instant: datetime) -> str:
    """By the clock of the service: `Tue 24 Nov 2026 05:14`."""
    return date_format(timezone.localtime(instant), "DATETIME_FORMAT")


# Django looks for models here.
from caregiving.convex.models import ConvexImport, ConvexPerson  # noqa: E402, F401
