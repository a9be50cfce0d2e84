"""Every outbound text, from queued to its end."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.models.bulk import ByKey
from proactive.models.sweeps import Sweep


class Status(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    UNDELIVERED = "undelivered", "Undelivered"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    CANCELLED = "cancelled", "Cancelled"
    SUPERSEDED = "superseded", "Superseded"


# What the provider says of a text that it took. Its reports come in any order and more than once:
# one moves a text up this list, never down. A receipt outranks a failure, for the phone has it.
RANKED = (Status.SENT, Status.FAILED, Status.UNDELIVERED, Status.DELIVERED)

# A text that may still be handed to the provider. One person has at most one of them.
WAITING = (Status.QUEUED, Status.SENDING)

# What the provider's answer moves to `sent`, unless its report was faster.
TAKEN_UNSEEN = (Status.SENDING, Status.UNKNOWN)


class MessageQuerySet(models.QuerySet["Message"]):
    def queued(self) -> "MessageQuerySet":
        return self.filter(status=Status.QUEUED)

    def waiting(self) -> "MessageQuerySet":
        return self.filter(status__in=WAITING)

    def ready(self, *, now: datetime) -> "MessageQuerySet":
        """Queued and not backing off, in the order in which delivery takes them."""
        return (
            self.queued()
            .filter(Q(retry_at__isnull=True) | Q(retry_at__lte=now))
            .order_by("priority", "queued_at", "pk")
        )

    def submitted(self) -> "MessageQuerySet":
        """Those that reached the provider, or may have."""
        return self.filter(
            status__in=(Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.UNKNOWN)
        )

    def standing(self) -> "MessageQuerySet":
        """Those that fill their obligation: all but what was given back."""
        return self.exclude(status=Status.CANCELLED)

    # --- Transitions of many at once, each one conditional UPDATE that says how many it moved ---

    def mark_sending(self, keys: Collection[UUID], *, now: datetime) -> int:
        return (
            self.queued()
            .filter(pk__in=keys)
            .update(
                status=Status.SENDING,
                attempt_started_at=now,
                attempts=F("attempts") + 1,
                retry_at=None,
            )
        )

    def mark_sent(
        self, sids: Mapping[UUID, str], *, now: datetime, look_up_at: datetime | None
    ) -> int:
        """`sids`: by key, what the provider calls the text that it took."""
        return self.filter(pk__in=sids, status__in=TAKEN_UNSEEN).update(
            status=Status.SENT,
            sent_at=now,
            provider_sid=ByKey("pk", sids),
            look_up_at=look_up_at,
            reason="",
            error_code="",
        )


class Message(models.Model):
    """One outbound proactive text, from queued to its end.

    queued -> sending -> sent -> delivered | undelivered; and failed, unknown, cancelled (given
    back: may be planned again), superseded (overtaken: never submitted, kept as a record).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Without an index of its own: messages_of_person begins with it.
    caregiver = models.ForeignKey(
        Caregiver,
        on_delete=models.PROTECT,
        related_name="messages",
        verbose_name="person",
        db_index=False,
    )
    sweep = models.ForeignKey(
        Sweep, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    to_number = models.CharField(max_length=16)
    cadence = models.CharField(max_length=32)
    stage = models.SmallIntegerField(null=True, blank=True)
    tier = models.CharField(max_length=32, blank=True)
    occasion = models.DateTimeField(
        null=True, blank=True, help_text="The event that earned it: this crisis, this silence."
    )
    priority = models.SmallIntegerField(default=0, help_text="Lower goes first.")
    body = models.TextField(blank=True)
    segments = models.SmallIntegerField(default=0)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    because = models.TextField(
        blank=True, help_text="Why it was queued: what its own rules said at that moment."
    )
    reason = models.TextField(blank=True, help_text="Why it ended as it did.")
    queued_at = models.DateTimeField(default=timezone.now)
    gate_before = models.DateTimeField(
        null=True, blank=True, help_text="last_proactive_message_at before the claim."
    )
    attempts = models.SmallIntegerField(default=0)
    attempt_started_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True, help_text="Backing off until then.")
    look_up_at = models.DateTimeField(
        null=True, blank=True, help_text="When to ask the provider what became of it."
    )
    lookups = models.SmallIntegerField(
        default=0, db_default=0, help_text="How often the provider was asked what became of it."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    replied_at = models.DateTimeField(null=True, blank=True)
    provider_sid = models.CharField(max_length=64, null=True, blank=True, unique=True)
    error_code = models.CharField(max_length=16, blank=True)
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="ordered_messages",
        # On the largest table neither a check of every row nor an index is worth its lock: who
        # asks by this is the deletion of an account, which is rare.
        db_constraint=False,
        db_index=False,
        help_text="Who of the staff had it sent; nobody: a sweep.",
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = "text"
        ordering = ["-queued_at"]
        permissions = [
            ("see_body", "Can read what texts say"),
            ("settle_message", "Can say what became of a text whose outcome is unknown"),
        ]
        constraints = [
            # Promise "once": each stage of each occasion has one text, unless it was given back.
            models.UniqueConstraint(
                fields=["caregiver", "cadence", "occasion", "stage"],
                condition=~Q(status=Status.CANCELLED),
                name="once_per_stage_and_occasion",
            ),
            # Promise "cap", for when delivery has been down for longer than the gate lasts.
            models.UniqueConstraint(
                fields=["caregiver"],
                condition=Q(status__in=WAITING),
                name="one_waiting_per_person",
            ),
        ]
        indexes = [
            # Reader: delivery, which takes what is queued in this order. A sweep queues thousands
            # at one instant: without the key each batch would sort them all.
            models.Index(
                fields=["priority", "queued_at", "id"],
                name="messages_in_line",
                condition=Q(status=Status.QUEUED),
            ),
            # Reader: reconciliation, which looks for what has been under way for too long.
            models.Index(
                fields=["attempt_started_at"],
                name="messages_unsettled",
                condition=Q(status__in=[Status.SENDING, Status.UNKNOWN]),
            ),
            # Reader: reconciliation, which asks the provider what became of these.
            models.Index(
                fields=["look_up_at"],
                name="messages_to_look_up",
                condition=Q(look_up_at__isnull=False),
            ),
            # Reader: reconciliation, which looks for vital texts that outlasted their time.
            models.Index(
                fields=["occasion"],
                name="messages_without_end",
                condition=Q(status__in=[Status.QUEUED, Status.SENDING, Status.UNKNOWN]),
            ),
            # Reader: a person's history, newest first.
            models.Index(fields=["caregiver", "-queued_at"], name="messages_of_person"),
            # Reader: the admin's message log, newest first.
            models.Index(fields=["-queued_at"], name="messages_newest_first"),
            # Reader: the home page, which counts what was handed over in a range of days.
            models.Index(
                fields=["attempt_started_at"],
                name="messages_handed_over",
                condition=Q(attempt_started_at__isnull=False),
            ),
            # Reader: the home page's link to what did not arrive in a range of days.
            models.Index(
                fields=["attempt_started_at"],
                name="messages_not_arrived",
                condition=Q(status__in=[Status.FAILED, Status.UNDELIVERED]),
            ),
            # Reader: the log filtered by status.
            # What is queued or delivered is found without it: the one is little and has its own
            # index, the other is most of what the log shows anyway.
            models.Index(
                fields=["status", "-queued_at"],
                name="messages_by_outcome",
                condition=Q(
                    status__in=[
                        Status.SENT,
                        Status.FAILED,
                        Status.UNDELIVERED,
                        Status.UNKNOWN,
                        Status.CANCELLED,
                        Status.SUPERSEDED,
                    ]
                ),
            ),
            # Reader: the log filtered by cadence.
            models.Index(fields=["cadence", "-queued_at"], name="messages_of_cadence"),
            # Reader: the log filtered by stage: check-ins, which are most texts, have none.
            models.Index(
                fields=["stage", "-queued_at"],
                name="messages_of_stage",
                condition=Q(stage__isnull=False),
            ),
            # Reader: the log filtered by when a text was sent.
            models.Index(
                fields=["sent_at"], name="messages_sent", condition=Q(sent_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        from proactive.naming import in_words  # the declarations that it reads ask about models

        return f"{in_words(self.cadence, self.stage)} to {self.caregiver}"

    # Transitions. Each is one conditional UPDATE and says whether it took place: whoever comes
    # second (another worker, a callback that overtook the answer) changes nothing.

    def mark_sent(
        self, *, now: datetime, provider_sid: str, look_up_at: datetime | None = None
    ) -> bool:
        return self._move(
            TAKEN_UNSEEN,
            status=Status.SENT,
            sent_at=now,
            provider_sid=provider_sid,
            look_up_at=look_up_at,
            reason="",
            error_code="",
        )

    def mark_failed(self, *, code: str, reason: str) -> bool:
        return self._move((Status.SENDING,), status=Status.FAILED, error_code=code, reason=reason)

    def mark_unknown(self, *, reason: str, look_up_at: datetime | None = None) -> bool:
        return self._move(
            (Status.SENDING,), status=Status.UNKNOWN, reason=reason, look_up_at=look_up_at
        )

    def claim_look_up(self, *, next_at: datetime | None) -> bool:
        """Whoever sets the next look-up makes this one."""
        return self._change(Q(look_up_at=self.look_up_at), look_up_at=next_at)

    def count_look_up(self) -> None:
        self._change(Q(), lookups=F("lookups") + 1)

    def mark_settled(self, *, now: datetime, reason: str) -> bool:
        """A person decided that it arrived."""
        return self._move(
            (Status.UNKNOWN,), status=Status.SENT, sent_at=now, look_up_at=None, reason=reason
        )

    def mark_queued_again(self, *, retry_at: datetime | None, code: str, reason: str) -> bool:
        """The provider never took it: it waits for its next attempt."""
        return self._move(
            (Status.SENDING,),
            status=Status.QUEUED,
            attempt_started_at=None,
            retry_at=retry_at,
            error_code=code,
            reason=reason,
        )

    def mark_cancelled(self, *, reason: str) -> bool:
        return self._move((Status.QUEUED,), status=Status.CANCELLED, reason=reason, retry_at=None)

    def mark_given_up(self, *, reason: str) -> bool:
        """A person decided that it did not arrive: the stage may be planned again.

        It is looked for all the same: a list that lags by hours may still show it in time.
        """
        return self._move((Status.UNKNOWN,), status=Status.CANCELLED, reason=reason)

    def mark_reported(
        self,
        status: Status,
        *,
        now: datetime,
        provider_sid: str,
        look_up_at: datetime | None,
        code: str = "",
        reason: str = "",
    ) -> bool:
        """The provider has it, as `provider_sid`: `status` by rank, never backwards.

        Whatever we had thought of a text without a SID yields to the provider's word.
        """
        news = Q(provider_sid__isnull=True) | Q(
            provider_sid=provider_sid, status__in=_below(status)
        )
        return self._change(
            news,
            # It is never taken back: one that is known need not be asked for.
            sent_at=self.sent_at or Coalesce("sent_at", Value(now)),
            provider_sid=provider_sid,
            look_up_at=look_up_at,
            **reported_as(status, now=now, code=code, reason=reason),
        )

    def is_news(self, status: Status, *, provider_sid: str) -> bool:
        """Whether `mark_reported` would take place, by what this instance knows."""
        if self.provider_sid is None:
            return True
        return self.provider_sid == provider_sid and self.status in _below(status)

    def note_report(self, *, provider_sid: str, code: str) -> bool:
        """What was given up did not get there, as was thought: it stays given up."""
        return self._change(
            Q(status=Status.CANCELLED, provider_sid__isnull=True),
            provider_sid=provider_sid,
            error_code=code,
            look_up_at=None,
        )

    def mark_withdrawn(self, *, reason: str) -> bool:
        """What was planned, or recorded, in place of a text that has gone out after all."""
        return self._move(
            (Status.QUEUED, Status.SUPERSEDED),
            status=Status.CANCELLED,
            reason=reason,
            retry_at=None,
        )

    def mark_replied(self, *, now: datetime) -> bool:
        return self._change(Q(replied_at__isnull=True), replied_at=now)

    def _move(self, expected: tuple[Status, ...], **changes: Any) -> bool:
        return self._change(Q(status__in=expected), **changes)

    def _change(self, expected: Q, **changes: Any) -> bool:
        if not Message.objects.filter(expected, pk=self.pk).update(**changes):
            return False
        # What the database has worked out is read back; the rest is known.
        computed = [name for name, value in changes.items() if hasattr(value, "resolve_expression")]
        for name in changes.keys() - computed:
            setattr(self, name, changes[name])
        if computed:
            self.refresh_from_db(fields=computed)
        return True


def reported_as(status: Status, *, now: datetime, code: str, reason: str) -> dict[str, Any]:
    """What a report of `status` writes, whatever else it does."""
    took_place = {"delivered_at": now} if status == Status.DELIVERED else {}
    return {
        "status": status,
        "retry_at": None,
        "error_code": code,
        "reason": reason,
        **took_place,
    }


def _below(status: Status) -> tuple[Status, ...]:
    """What a report of `status` moves a text on from, if it is about the SID that it has."""
    lower = RANKED[: RANKED.index(status)]
    # Given up, reported as failed, and there after all.
    return (*lower, Status.CANCELLED) if status == Status.DELIVERED else lower
