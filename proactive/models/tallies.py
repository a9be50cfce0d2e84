"""What was counted of a day's texts, so that not every look at the home page counts them anew."""

from django.db import models


class DayTally(models.Model):
    """The texts that were handed over on one day of one zone, as counted at `counted_at`.

    `by_cadence`: {cadence: {figure: n}}. Only a memory: whatever is missing here is counted from
    the texts themselves (`proactive.tallies`).
    """

    time_zone = models.CharField(max_length=64)
    day = models.DateField()
    by_cadence = models.JSONField(default=dict)
    texts = models.IntegerField(help_text="How many rows a count of this day reads.")
    counted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            # Reader: the home page, which asks for the last days of its zone.
            models.UniqueConstraint(fields=["time_zone", "day"], name="one_tally_a_day")
        ]

    def __str__(self) -> str:
        return f"tally of {self.day:%Y-%m-%d}"
