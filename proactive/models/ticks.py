"""How ticks went, and when they stayed away: what somebody outside of the worker can see of it."""

from django.db import models


class TickPart(models.Model):
    """How often a part of the tick has run, how long it took, and how it ended; one row for each.

    The whole tick has a row too, named TICK. Counts are of all workers on all hosts, and only ever
    grow. `seconds` is of all runs together, `last_seconds` of the last one.
    """

    TICK = "tick"

    name = models.CharField(max_length=40, unique=True)
    runs = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    last_seconds = models.FloatField(default=0)
    ended_at = models.DateTimeField(help_text="When it last came to its end, failed or not.")
    succeeded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def failed_last(self) -> bool:
        return self.succeeded_at is None or self.succeeded_at < self.ended_at


class TickOutage(models.Model):
    """A time without a tick that went through, and whom it was told.

    `began_at`: when the last one before it did. `telling_until`: a watcher is sending an email
    until then; if it dies meanwhile, another may.
    """

    began_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_told_at = models.DateTimeField(null=True, blank=True)
    telling_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["-began_at"]
        constraints = [
            # Two watchers that see it at the same moment are one outage.
            models.UniqueConstraint(fields=["began_at"], name="one_outage_at_a_time")
        ]

    def __str__(self) -> str:
        return f"no tick since {self.began_at:%Y-%m-%d %H:%M} UTC"
