"""What staff did: who, when, to what, why, and from which value to which."""

from typing import Any, NoReturn

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from caregiving.models import Caregiver


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit is only ever added to")

    def delete(self) -> NoReturn:
        raise TypeError("the audit is only ever added to")

    def blank(self) -> int:
        """For the erasure of a person alone: of each entry who, when, what act and to what stay."""
        return super().update(says="erased", reason="", target_label="", changes={})


class AuditEntry(models.Model):
    """One thing that somebody did. Written once, in the transaction of what it tells of.

    `changes`: {field: [before, after]}. `by` nobody: the command line, or what `via` names.
    """

    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        # Who has done something here is deactivated, not deleted.
        on_delete=models.PROTECT,
        related_name="audit_entries",
    )
    action = models.CharField(max_length=40)
    says = models.CharField(max_length=300, help_text="What was done, in words.")
    reason = models.TextField(blank=True)
    target_type = models.CharField(
        max_length=100, blank=True, help_text="Such as proactive.carealert."
    )
    target_id = models.CharField(max_length=40, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    caregiver = models.ForeignKey(
        Caregiver, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_entries"
    )
    changes = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    via = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text="Through what it came in, where nobody of the staff did it, "
        "such as API: assistant.",
    )
    happened_at = models.DateTimeField(
        null=True, blank=True, help_text="When it happened, where we heard of it only later."
    )

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        default_permissions = ("view",)
        permissions = [("export_list", "Can export lists as CSV")]
        verbose_name = "audit entry"
        verbose_name_plural = "audit"
        indexes = [
            # Reader: the audit, newest first.
            models.Index(fields=["-at"], name="audit_newest_first"),
            # Reader: the audit, of one action.
            models.Index(fields=["action", "-at"], name="audit_of_action"),
            # Reader: a person's stream.
            models.Index(fields=["caregiver", "-at"], name="audit_of_person"),
            # Reader: the history of one row, such as a template's.
            models.Index(fields=["target_type", "target_id", "-at"], name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return self.says

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit is only ever added to")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit is only ever added to")
