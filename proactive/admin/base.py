"""What all pages of the admin have in common: what is written, and who sees what."""

from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from proactive.admin.paging import BoundedPaginator


def keys(model: type[Model], given: list[str]) -> list[Any]:
    """Primary keys of `model` as they were sent. Raises Http404 for what cannot be one."""
    try:
        return [model._meta.pk.clean(key, None) for key in given]
    except ValidationError as error:
        raise Http404 from error


class ListAdmin(ModelAdmin):
    """A list whose address may hold anything, such as a number that no column can."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list as the address narrows it. Raises IncorrectLookupParameters for what cannot be
        looked up: Django notices most of it, but not what first fails while the rows are counted.
        """
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError, ValidationError, DataError) as error:
            raise IncorrectLookupParameters(error) from error

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        keys(self.model, request.POST.getlist(ACTION_CHECKBOX_NAME))
        return super().response_action(request, queryset)


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


class LongList(ChangeList):
    """Is ordered by what `sortable_by` names and by nothing else, whatever the address says.

    Django leaves out the links of other columns, but an address with one of them, such as an old
    bookmark, would have the database sort the whole table.
    """

    def get_ordering_field(self, field_name: Any) -> Any:
        if field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)


class LongListAdmin(ListAdmin):
    """A list of a table that grows: no page of it reads the whole table.

    `sortable_by` names the columns that an index brings in order.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # each would count everything
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LongList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        if cl := context.get("cl"):
            # The foot of the list says how many; Unfold would at its head, with a way to "all".
            cl.full_result_count = cl.result_count
        return answer


class ReadOnlyAdmin(LongListAdmin):
    """Look, do not touch: what happened is not changed afterwards, by nobody."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GuardedLookups(ModelAdmin):
    """Refuses filters in the address on what this user may not see.

    `secret`: field -> the permissions that it takes. With `?body__contains=` texts could be read
    word by word, with `?phone_number__startswith=` a number digit by digit.
    """

    secret: dict[str, tuple[str, ...]] = {}

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        needs = self.needed_to_look_up(lookup.split("__")[0])
        if needs and (request is None or not request.user.has_perms(needs)):
            return False
        return super().lookup_allowed(lookup, value, request)

    def needed_to_look_up(self, field: str) -> tuple[str, ...]:
        return self.secret.get(field, ())


class GuardedAdmin(GuardedLookups):
    """Hides what only some may see, in lists and on pages.

    `guarded`: field -> (permission, what stands in its place; "" for nothing). Whoever has a
    template of their own asks `perms` there.
    """

    guarded: dict[str, tuple[str, str]] = {}

    def needed_to_look_up(self, field: str) -> tuple[str, ...]:
        permission, _ = self.guarded.get(field, ("", ""))
        return (*super().needed_to_look_up(field), *([permission] if permission else []))

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.visible(request, super().get_list_display(request))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (title, {**options, "fields": self.visible(request, options["fields"])})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A stand-in is computed, so it can only be looked at.
        named = super().get_readonly_fields(request, obj)
        return (*self.visible(request, named), *(one for _, one in self.guarded.values() if one))

    def visible(self, request: HttpRequest, names: Any) -> tuple[Any, ...]:
        """`names`, which may be nested in rows, as this user may see them."""
        kept: list[Any] = []
        for name in names:
            if isinstance(name, list | tuple):
                if row := self.visible(request, name):
                    kept.append(row)
                continue
            permission, stand_in = self.guarded.get(name, ("", ""))
            if not permission or request.user.has_perm(permission):
                kept.append(name)
            elif stand_in:
                kept.append(stand_in)
        return tuple(kept)
