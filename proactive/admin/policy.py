"""The words and the switches."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from proactive import switches, tasks, trial
from proactive.admin.base import OnlyChangedAdmin
from proactive.cadences import CADENCES
from proactive.models import CadenceSwitch, MessageTemplate
from proactive.sms import segments


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ModelAdmin):
    list_display = ("cadence", "stage", "tier", "language", "body", "size")
    list_filter = ("cadence", "language")
    search_fields = ("body",)
    fields = ("cadence", "stage", "tier", "language", "body", "size", "updated_at")
    readonly_fields = ("cadence", "stage", "tier", "language", "size", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # every wording exists from the start: it is edited, not invented

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="length without names")
    def size(self, template: MessageTemplate) -> str:
        size = segments.measure(template.body)
        return f"{size.units} {size.encoding} units, {size.segments} segment(s)"


class CadenceSwitchForm(forms.ModelForm):
    cadence = forms.ChoiceField(
        choices=lambda: [
            (CadenceSwitch.EVERYTHING, "Everything"),
            *((cadence.name, cadence.label) for cadence in CADENCES),
        ],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = CadenceSwitch
        fields = ("cadence", "is_on", "paused_until", "reason")


class SendTestForm(BaseDialogForm):
    phone = forms.CharField(
        label="Your own phone",
        widget=UnfoldAdminTextInputWidget,
        help_text="With its country code, such as +14155552671. Never a caregiver's.",
    )

    def clean_phone(self) -> str:
        return trial.read_number(self.cleaned_data["phone"])


@admin.register(CadenceSwitch)
class CadenceSwitchAdmin(OnlyChangedAdmin):
    """Without a row a cadence is on.

    While one is off its queued texts are cancelled and given back; while everything is off, they
    wait.
    """

    form = CadenceSwitchForm
    list_display = ("cadence", "is_on", "paused_until", "reason", "changed_at")
    actions_list = ("send_test",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is switched on again instead, which settles its alert

    def save_model(self, request: HttpRequest, obj: CadenceSwitch, form: Any, change: Any) -> None:
        if change and not form.changed_data:
            return
        # Whoever edits a switch takes it over: a test text lifts what the system did, not this.
        obj.halted = False
        if change:
            obj.save(update_fields=[*form.changed_data, "halted", "changed_at"])
        else:
            obj.save()
        now = timezone.now()
        if obj.cadence == CadenceSwitch.EVERYTHING and obj.is_open(now):
            switches.resolve_halt(now=now, by=_user(request), note="Switched on again.")
        # Whatever was held back should not wait for the next minute.
        transaction.on_commit(tasks.ring)

    @action(
        description="Send a test text",
        icon="send_to_mobile",
        permissions=["change"],
        dialog={
            "title": "Send a test text",
            "description": "To your own phone, whatever the switches say. If the provider takes "
            "it, sending that the system halted goes on.",
            "form_class": SendTestForm,
            "form_submit_text": "Send",
        },
    )
    def send_test(self, request: HttpRequest, form: SendTestForm) -> HttpResponse:
        phone = form.cleaned_data["phone"]
        try:
            says = trial.send_trial(phone, now=timezone.now(), by=_user(request)).says()
            self.message_user(request, says, messages.SUCCESS)
        except (trial.NotTaken, ValidationError) as error:
            says = error.messages[0] if isinstance(error, ValidationError) else str(error)
            self.message_user(request, says, messages.ERROR)
        switch = switches.everything()
        LogEntry.objects.create(
            user=_user(request),
            content_type=ContentType.objects.get_for_model(CadenceSwitch),
            object_id=str(switch.pk) if switch.pk else None,
            object_repr=str(switch),
            action_flag=CHANGE,
            change_message=f"Test text to a number that ends in {phone[-4:]}: {says}",
        )
        back = reverse("admin:proactive_cadenceswitch_changelist")
        return HttpResponse(headers={"HX-Redirect": back})


def _user(request: HttpRequest) -> User:
    """Who is asking: the admin lets in nobody without a login."""
    assert isinstance(request.user, User)
    return request.user
