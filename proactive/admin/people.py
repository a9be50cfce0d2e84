"""Caregivers in the admin: the list, a person's page, and what staff do for them, in one."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from caregiving.models import Caregiver
from proactive.admin.confirming import ActingAdmin
from proactive.admin.people_list import PeopleListAdmin
from proactive.admin.person import PersonPage
from proactive.admin.person_acts import PERSON_ACTS


@admin.register(Caregiver)
class CaregiverAdmin(PeopleListAdmin, PersonPage, ActingAdmin):
    acts = PERSON_ACTS

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # Nobody is written into the place of somebody who was erased.
        if isinstance(obj, Caregiver) and obj.erased_at is not None:
            return False
        return bool(super().has_change_permission(request, obj))

    def offered_acts(self, request: HttpRequest, row: Model, now: datetime) -> list[dict[str, Any]]:
        if isinstance(row, Caregiver) and row.erased_at is not None:
            return []
        return super().offered_acts(request, row, now)

    def _rows(self, request: HttpRequest, keys: list[str]) -> QuerySet[Any]:
        return super()._rows(request, keys).filter(erased_at__isnull=True)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
