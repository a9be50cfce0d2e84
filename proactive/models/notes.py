"""What staff write down about a person."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format

from caregiving.models import Caregiver


class Note(models.Model):
    """A remark of staff about a person, kept as it was written."""

    caregiver = models.ForeignKey(Caregiver, on_delete=models.CASCADE, related_name="notes")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notes_written"
    )
    at = models.DateTimeField(default=timezone.now)
    body = models.TextField()

    class Meta:
        ordering = ["-at"]
        default_permissions = ("add", "view")
        # Reader: a person's stream.
        indexes = [models.Index(fields=["caregiver", "-at"], name="notes_of_person")]

    def __str__(self) -> str:
        return f"note of {date_format(timezone.localtime(self.at), 'DATETIME_FORMAT')}"
