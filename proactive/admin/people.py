"""Caregivers in the admin: the list, a person's page, and what staff do for them, in one."""

from django.contrib import admin
from django.http import HttpRequest

from caregiving.models import Caregiver
from proactive.admin.confirming import ActingAdmin
from proactive.admin.people_list import PeopleListAdmin
from proactive.admin.person import PersonPage
from proactive.admin.person_acts import PERSON_ACTS


@admin.register(Caregiver)
class CaregiverAdmin(PeopleListAdmin, PersonPage, ActingAdmin):
    acts = PERSON_ACTS

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
