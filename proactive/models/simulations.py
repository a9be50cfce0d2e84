"""What staff asked about another policy, and what came out."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

# One that runs gives a sign every few seconds; without any for so long its process is gone.
SILENT_FOR = timedelta(minutes=2)


class SimulationQuerySet(models.QuerySet["Simulation"]):
    def waiting(self) -> "SimulationQuerySet":
        return self.filter(state=Simulation.State.WAITING)

    def running(self) -> "SimulationQuerySet":
        """Those that were begun and have no end, whether or not they still give a sign."""
        return self.filter(state=Simulation.State.RUNNING)

    def broken_off(self, now: datetime) -> "SimulationQuerySet":
        """Those whose process must be gone at `now`."""
        return self.running().filter(last_sign_at__lt=now - SILENT_FOR)


class Simulation(models.Model):
    """One comparison of today's policy with a changed one, in simulated time.

    `request` is what `proactive.simulation.comparing.Request` reads, `changed` the same in the
    words of the day on which it was asked, `result` what `compare` made of it. Nothing in it is
    about a single person.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"
        BROKEN_OFF = "broken_off", "Broke off"

    question = models.CharField(max_length=200)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="simulations",
    )
    request = models.JSONField(editable=False)
    changed = models.TextField("what is different", blank=True, editable=False)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING, editable=False)
    created_at = models.DateTimeField("asked", default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_sign_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    progress = models.SmallIntegerField(default=0, editable=False, help_text="In percent.")
    result = models.JSONField(null=True, blank=True, editable=False)
    error = models.TextField(blank=True, editable=False, help_text="Why it failed, in words.")

    objects = SimulationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        default_permissions = ("view",)
        permissions = [("simulate", "Can ask what another policy would do")]
        indexes = [
            # Readers: the admin's list, and the daily housekeeping.
            models.Index(fields=["-created_at"], name="simulations_newest_first"),
            # Reader: whoever is about to run the one that has waited longest.
            models.Index(
                fields=["created_at"],
                name="simulations_waiting",
                condition=Q(state="waiting"),
            ),
        ]
        constraints = [
            # Each takes what the machine can spare, for minutes: two would take it from the texts.
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="running"), name="one_simulation_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return self.question

    def state_at(self, now: datetime) -> State:
        """Its state at `now`: broken off as soon as no sign came for too long."""
        if self.state == self.State.RUNNING and (
            self.last_sign_at is None or self.last_sign_at < now - SILENT_FOR
        ):
            return self.State.BROKEN_OFF
        return self.State(self.state)
