"""Bringing people in from a file: upload, look at what would happen, say why, import."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget

from caregiving import importing_uploads as uploads
from caregiving.importing_files import ImportProblem
from caregiving.importing_rows import KNOWN_COLUMNS
from caregiving.models import ImportUpload
from proactive import audit
from proactive.admin.confirming import ReasonForm
from proactive.admin.exporting import BYTE_ORDER_MARK, csv_lines

PERMISSION = "caregiving.import_caregiver"
# In the session of whoever uploaded: only there can it be looked at and decided on.
KEY = "import_upload"


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
        help_text=f"UTF-8, separated by commas, with a header; {uploads.MOST_LINES:,} lines or "
        f"{uploads.MOST_BYTES // 1024**2} MB at most.",
        error_messages={"empty": "The file is empty."},
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        # Before it is read: until here it lies on the disk, however large.
        if (file.size or 0) > uploads.MOST_BYTES:
            raise forms.ValidationError(str(uploads.too_large(file.name or "The file")))
        return file


class ImportingAdmin(ModelAdmin):
    """Adds the pages of an import under the list of people, for whoever may."""

    def get_urls(self) -> list[URLPattern]:
        name, wrap = "caregiving_caregiver_import", self.admin_site.admin_view
        return [
            path("import/", wrap(self.import_view), name=name),
            path("import/<uuid:pk>/", wrap(self.preview_view), name=f"{name}_preview"),
            path("import/<uuid:pk>/rejected/", wrap(self.rejected_view), name=f"{name}_rejected"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        tools = []
        if request.user.has_perm(PERMISSION):
            url = reverse("admin:caregiving_caregiver_import")
            tools.append({"label": "Import", "url": url, "icon": "upload"})
        return super().changelist_view(request, {**(extra_context or {}), "list_tools": tools})

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Asks for the file; a POST looks at it and leads to what it would do."""
        user = _allowed(request)
        posted = request.method == "POST"
        form = UploadForm(request.POST, request.FILES) if posted else UploadForm()
        if posted and form.is_valid():
            file = form.cleaned_data["file"]
            now = timezone.now()
            try:
                upload = uploads.keep(file.read(), name=file.name, by=user, now=now)
            except ImportProblem as problem:
                form.add_error("file", str(problem))
            else:
                request.session[KEY] = str(upload.pk)
                return HttpResponseRedirect(_page_of(upload))
        return self._answer(
            request,
            "proactive/import.html",
            title="Import people",
            form=form,
            columns=KNOWN_COLUMNS,
            back=_list_url(),
        )

    def preview_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """What the file would do, or has done; a POST with a reason does it, or discards it."""
        user = _allowed(request)
        upload = _brought_by(request, pk)
        if upload is None:
            says = "The file is no longer kept, or was uploaded by somebody else: upload it again."
            self.message_user(request, says, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:caregiving_caregiver_import"))
        if "discard" in request.POST and upload.imported_at is None:
            uploads.forget(upload)
            self.message_user(request, f"{upload.name} was discarded: nothing was imported.")
            return HttpResponseRedirect(_list_url())
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            try:
                return self._import(request, upload, user, form.cleaned_data["reason"])
            except ImportProblem as problem:
                self.message_user(request, str(problem), messages.ERROR)
                return HttpResponseRedirect(_page_of(upload))
        return self._answer(
            request,
            "proactive/import_preview.html",
            title=f"Import {upload.name}",
            form=form,
            upload=upload,
            seen=upload.preview,
            bad=[
                {"line": row["line"], "field": field, "reason": reason}
                for row in upload.preview["first_bad"]
                for field, reason in map(_split, row["reasons"])
            ],
            rejected_url=reverse("admin:caregiving_caregiver_import_rejected", args=[upload.pk]),
            until=upload.created_at + uploads.LASTS,
            back=_list_url(),
        )

    def rejected_view(self, request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
        """The rejected rows as CSV, each with its line and the reasons, to be corrected there."""
        _allowed(request)
        upload = _brought_by(request, pk)
        if upload is None:
            raise Http404
        lines = csv_lines(list(row) for row in uploads.rejected_rows(upload))

        return StreamingHttpResponse(
            (part for parts in ([BYTE_ORDER_MARK], lines) for part in parts),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="rejected.csv"',
                "Cache-Control": "no-store",
            },
        )

    def _import(
        self, request: HttpRequest, upload: ImportUpload, user: User, reason: str
    ) -> HttpResponse:
        now = timezone.now()
        with transaction.atomic():
            report = uploads.carry_out(upload, now=now)
            counts = (
                f"{_people(report.new)} from {upload.name}; {report.already_here:,} were here "
                f"already, {report.bad:,} rows rejected"
            )
            audit.record(
                "import_people", by=user, says=f"imported {counts}", now=now, reason=reason
            )
        self.message_user(request, f"Imported {counts}.", messages.SUCCESS)
        if report.bad:
            # There the rejected rows can still be had, within the hour.
            return HttpResponseRedirect(_page_of(upload))
        uploads.forget(upload)
        return HttpResponseRedirect(_list_url())

    def _answer(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        common = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, {**common, **context})


def _allowed(request: HttpRequest) -> User:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    assert isinstance(request.user, User)
    return request.user


def _brought_by(request: HttpRequest, pk: UUID) -> ImportUpload | None:
    """The upload, if it was brought in this very session."""
    if request.session.get(KEY) != str(pk):
        return None
    assert isinstance(request.user, User)
    return uploads.find(pk, by=request.user, now=timezone.now())


def _split(reason: str) -> tuple[str, str]:
    """`zip_code: is too long` -> its column and the rest; no column for the row as a whole."""
    column, colon, rest = reason.partition(": ")
    return (column, rest) if colon and column in KNOWN_COLUMNS else ("", reason)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _page_of(upload: ImportUpload) -> str:
    return reverse("admin:caregiving_caregiver_import_preview", args=[upload.pk])


def _list_url() -> str:
    return reverse("admin:caregiving_caregiver_changelist")
