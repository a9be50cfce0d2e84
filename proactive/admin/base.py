"""How the admin writes: only what was edited, and in a log nothing at all."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class OnlyChangedAdmin(ModelAdmin):
    """Saves what was edited and nothing else.

    The form was read a while ago: writing all of it back would undo an opt-out, a crisis or a
    claim that was recorded meanwhile.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)


class ReadOnlyAdmin(ModelAdmin):
    """Look, do not touch: what happened is not changed afterwards, by nobody."""

    show_full_result_count = False  # COUNT(*) over a log grows with the log
    list_per_page = 50
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
