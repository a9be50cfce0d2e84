"""Texts in both directions: what went out and what became of it, what came in."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from caregiving.models import InboundMessage
from proactive import reconciliation
from proactive.admin.saving import ReadOnlyAdmin
from proactive.admin.words import in_words
from proactive.models import Message, RefusedWebhook, Status


class FindingForm(BaseDialogForm):
    note = forms.CharField(
        label="How do you know?",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as: she told me on the phone; the provider's log has it.",
    )


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Whoever finds out what became of an unknown text says so here; it is kept with their name."""

    list_display = ("queued_at", "caregiver", "what", "status", "because", "reason", "sent_at")
    list_filter = ("status", "cadence", "stage", ("replied_at", admin.EmptyFieldListFilter))
    list_select_related = ("caregiver",)
    search_fields = ("to_number", "caregiver__first_name", "provider_sid")
    ordering = ("-queued_at",)
    actions_detail = ("it_arrived", "send_again")

    @admin.display(description="what", ordering="cadence")
    def what(self, message: Message) -> str:
        return in_words(message.cadence, message.stage)

    def has_settle_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        # This admin itself refuses everybody a change.
        return request.user.has_perm("proactive.change_message")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        message = self.get_object(request, object_id)
        if message is None or message.status != Status.UNKNOWN:
            return []
        return super().get_actions_detail(request, object_id)

    @action(
        description="It arrived",
        permissions=["settle"],
        icon="done_all",
        dialog={
            "title": "It arrived",
            "description": "The text counts as sent, and its alert is resolved.",
            "form_class": FindingForm,
            "form_submit_text": "It arrived",
        },
    )
    def it_arrived(self, request: HttpRequest, form: FindingForm, object_id: str) -> HttpResponse:
        return self._settle(request, form, object_id, reconciliation.settle_as_arrived)

    @action(
        description="Send again",
        permissions=["settle"],
        icon="replay",
        dialog={
            "title": "Send again",
            "description": "Only if you know that it never arrived. What it was about is owed "
            "again: a later sweep sends it if it still fits, under all rules, and not within 24 "
            "hours of this attempt.",
            "form_class": FindingForm,
            "form_submit_text": "Send again",
        },
    )
    def send_again(self, request: HttpRequest, form: FindingForm, object_id: str) -> HttpResponse:
        return self._settle(request, form, object_id, reconciliation.send_again)

    def _settle(
        self,
        request: HttpRequest,
        form: FindingForm,
        object_id: str,
        settle: Callable[..., bool],
    ) -> HttpResponse:
        message = self.get_object(request, object_id)
        if message is None:
            raise Http404
        note = form.cleaned_data["note"]
        if settle(message, by=cast(User, request.user), note=note):
            self.log_change(request, message, message.reason)
            self.message_user(request, "Recorded.", messages.SUCCESS)
        else:
            self.message_user(
                request,
                "Nothing was changed: meanwhile it turned out what became of this text.",
                messages.ERROR,
            )
        page = reverse("admin:proactive_message_change", args=[message.pk])
        return HttpResponse(headers={"HX-Redirect": page})


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
