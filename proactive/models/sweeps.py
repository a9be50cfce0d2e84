"""Each pass over everybody."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format


class Sweep(models.Model):
    """One pass: who was due, what was decided. `now` is the instant that it decided for.

    Some sweeps also counted who was owed a text and got none: see `proactive.deferring`.
    """

    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    now = models.DateTimeField()
    dry_run = models.BooleanField(default=False)
    counts = models.JSONField(
        default=dict, help_text='{"queued": {cadence: n}, "superseded": {cadence: n}, "churned": n}'
    )
    error = models.TextField(blank=True, help_text="What ended it early; what was done is kept.")
    texts_queued = models.IntegerField(default=0, db_default=0)
    held = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="Why it queued nothing and asks a person instead.",
    )
    approved_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person let it go on all the same."
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="approved_sweeps",
    )

    # What a dry run would have queued; not stored.
    planned: Sequence[Any] = ()

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            # Reader: the admin's list, newest first.
            models.Index(fields=["-started_at"], name="sweeps_newest_first"),
            # Reader: the admin's list of those that were held, ended early or only tried: there are
            # few, and half a million others a year.
            models.Index(
                fields=["-started_at"],
                name="sweeps_out_of_the_ordinary",
                condition=~Q(held="") | ~Q(error="") | Q(dry_run=True),
            ),
            # Readers: the badge on every page and /health/, which ask when one last ended.
            models.Index(
                fields=["-finished_at"],
                name="sweeps_finished",
                condition=Q(dry_run=False, finished_at__isnull=False),
            ),
            # Reader: the blast guard, which asks how many texts a sweep usually queues.
            models.Index(
                fields=["now"],
                name="sweeps_that_queued",
                condition=Q(texts_queued__gt=0, dry_run=False),
            ),
            # Reader: a sweep that may go on because a person has looked at the one held before.
            models.Index(
                fields=["approved_at"],
                name="sweeps_approved",
                condition=Q(approved_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        at = date_format(timezone.localtime(self.now), "DATETIME_FORMAT")
        return f"sweep of {at}" + (" (dry run)" if self.dry_run else "")
