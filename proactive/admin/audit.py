"""The audit: who did what to whom, when and why. It is read, and never written here."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter, RangeDateFilter
from unfold.utils import parse_date_str

from caregiving.fields import masked
from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.exporting import ExportingAdmin
from proactive.clocks import midnight
from proactive.models import AuditEntry

# So many of the newest entries tell which actions there are: all of them would be a long read.
RECENT = 1000
NUMBERS = {"phone_number", "to_number", "from_number"}
WORDS = {"body", "text"}


def _labels() -> dict[str, str]:
    """What the declared acts are called, and what they are done to: some do the same to several."""
    called: defaultdict[str, list[str]] = defaultdict(list)
    for model_admin in admin.site._registry.values():
        for act in getattr(model_admin, "acts", ()):
            called[act.name].append(f"{act.label} ({model_admin.opts.verbose_name})")
    return {name: " or ".join(labels) for name, labels in called.items()}


class ActionFilter(DropdownFilter):
    title = "what"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        labels = _labels()
        newest = AuditEntry.objects.order_by("-at").values_list("action", flat=True)[:RECENT]
        names = {*labels, *newest}
        named = [(name, labels.get(name, _spelled(name))) for name in names]
        return iter(sorted(named, key=lambda one: one[1]))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class OneFilter(AutocompleteSelectFilter):
    """By one row of another table, that its menu finds."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if key := self.value():
            # The menu asks for the one that is chosen, and fails over what cannot be a key.
            self.field.related_model._meta.pk.clean(key, None)
        return super().queryset(request, queryset)


class WhoFilter(OneFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "who"


class WhomFilter(OneFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "whom"


class DayFilter(RangeDateFilter):
    """From one day to another, both included, by the clock that staff read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "day"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (first := self._day("from")) is not None:
            queryset = queryset.filter(at__gte=first)
        if (last := self._day("to")) is not None:
            with suppress(OverflowError):  # after the last day that there is comes nothing
                queryset = queryset.filter(at__lt=last + timedelta(days=1))
        return queryset

    def _day(self, end: str) -> datetime | None:
        day = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{end}"))
        return None if day is None else midnight(day)


@admin.register(AuditEntry)
class AuditEntryAdmin(ExportingAdmin, ReadOnlyAdmin):
    empty_title = "Nothing was done yet"
    empty_says = "Whatever staff do to people, texts, alerts and the policy is kept here."
    list_display = ("at", "who", "what", "whom", "why")
    list_select_related = ("by", "caregiver")
    list_filter = (
        ActionFilter,
        ("by", WhoFilter),
        ("caregiver", WhomFilter),
        ("at", DayFilter),
    )
    list_filter_submit = True
    sortable_by = ("at",)
    ordering = ("-at",)
    fields = ("at", "who", "what", "about", "reason", "changed")
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        # In there stand numbers and words that not everybody may see.
        return lookup.split("__")[0] != "changes" and super().lookup_allowed(lookup, value, request)

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> str:
        return str(entry.by) if entry.by else entry.via or "the command line"

    @admin.display(description="what")
    def what(self, entry: AuditEntry) -> str:
        return entry.says

    @admin.display(description="to whom or what")
    def whom(self, entry: AuditEntry) -> str:
        person = str(entry.caregiver) if entry.caregiver else ""
        return ", ".join(dict.fromkeys(part for part in (entry.target_label, person) if part))

    @admin.display(description="why")
    def why(self, entry: AuditEntry) -> str:
        return entry.reason

    @admin.display(description="to whom or what")
    def about(self, entry: AuditEntry) -> str | SafeString:
        """The row that it was done to, with a link while it has a page."""
        name = f"admin:{entry.target_type.replace('.', '_')}_change"
        try:
            url = reverse(name, args=[entry.target_id])
        except NoReverseMatch:
            return self.whom(entry)
        return format_html('<a class="base-link" href="{}">{}</a>', url, self.whom(entry))

    @admin.display(description="from which value to which")
    def changed(self, entry: Any) -> str | SafeString:
        if not entry.changes:
            return "No values changed."
        return render_to_string(
            "proactive/audit_changes.html", {"changes": entry.changes_to_show, "entry": entry}
        )

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        entry: Any = super().get_object(request, *args, **kwargs)
        if entry is not None:
            entry.changes_to_show = [
                (_spelled(name), *(_shown(request, name, value) for value in values))
                for name, values in entry.changes.items()
            ]
        return entry


def _spelled(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(request: HttpRequest, name: str, value: Any) -> str:
    """A value as this user may read it."""
    if value in (None, "", []):
        return "nothing"
    if name in WORDS and not request.user.has_perm("proactive.see_body"):
        return "You may not read this"
    if name in NUMBERS and not request.user.has_perm("caregiving.see_number"):
        return masked(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
