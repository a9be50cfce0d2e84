"""Forms whose changes are kept in the audit, in the transaction that makes them."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from proactive import audit
from proactive.admin.base import ListAdmin

# What JSON can carry as it is.
PLAIN = (bool, int, float, str, type(None))


class AuditedAdmin(ListAdmin):
    """Adding, changing and deleting write an entry each, with what was and what is."""

    def accounted(self, row: Any) -> dict[str, Any]:
        """What of `row` the audit compares: everything that can be edited, in words."""
        return {
            field.name: _in_words(getattr(row, field.name))
            for field in row._meta.concrete_fields
            if field.editable and not field.primary_key
        }

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.accounted_before = {}
        if change:
            stored = self.model._base_manager.select_for_update().get(pk=obj.pk)
            form.accounted_before = self.accounted(stored)
        self.write(obj, form, change)

    def write(self, row: Any, form: Any, change: bool) -> None:
        row.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        before, row = form.accounted_before, form.instance
        after = self.accounted(self.model._base_manager.get(pk=row.pk))
        changes = {
            name: [before.get(name), value]
            for name, value in after.items()
            if value != before.get(name)
        }
        if change and changes:
            self.account(request, "change", row, f"changed {', '.join(changes)}", changes)
        elif not change:
            self.account(request, "add", row, "added", changes)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._account_for_deleting(request, obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self._account_for_deleting(request, row)
        super().delete_queryset(request, queryset)

    def _account_for_deleting(self, request: HttpRequest, row: Any) -> None:
        lost = {name: [value, None] for name, value in self.accounted(row).items() if value}
        self.account(request, "delete", row, "deleted", lost)

    def account(
        self, request: HttpRequest, verb: str, row: Model, says: str, changes: audit.Changes
    ) -> None:
        assert isinstance(request.user, User)
        audit.record(
            f"{verb}_{self.opts.model_name}"[:40],
            by=request.user,
            says=says,
            now=timezone.now(),
            target=row,
            changes=changes,
        )


def _in_words(value: Any) -> Any:
    return value if isinstance(value, PLAIN) else str(value)
