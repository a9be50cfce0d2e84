"""Texts in both directions: what went out and what became of it, what came in."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from caregiving.fields import masked
from caregiving.models import Caregiver, InboundMessage
from proactive import audit, reconciliation
from proactive.admin.base import GuardedAdmin, ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.admin.exporting import ExportingAdmin
from proactive.admin.finding import find, is_sid, whole_number
from proactive.admin.words import code_in_words, status_in_words
from proactive.cadences import CADENCES
from proactive.clocks import home
from proactive.models import Message, RefusedWebhook, Status
from proactive.naming import in_words

# Of alerts about a text, on its page.
SHOWN = 10


def _foreseeing(says: str) -> Callable[..., str]:
    def foresee(message: Message, data: dict[str, Any], now: datetime) -> str:
        if message.status != Status.UNKNOWN:
            raise Skip(f"what became of it is known: {message.get_status_display().lower()}")
        return says

    return foresee


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
    foresee=_foreseeing("it counts as sent"),
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
    foresee=_foreseeing("it counts as not sent, and what it was about is owed again"),
    perform=_settling(reconciliation.send_again),
    form=FindingForm,
    icon="replay",
    offered=_is_unknown,
)


class CadenceFilter(admin.SimpleListFilter):
    """By what is declared: Django's own filter would look through all texts for what occurs."""

    title = "cadence"
    parameter_name = "cadence__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(cadence.name, cadence.label) for cadence in CADENCES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(cadence=self.value()) if self.value() else queryset


class StageFilter(admin.SimpleListFilter):
    title = "stage"
    parameter_name = "stage__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        most = max(step.stage or 0 for cadence in CADENCES for step in cadence.steps)
        return [(str(stage), str(stage)) for stage in range(1, most + 1)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        value = self.value() or ""
        return queryset.filter(stage=int(value)) if value.isdecimal() else queryset


class RepliedFilter(admin.SimpleListFilter):
    title = "answer"
    parameter_name = "replied_at__isnull"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("False", "Answered"), ("True", "Not answered")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        match (self.value() or "").lower():
            case "false" | "0":
                return queryset.filter(replied_at__isnull=False)
            case "true" | "1":
                return queryset.filter(replied_at__isnull=True)
            case _:
                return queryset


@admin.register(Message)
class MessageAdmin(ActingAdmin, GuardedAdmin, ExportingAdmin, ReadOnlyAdmin):
    """Whoever finds out what became of an unknown text says so here; it is kept with their name.

    The list takes plain lookups in its address, such as `?sent_at__gte=2026-11-24T00:00:00Z`.
    """

    acts = (IT_ARRIVED, SEND_AGAIN)
    acts_select_related = ("caregiver",)
    change_form_template = "proactive/text.html"
    empty_title = "No texts"
    empty_says = "A sweep queues a text for everybody who is due; each is listed here."
    list_display = ("queued_at", "caregiver", "what", "status", "why", "sent_at", "replied_at")
    list_filter = (
        *("status", CadenceFilter, StageFilter, RepliedFilter),
        *(("sent_at", admin.DateFieldListFilter), ("queued_at", admin.DateFieldListFilter)),
    )
    list_select_related = ("caregiver",)
    # Whatever is named here shows the search; `get_search_results` does it.
    search_fields = ("provider_sid",)
    search_help_text = "A name, a number in any format, or the provider's SID."
    # Whoever wants one status or one cadence filters by it: that has an index.
    sortable_by = ("queued_at",)
    ordering = ("-queued_at",)
    guarded = {
        "body": ("proactive.see_body", ""),
        "to_number": ("caregiving.see_number", ""),
    }
    # The page is a template of its own.
    fields = ("status",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        if not (term := search_term.strip()):
            return queryset, False
        if is_sid(term):
            return queryset.filter(provider_sid=term), False
        return queryset.filter(caregiver__in=_people(request, term)), False

    @admin.display(description="what")
    def what(self, message: Message) -> str:
        return in_words(message.cadence, message.stage)

    @admin.display(description="why, or why not")
    def why(self, message: Message) -> str:
        parts = (message.reason or message.because, code_in_words(message))
        return "; ".join(part for part in parts if part)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        message = context["original"]
        context |= {
            "title": in_words(message.cadence, message.stage),
            "status_says": status_in_words(message),
            "code_says": code_in_words(message),
            "masked_to": masked(message.to_number),
            "service_zone": timezone.get_current_timezone_name(),
            "zone": home(message.caregiver),
            "steps": timeline(message),
            "alerts": message.alerts.order_by("-opened_at")[:SHOWN],
        }
        return super().render_change_form(request, context, *args, **kwargs)


def timeline(message: Message) -> list[tuple[str, datetime]]:
    """What happened to a text, and when, in that order."""
    attempt = f"Attempt {message.attempts}" if message.attempts > 1 else "Attempt"
    steps = (
        ("What earned it", message.occasion),
        ("Queued", message.queued_at),
        (attempt, message.attempt_started_at),
        ("Sent", message.sent_at),
        ("Delivered", message.delivered_at),
        ("They answered", message.replied_at),
        ("Next attempt not before", message.retry_at),
        ("The provider is asked next", message.look_up_at),
    )
    # By time: a report may have come before the answer that it reports on.
    return sorted(((label, at) for label, at in steps if at), key=lambda step: step[1])


def _people(request: HttpRequest, term: str) -> QuerySet[Caregiver]:
    """Whom `term` finds in the list of people, in whatever way they are found there."""
    parts = request.user.has_perm("caregiving.see_number")
    return find(Caregiver.objects.all(), term, by_parts_of_number=parts)


@admin.register(InboundMessage)
class InboundMessageAdmin(GuardedAdmin, ExportingAdmin, ReadOnlyAdmin):
    """What people wrote, from numbers that we do not know too."""

    list_display = ("received_at", "caregiver", "from_number", "body", "intent", "files")
    counted = ("text", "texts")
    empty_title = "Nobody has written"
    empty_says = "What people text to the service is listed here, newest first."
    list_filter = (
        *("intent", ("caregiver", admin.EmptyFieldListFilter)),
        ("received_at", admin.DateFieldListFilter),
    )
    list_select_related = ("caregiver",)
    search_fields = ("provider_sid",)
    search_help_text = "A name, a number in any format, or the provider's SID."
    sortable_by = ("received_at",)
    ordering = ("-received_at",)
    fields = ("received_at", "caregiver", "from_number", "body", "intent", "files", "provider_sid")
    readonly_fields = ("files",)
    guarded = {
        "from_number": ("caregiving.see_number", "masked_sender"),
        "body": ("proactive.see_body", "hidden_body"),
    }
    # What they sent besides stays as unread as what they wrote.
    secret = {"media": ("proactive.see_body",)}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InboundMessage], search_term: str
    ) -> tuple[QuerySet[InboundMessage], bool]:
        if not (term := search_term.strip()):
            return queryset, False
        if is_sid(term):
            return queryset.filter(provider_sid=term), False
        theirs = Q(caregiver__in=_people(request, term))
        if number := whole_number(term):
            theirs |= Q(caregiver=None, from_number=number)
        return queryset.filter(theirs), False

    @admin.display(description="files")
    def files(self, inbound: InboundMessage) -> int | str:
        return len(inbound.media) or ""

    @admin.display(description="from number")
    def masked_sender(self, inbound: InboundMessage) -> str:
        return masked(inbound.from_number)

    @admin.display(description="words")
    def hidden_body(self, inbound: InboundMessage) -> str:
        return "You may not read this"


@admin.register(RefusedWebhook)
class RefusedWebhookAdmin(ExportingAdmin, ReadOnlyAdmin):
    """A few a day are strangers who try. Many: check PUBLIC_BASE_URL and the token."""

    list_display = ("day", "endpoint", "count")
    empty_title = "None were refused"
    empty_says = "Every webhook that came carried the signature of the provider."
