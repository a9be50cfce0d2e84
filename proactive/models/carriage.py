"""What stands between us and the carriers: our senders, and who only claims to be one."""

from django.db import models


class Sender(models.Model):
    """A number or messaging service that we send from, and when it may send next.

    One row is shared by all workers, so that together they keep to its pace.
    """

    identity = models.CharField(max_length=64, unique=True)
    next_turn_at = models.DateTimeField(null=True, blank=True)
    busy_until = models.DateTimeField(
        null=True, blank=True, help_text="The provider asked us to wait, or cannot be reached."
    )
    busy_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.identity


class RefusedWebhook(models.Model):
    """How many webhooks without a valid signature came in on one UTC day."""

    day = models.DateField()
    endpoint = models.CharField(max_length=16)
    count = models.IntegerField(default=0)

    class Meta:
        ordering = ["-day", "endpoint"]
        constraints = [
            models.UniqueConstraint(fields=["day", "endpoint"], name="one_count_a_day_and_endpoint")
        ]

    def __str__(self) -> str:
        return f"{self.count} refused at {self.endpoint} on {self.day}"
