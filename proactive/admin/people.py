"""Caregivers: who they are, where they stand, why they do or do not hear from us."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.admin.confirming import ActingAdmin
from proactive.admin.person import PersonPage
from proactive.admin.person_acts import PERSON_ACTS
from proactive.clocks import home


@admin.register(Caregiver)
class CaregiverAdmin(PersonPage, ActingAdmin):
    """The list of people; a person's page is in person.py."""

    acts = PERSON_ACTS

    list_display = (
        "__str__",
        "phone_number",
        "journey_phase",
        "burnout_band",
        "local_time",
        "last_contact_at",
        "last_proactive_message_at",
        "opted_out_at",
        "unreachable_at",
    )
    list_filter = (
        "journey_phase",
        "burnout_band",
        "language",
        ("opted_out_at", admin.EmptyFieldListFilter),
        ("unreachable_at", admin.EmptyFieldListFilter),
        ("last_crisis_event_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("first_name", "phone_number", "care_recipient_name")
    search_help_text = "Name, or any part of the number (digits only)."
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Caregiver], search_term: str
    ) -> tuple[QuerySet[Caregiver], bool]:
        digits = "".join(char for char in search_term if char.isdigit())
        # Somebody reads a number from a phone's display: (415) 555-2671.
        term = digits if len(digits) >= 4 else search_term
        return super().get_search_results(request, queryset, term)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @admin.display(description="local time")
    def local_time(self, caregiver: Caregiver) -> str:
        return f"{timezone.now().astimezone(home(caregiver)):%H:%M}"
