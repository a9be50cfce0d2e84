"""What a person must look at."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.models.messages import Message


class CareAlert(models.Model):
    """Something that a person must look at."""

    class Kind(models.TextChoices):
        CASCADE_UNANSWERED = "cascade_unanswered", "Crisis follow-ups ended without an answer"
        FOLLOWUP_MISSED = "followup_missed", "A crisis follow-up did not go out in time"
        FOLLOWUP_FAILED = "followup_failed", "A crisis follow-up could not be delivered"
        OUTCOME_UNKNOWN = "outcome_unknown", "Nobody knows whether a text arrived"
        FOLLOWUP_STUCK = "followup_stuck", "A crisis follow-up is past its time and has no end"
        FOLLOWUP_UNACCOUNTED = "followup_unaccounted", "A crisis follow-up was lost sight of"
        DUPLICATE = "duplicate", "A text may have gone out twice"
        SENDING_HALTED = "sending_halted", "Sending stopped: our own configuration"
        SWEEP_HELD = "sweep_held", "A sweep stopped: far more texts than usual"
        WEBHOOK_OFF = "webhook_off", "An app no longer hears what outreach did"

    # Those that keep a crisis follow-up from somebody, or leave one without an answer.
    CRISIS = (
        Kind.CASCADE_UNANSWERED,
        Kind.FOLLOWUP_MISSED,
        Kind.FOLLOWUP_FAILED,
        Kind.FOLLOWUP_STUCK,
        Kind.FOLLOWUP_UNACCOUNTED,
        # While these are open nobody gets a follow-up.
        Kind.SENDING_HALTED,
        Kind.SWEEP_HELD,
    )

    NEXT_STEP: dict[str, str] = {
        Kind.CASCADE_UNANSWERED: "Call them. Once you have reached them, record the contact on "
        "their page and resolve this.",
        Kind.FOLLOWUP_MISSED: "Read the detail for what held it up, mend that if it can be "
        "mended, and call them: its words would come too late now.",
        Kind.FOLLOWUP_FAILED: "Call them. If the number is wrong, correct it on their page: "
        "later follow-ups then go to the new one.",
        Kind.OUTCOME_UNKNOWN: "Find out whether it arrived: the provider's log shows it, or ask "
        "them. Then say so on the page of the text, which resolves this.",
        Kind.FOLLOWUP_STUCK: "Look at the page of the text. If sending is on and it does not move, "
        "tell an operator, and call them meanwhile.",
        Kind.FOLLOWUP_UNACCOUNTED: "Call them, and tell an operator: the system has lost what it "
        "must not lose.",
        Kind.DUPLICATE: "Look whether both arrived. If they did, a word of apology may be right; "
        "tell an operator either way.",
        Kind.SENDING_HALTED: "Have the settings mended that the detail names. Then send a test "
        "text from the switches: if it is taken, sending goes on and this resolves itself.",
        Kind.SWEEP_HELD: "Open the sweep under Sweeps and look at who is due. If they are as many "
        "as they should be, let it go on; else tell an operator before anything is sent.",
        Kind.WEBHOOK_OFF: "Tell an administrator, and whoever runs the app that the detail names. "
        "Once it answers again, the administrator switches its webhook on, has what it missed "
        "delivered again, and resolves this.",
    }

    kind = models.CharField(max_length=32, choices=Kind)
    # Without an index of its own: alerts_of_person begins with it.
    caregiver = models.ForeignKey(
        Caregiver,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="alerts",
        db_index=False,
    )
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts"
    )
    occasion = models.DateTimeField(null=True, blank=True)
    detail = models.TextField(blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed_alerts",
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was sent on by email, as nobody had claimed it."
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="resolved_alerts",
    )
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["opened_at"]
        constraints = [
            # Whatever finds it twice opens it once.
            models.UniqueConstraint(
                fields=["kind", "message"],
                condition=Q(message__isnull=False),
                name="one_alert_per_kind_and_message",
            ),
            models.UniqueConstraint(
                fields=["kind", "caregiver", "occasion"],
                condition=Q(
                    message__isnull=True, caregiver__isnull=False, resolved_at__isnull=True
                ),
                name="one_open_alert_per_kind_and_occasion",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(caregiver__isnull=True, resolved_at__isnull=True),
                name="one_open_alert_per_kind_of_trouble",
            ),
        ]
        indexes = [
            # Reader: the list of what nobody has resolved yet, oldest first.
            models.Index(
                fields=["opened_at"], name="alerts_open", condition=Q(resolved_at__isnull=True)
            ),
            # Readers: the lists of all alerts and of those that are resolved, newest first.
            models.Index(fields=["-opened_at", "-id"], name="alerts_newest_first"),
            # Reader: those lists, of one kind.
            models.Index(fields=["kind", "-opened_at"], name="alerts_of_kind"),
            # Reader: a person's stream.
            models.Index(fields=["caregiver", "-opened_at"], name="alerts_of_person"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def next_step(self) -> str:
        """What to do next, in words; "" for a kind that is no more."""
        return self.NEXT_STEP.get(self.kind, "")
