"""What was counted of each week, so that the page of an old week is what was sent."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

# Longer than a mail server is waited for: whoever began to send so long ago is gone.
LEASE = timedelta(minutes=10)


class WeeklyReport(models.Model):
    """The figures of the week that began on `monday`, as counted at `counted_at`, after its end.

    `figures` is what `proactive.weekly.measuring.measure` made of it, on the clock of `time_zone`.
    """

    monday = models.DateField(unique=True)
    time_zone = models.CharField(max_length=64)
    figures = models.JSONField()
    counted_at = models.DateTimeField()
    sending_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when somebody is about to send it by email."
    )
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When it was sent by email.")

    class Meta:
        ordering = ["-monday"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"weekly report of {self.monday:%Y-%m-%d}"

    # Each is one conditional UPDATE and says whether it took place.

    def claim(self, *, now: datetime) -> bool:
        """Whoever gets True sends it; nobody else does, for as long as the lease lasts."""
        free = Q(sending_since=None) | Q(sending_since__lte=now - LEASE)
        return self._change(free, sending_since=now)

    def mark_sent(self, *, now: datetime) -> bool:
        return self._change(Q(), sending_since=None, sent_at=now)

    def release(self) -> bool:
        """It was not taken: the next one may try."""
        return self._change(Q(), sending_since=None)

    def _change(self, expected: Q, **changes: datetime | None) -> bool:
        rows = WeeklyReport.objects.filter(expected, pk=self.pk, sent_at=None)
        if not rows.update(**changes):
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True
