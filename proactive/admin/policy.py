"""The words and the switches."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from proactive import tasks
from proactive.admin.saving import OnlyChangedAdmin
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


@admin.register(CadenceSwitch)
class CadenceSwitchAdmin(OnlyChangedAdmin):
    """Without a row a cadence is on.

    While one is off its queued texts are cancelled and given back; while everything is off, they
    wait.
    """

    form = CadenceSwitchForm
    list_display = ("cadence", "is_on", "paused_until", "reason", "changed_at")

    def save_model(self, request: HttpRequest, obj: CadenceSwitch, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        # Whatever was held back should not wait for the next minute.
        transaction.on_commit(tasks.ring)
