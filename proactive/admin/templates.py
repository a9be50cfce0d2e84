"""The words: a list in the order of the policy, and an editor that shows them as phones would."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Case, CharField, IntegerField, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Cast
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from unfold.widgets import UnfoldAdminTextareaWidget

from proactive import previewing, rewording, wording
from proactive.admin.confirming import ActingAdmin, ReasonForm
from proactive.admin.exporting import ExportingAdmin
from proactive.admin.template_acts import (
    BACK_TO_ORIGINAL,
    LATEST,
    PERMISSION,
    REVERT,
    trial_of,
    usual,
    version_form,
)
from proactive.admin.trials import trial_page
from proactive.cadences import CADENCES
from proactive.models import AuditEntry, MessageTemplate
from proactive.rewording import Overtaken, SameWords
from proactive.sms import segments


class WordsForm(ReasonForm):
    body = forms.CharField(label="Words", widget=UnfoldAdminTextareaWidget(attrs={"rows": 7}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "Why"

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        try:
            wording.validate(body)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return body


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ActingAdmin, ExportingAdmin):
    """Every wording exists from the start: it is edited, not invented."""

    acts = (BACK_TO_ORIGINAL, REVERT)
    actions = None
    counted = ("wording", "wordings")
    list_display = ("what", "language", "words", "size", "warnings", "changed_by", "updated_at")
    list_display_links = ("what",)
    list_filter = ("cadence", "language")
    search_fields = ("body",)
    list_per_page = 50
    show_full_result_count = False

    class Media:
        js = ("proactive/policy.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(PERMISSION)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[MessageTemplate]:
        changes = AuditEntry.objects.filter(
            target_type=MessageTemplate._meta.label_lower,
            target_id=Cast(OuterRef("pk"), CharField()),
            changes__has_key="body",
        ).order_by("-at", "-pk")
        return (
            super()
            .get_queryset(request)
            .annotate(changed_by=Subquery(changes.values("by__username")[:1]))
        )

    def get_ordering(self, request: HttpRequest) -> Any:
        """As the policy has it: by priority, then by stage or tier."""
        cadences = [When(cadence=one.name, then=i) for i, one in enumerate(CADENCES)]
        tiers = [
            When(cadence=cadence.name, tier=tier.name, then=i)
            for cadence in CADENCES
            for i, tier in enumerate(cadence.tiers)
        ]
        # What is no longer part of the policy comes last.
        places = (
            Case(*known, default=len(known), output_field=IntegerField()).asc()
            for known in (cadences, tiers)
        )
        return (*places, "stage", "language")

    def get_urls(self) -> list[URLPattern]:
        site, name = self.admin_site, self._url_name
        return [
            path(
                "<path:object_id>/preview/", site.admin_view(self.preview), name=f"{name}_preview"
            ),
            path("<path:object_id>/test/", site.admin_view(self.send_test), name=f"{name}_test"),
            *super().get_urls(),
        ]

    # --- The editor ---

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The words, what they look like, and their history; a POST saves, or only previews."""
        template = self._template(request, object_id)
        may_edit = self.has_change_permission(request, template)
        form = WordsForm(initial={"body": template.body})
        seen_at, newer = template.updated_at.isoformat(), None
        if request.method == "POST":
            if not may_edit:
                raise PermissionDenied
            seen_at = request.POST.get("seen_at", "")
            form = _redrawn(request) or WordsForm(request.POST)
            if form.is_bound and form.is_valid():
                try:
                    self._save(request, template, form.cleaned_data, _instant(seen_at))
                except SameWords:
                    form.add_error("body", "Nothing was changed: these are the words already.")
                except Overtaken as overtaken:
                    # Whoever saves again has seen this version.
                    template = newer = overtaken.newer
                    seen_at = newer.updated_at.isoformat()
                else:
                    return HttpResponseRedirect(self._page_of(template))
        draft = str(form["body"].value() or "")
        return TemplateResponse(
            request,
            "proactive/template_change.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "media": self.media,
                "title": str(template),
                "original": template,
                "template": template,
                "form": form,
                "seen_at": seen_at,
                "newer": newer,
                "newer_by": rewording.history(template).select_related("by").first(),
                "newer_pieces": rewording.compare(newer.body, draft) if newer else (),
                "may_edit": may_edit,
                "may_test": may_edit,
                "is_used": previewing.is_used(template),
                "review": previewing.review(template, draft),
                "placeholders": [f"${name}" for name in wording.PLACEHOLDERS],
                "history": self._history(template, may_edit),
                "acts": self.offered_acts(request, template, timezone.now()),
            },
        )

    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What a draft looks like: a piece of the page, for its script."""
        template = self._template(request, object_id)
        if not self.has_change_permission(request, template):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        review = previewing.review(template, request.POST.get("body", ""))
        return TemplateResponse(
            request, "proactive/template_preview.html", {"review": review, "may_edit": True}
        )

    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = self._template(request, object_id)
        if not self.has_change_permission(request, template):
            raise PermissionDenied
        if not previewing.is_used(template):
            raise Http404
        return trial_page(
            self, request, trial_of(template), row=template, back=self._page_of(template)
        )

    def act_on(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        chosen = self._allowed(request, act)
        template = self._template(request, object_id)
        if chosen is REVERT:
            form = version_form(template, request.GET.get("version", ""))
            chosen = replace(chosen, form=form)
        return self._page(request, chosen, [template], several=False)

    def _template(self, request: HttpRequest, object_id: str) -> MessageTemplate:
        """Raises Http404, or PermissionDenied for whoever may not even read it."""
        template = self.get_object(request, unquote(object_id))
        if template is None:
            raise Http404
        if not self.has_view_permission(request, template):
            raise PermissionDenied
        assert isinstance(template, MessageTemplate)
        return template

    def _save(
        self,
        request: HttpRequest,
        template: MessageTemplate,
        data: dict[str, Any],
        seen_at: datetime | None,
    ) -> None:
        assert isinstance(request.user, User)
        rewording.save_draft(
            template,
            data["body"],
            seen_at=seen_at,
            by=request.user,
            reason=data["reason"],
            now=timezone.now(),
        )
        self.message_user(
            request,
            f"{template}: saved. The next sweep writes with these words.",
            messages.SUCCESS,
        )

    def _history(self, template: MessageTemplate, may_edit: bool) -> list[dict[str, Any]]:
        url = reverse(f"admin:{self._url_name}_act", args=[template.pk, REVERT.name])
        return [
            {
                "entry": entry,
                "pieces": rewording.compare(*entry.changes["body"]),
                "revert": (
                    f"{url}?version={entry.pk}"
                    if may_edit and entry.changes["body"][0] != template.body
                    else ""
                ),
            }
            for entry in rewording.history(template).select_related("by")[:LATEST]
        ]

    # --- Columns ---

    @admin.display(description="text of")
    def what(self, template: MessageTemplate) -> str:
        return template.of_what()

    @admin.display(description="words")
    def words(self, template: MessageTemplate) -> str:
        return template.body

    @admin.display(description="size")
    def size(self, template: MessageTemplate) -> str:
        size = segments.measure(usual(template))
        return f"{size.segments} segment{'s' * (size.segments > 1)}, {size.units} {size.encoding}"

    @admin.display(description="warnings")
    def warnings(self, template: MessageTemplate) -> str:
        if not previewing.is_used(template):
            return "Not used: no longer part of the policy"
        review = previewing.review(template, template.body)
        return " ".join(filter(None, (review.problem, *review.warnings)))

    @admin.display(description="changed by", ordering="changed_by")
    def changed_by(self, template: MessageTemplate) -> str:
        return template.changed_by or ""  # type: ignore[attr-defined]


def _redrawn(request: HttpRequest) -> WordsForm | None:
    """The form with what was typed, if its preview or plain characters were asked for."""
    if not {"_preview", "_tidy"} & set(request.POST):
        return None
    typed = {name: request.POST.get(name, "") for name in ("body", "reason")}
    if "_tidy" in request.POST:
        typed["body"] = wording.plain(typed["body"])
    return WordsForm(initial=typed)


def _instant(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None
