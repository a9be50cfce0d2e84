"""Lists as CSV: what is shown, as it is filtered and searched, for whoever says why.

The file is UTF-8 with a byte order mark, without which Excel garbles accents. A text that a
spreadsheet could take for a formula gets an apostrophe before it, numbers like +1415... as well
(`caregiving.csv_cells`). Times are ISO 8601 with their offset, on the clock of the service.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import unescape
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.text import capfirst

from caregiving.csv_cells import harmless
from proactive import audit
from proactive.admin.base import ListAdmin
from proactive.admin.confirming import ReasonForm

PERMISSION = "proactive.export_list"
CHUNK = 1000
BYTE_ORDER_MARK = "\ufeff"


class ExportingAdmin(ListAdmin):
    """Adds "Export" to the list, and the page that asks why.

    Its columns are those of the list, so what a user may not see there (`GuardedAdmin`) is not in
    the file either. `exported`: column -> the field that the file has in its place, for columns
    that are words for people, such as "3 days ago". It may be a path, `caregiver__zip_code`.
    `exported_labels`: how such a column is called there, where the list's name would not fit.
    """

    change_list_template = "proactive/export_change_list.html"
    exported: dict[str, str] = {}
    exported_labels: dict[str, str] = {}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and (cl := context.get("cl")) and request.user.has_perm(PERMISSION):
            # With what is filtered and searched, and in which order.
            context["export_url"] = f"{self._export_url}{cl.get_query_string()}"
        return response

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Asks why; a POST with a reason brings the file. The query string is the list's."""
        if not request.user.has_perm(PERMISSION) or not self.has_view_permission(request):
            raise PermissionDenied
        try:
            cl = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self._list_url)
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            return self._export(request, cl, form.cleaned_data["reason"])
        columns = [label for _, label in self._columns(cl)]
        query = cl.get_query_string()
        return TemplateResponse(
            request,
            "proactive/export.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"Export {self.opts.verbose_name_plural}",
                "count": cl.result_count,
                "form": form,
                "columns": columns,
                "narrowed": narrowed(cl),
                "post_to": f"{self._export_url}{query}",
                "back": f"{self._list_url}{query}",
            },
        )

    def _export(self, request: HttpRequest, cl: Any, reason: str) -> StreamingHttpResponse:
        now = timezone.now()
        # The audit comes first, and no more rows leave than it says: whoever breaks off the
        # download has had some of them.
        count = cl.queryset.count()
        rows = self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural
        which = "; ".join(narrowed(cl)) or "all of them"
        assert isinstance(request.user, User)
        audit.record(
            "export_list",
            by=request.user,
            says=f"exported {count:,} {rows}: {which}",
            now=now,
            reason=reason,
        )
        name = f"{self.opts.verbose_name_plural}-{timezone.localtime(now):%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            self._lines(cl, cl.queryset[:count]),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name.replace(" ", "-")}"',
                "Cache-Control": "no-store",
            },
        )

    def _lines(self, cl: Any, rows: models.QuerySet[Any]) -> Iterator[str]:
        columns = self._columns(cl)
        yield BYTE_ORDER_MARK
        yield from csv_lines([label for _, label in columns] for _ in range(1))
        yield from csv_lines(
            [self._value(name, row) for name, _ in columns] for row in rows.iterator(CHUNK)
        )

    def _columns(self, cl: Any) -> list[tuple[str, str]]:
        """Name and label of each column of the list."""
        return [
            (name, self.exported_labels.get(name) or self._label(name))
            for name in cl.list_display
            if name != "action_checkbox"
        ]

    def _label(self, name: str) -> str:
        return capfirst(str(label_for_field(name, self.model, model_admin=self)))

    def _value(self, name: str, row: Any) -> Any:
        if name in self.exported:
            value = row
            for part in self.exported[name].split("__"):
                # A row may stand alone, such as a text from a number that is nobody's.
                value = None if value is None else getattr(value, part)
            return value
        try:
            field, _, value = lookup_field(name, row, self)
        except ObjectDoesNotExist:
            return None
        if field is not None and field.choices:
            return getattr(row, f"get_{field.name}_display")()
        return value

    @property
    def _export_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")

    @property
    def _list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def narrowed(cl: Any) -> list[str]:
    """What was filtered and searched, in words: `Group: In crisis`, `search: ana`."""
    words = []
    for spec in cl.filter_specs:
        given = {key: value for key, value in spec.used_parameters.items() if value not in ("", [])}
        if not given:
            continue
        chosen = [
            str(choice["display"])
            for choice in spec.choices(cl)
            if choice.get("selected") and "display" in choice
        ]
        told = ", ".join(chosen) or ", ".join(f"{key} {value}" for key, value in given.items())
        words.append(f"{spec.title}: {told}")
    known = {name for spec in cl.filter_specs for name in spec.expected_parameters()}
    for key, values in cl.get_filters_params().items():
        if key not in known:  # typed into the address; the list heeds it all the same
            words.append(f"{key}: {', '.join(map(str, values))}")
    return [*words, *([f"search: {cl.query}"] if cl.query else [])]


# --- Cells ---


def csv_lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    """Each row as a line of CSV, its cells made harmless."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def cell(value: Any) -> Any:
    """A value as the file has it: text, or a number, which is no formula whatever its sign."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if hasattr(value, "__html__"):
        value = unescape(strip_tags(value))
    return harmless(str(value))


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text
