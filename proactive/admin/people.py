"""Caregivers: who they are, where they stand, why they do or do not hear from us."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from caregiving import events
from caregiving.models import Caregiver, WellnessScore
from proactive.admin.base import OnlyChangedAdmin
from proactive.admin.people_list import PeopleListAdmin
from proactive.admin.words import in_words
from proactive.clocks import home
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import Message

# Of what a person wrote, on their page; the rest is under Inbound messages.
LATEST = 5


class MessageInline(TabularInline):
    model = Message
    fields = ("queued_at", "cadence", "stage", "status", "reason", "body")
    readonly_fields = fields
    ordering = ("-queued_at",)
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    per_page = 20
    verbose_name_plural = "texts"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WellnessScoreInline(TabularInline):
    model = WellnessScore
    fields = ("created_at", "score", "burnout_band")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False
    per_page = 20

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Caregiver)
class CaregiverAdmin(PeopleListAdmin, OnlyChangedAdmin):
    """Who a person is may be edited here. Where they stand changes through events only."""

    inlines = (MessageInline, WellnessScoreInline)
    standing_fields = (
        "journey_phase",
        "burnout_band",
        "last_contact_at",
        "last_assessment_at",
        "last_crisis_event_at",
        "last_proactive_message_at",
        "crisis_followup_count",
        "reactivation_message_count",
        "assessment_reminder_count",
        "onboarding_nudge_count",
        "opted_out_at",
        "opted_in_at",
        "unreachable_at",
        "unreachable_reason",
        "created_at",
    )
    fieldsets = (
        ("What goes out, and why", {"fields": ("outlook",)}),
        (
            "Who",
            {
                "fields": (
                    ("first_name", "phone_number"),
                    ("relationship", "care_recipient_name"),
                    ("zip_code", "time_zone", "language"),
                    ("wellness_opt_in", "outreach_paused_until"),
                )
            },
        ),
        ("Where they stand (changes through events only)", {"fields": standing_fields}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("outlook", *self.standing_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # A person who is being added has no outlook yet.
        return self.fieldsets if obj else self.fieldsets[1:2]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Caregiver, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "phone_number" in form.changed_data:
            # The trouble was the old number's; what the new one wrote to us is theirs.
            events.record_new_number(obj)

    @admin.display(description="outlook")
    def outlook(self, caregiver: Caregiver) -> SafeString:
        """Every cadence with its rules, and the texts of the next weeks, in the person's time."""
        now = timezone.now()
        upcoming = forecast(caregiver, now=now)
        for text in upcoming["messages"]:
            text["label"] = in_words(text["cadence"], text["stage"])
        return render_to_string(
            "proactive/outlook.html",
            {
                "zone": home(caregiver),
                "explanation": explain(caregiver, now=now),
                "forecast": upcoming,
                "wrote": caregiver.inbound.order_by("-received_at")[:LATEST],
            },
        )
