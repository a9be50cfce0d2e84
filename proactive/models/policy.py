"""What staff decide: the words, and what is switched on."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from caregiving.models import Language


class MessageTemplate(models.Model):
    """The words of one stage or tier in one language. Staff edit them; a deploy never does."""

    cadence = models.CharField(max_length=32)
    stage = models.SmallIntegerField(null=True, blank=True)
    tier = models.CharField(max_length=32, blank=True)
    language = models.CharField(max_length=8, choices=Language, default=Language.ENGLISH)
    body = models.TextField(
        help_text="Placeholders: $first_name, $care_recipient_name, $service_name."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "wording"
        verbose_name_plural = "words"
        ordering = ["cadence", "stage", "tier", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["cadence", "stage", "language"],
                condition=Q(stage__isnull=False),
                name="one_wording_per_stage_and_language",
            ),
            models.UniqueConstraint(
                fields=["cadence", "tier", "language"],
                condition=Q(stage__isnull=True),
                name="one_wording_per_tier_and_language",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.of_what()} ({self.get_language_display()})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # A bad placeholder would be found out by the person who gets the text: refuse it here,
        # whichever way the row is written.
        self.clean()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        from proactive import wording  # it reads these rows

        try:
            wording.validate(self.body)
        except ValueError as error:
            raise ValidationError({"body": str(error)}) from error

    def of_what(self) -> str:
        """`Crisis follow-up 3`, `Wellness check-in, crisis recent`."""
        label = _in_words(self.cadence)
        return f"{label} {self.stage}" if self.stage else f"{label}, {self.tier.replace('_', ' ')}"


class CadenceSwitch(models.Model):
    """On, off, or paused until a time: one cadence, or everything. No row means on."""

    EVERYTHING = "everything"

    cadence = models.CharField(max_length=32, unique=True)
    is_on = models.BooleanField("on", default=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    halted = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Switched off by the system: a test text that arrives switches it on again.",
    )
    share = models.SmallIntegerField(
        default=100,
        db_default=100,
        help_text="For how many percent of people it is on, while it is on: the same people each "
        "time, and more as it grows.",
    )
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="changed_switches",
        help_text="Nobody: the system itself, or the command line.",
    )

    class Meta:
        ordering = ["cadence"]
        constraints = [
            models.CheckConstraint(condition=Q(share__range=(0, 100)), name="share_in_range")
        ]
        permissions = [("change_policy", "Can change the policy: words and switches")]
        verbose_name = "switch"
        verbose_name_plural = "switches"

    def __str__(self) -> str:
        return "All sending" if self.cadence == self.EVERYTHING else _in_words(self.cadence)

    def is_open(self, now: datetime) -> bool:
        return self.is_on and (self.paused_until is None or self.paused_until <= now)

    def words(self) -> str:
        if not self.is_on:
            return "off"
        return f"paused until {self.paused_until:%Y-%m-%d %H:%M} UTC" if self.paused_until else "on"


def _in_words(cadence: str) -> str:
    from proactive.cadences import BY_NAME  # its rules ask about models

    return BY_NAME[cadence].label if cadence in BY_NAME else cadence
