"""Texts in both directions: what went out and what became of it, what came in."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User

from caregiving.models import InboundMessage
from proactive import audit, reconciliation
from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.admin.words import in_words
from proactive.models import Message, RefusedWebhook, Status


def _foresee_settling(message: Message, data: dict[str, Any], now: datetime) -> str:
    if message.status != Status.UNKNOWN:
        raise Skip(f"what became of it is known: {message.get_status_display().lower()}")
    return f"{in_words(message.cadence, message.stage)} to {message.caregiver}"


def _settling(settle: Callable[..., bool]) -> Callable[..., Done]:
    def perform(message: Message, data: dict[str, Any], by: User, now: datetime) -> Done:
        before = audit.snapshot(message, ("status",))
        if not settle(message, by=by, note=data["reason"], now=now):
            raise Skip("meanwhile it turned out what became of this text")
        return Done(message.reason, audit.difference(before, message))

    return perform


def _is_unknown(message: Message, now: datetime) -> bool:
    return message.status == Status.UNKNOWN


class FindingForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "How do you know?"
        self.fields["reason"].help_text = "Such as: she told me on the phone."


IT_ARRIVED = Act(
    name="it_arrived",
    label="It arrived",
    explains="The text counts as sent, and its alert is resolved.",
    permission="proactive.settle_message",
    foresee=_foresee_settling,
    perform=_settling(reconciliation.settle_as_arrived),
    form=FindingForm,
    icon="done_all",
    offered=_is_unknown,
)
SEND_AGAIN = Act(
    name="send_again",
    label="Send again",
    explains="Only if you know that it never arrived. What it was about is owed again: a later "
    "sweep sends it if it still fits, under all rules, and not within 24 hours of this attempt.",
    permission="proactive.settle_message",
    foresee=_foresee_settling,
    perform=_settling(reconciliation.send_again),
    form=FindingForm,
    icon="replay",
    offered=_is_unknown,
)


@admin.register(Message)
class MessageAdmin(ActingAdmin, ReadOnlyAdmin):
    """Whoever finds out what became of an unknown text says so here; it is kept with their name."""

    acts = (IT_ARRIVED, SEND_AGAIN)
    acts_select_related = ("caregiver",)
    change_form_outer_before_template = "proactive/acts.html"
    list_display = ("queued_at", "caregiver", "what", "status", "because", "reason", "sent_at")
    list_filter = ("status", "cadence", "stage", ("replied_at", admin.EmptyFieldListFilter))
    list_select_related = ("caregiver",)
    search_fields = ("to_number", "caregiver__first_name", "provider_sid")
    ordering = ("-queued_at",)

    @admin.display(description="what", ordering="cadence")
    def what(self, message: Message) -> str:
        return in_words(message.cadence, message.stage)


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    """What people wrote, from numbers that we do not know too."""

    list_display = ("received_at", "caregiver", "from_number", "body", "intent", "files")
    list_filter = ("intent", ("caregiver", admin.EmptyFieldListFilter))
    list_select_related = ("caregiver",)
    search_fields = ("from_number", "caregiver__first_name", "provider_sid")
    ordering = ("-received_at",)

    @admin.display(description="files")
    def files(self, inbound: InboundMessage) -> int:
        return len(inbound.media)


@admin.register(RefusedWebhook)
class RefusedWebhookAdmin(ReadOnlyAdmin):
    """A few a day are strangers who try. Many: check PUBLIC_BASE_URL and the token."""

    list_display = ("day", "endpoint", "count")
