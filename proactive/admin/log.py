"""Sweeps and alerts: what happened."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from proactive import blast_guard, tasks
from proactive.admin.base import OnlyChangedAdmin, ReadOnlyAdmin
from proactive.models import CareAlert, Sweep


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(
        widget=UnfoldAdminTextInputWidget,
        help_text="Why so many are right. It becomes the note of the alert.",
    )


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "now",
        "dry_run",
        "outcome",
        "texts_queued",
        "queued",
        "superseded",
        "churned",
        "finished_at",
    )
    list_filter = ("dry_run", ("held", admin.EmptyFieldListFilter))
    list_select_related = ("approved_by",)
    ordering = ("-started_at",)
    fields = (
        *("now", "started_at", "finished_at", "dry_run"),
        *("outcome", "held", "approved_by", "approved_at", "error"),
        *("texts_queued", "queued", "superseded", "churned"),
    )
    readonly_fields = ("outcome", "queued", "superseded", "churned")
    actions_detail = ("let_it_go_on",)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        sweep = self.get_object(request, object_id)
        if sweep is None or not blast_guard.may_approve(sweep, now=timezone.now()):
            return []
        return super().get_actions_detail(request, object_id)

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        # Not has_change_permission, which nobody has here. And not "proactive.change_sweep" on the
        # action itself: its check would look for that in a database that is yet to be migrated.
        return request.user.has_perm("proactive.change_sweep")

    @action(
        description="Let it go on",
        permissions=["approve"],
        icon="play_arrow",
        dialog={
            "title": "Let it go on",
            "description": "The next sweep queues a text for everybody who is due, however many "
            "they are, and for an hour none is held. What is sent cannot be taken back. Look "
            "first at who is due: manage.py sweep --dry-run.",
            "form_class": ReasonForm,
            "form_submit_text": "Let it go on",
        },
    )
    def let_it_go_on(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        sweep = self.get_object(request, object_id)
        if sweep is None:
            raise Http404
        now = timezone.now()
        reason = form.cleaned_data["reason"]
        with transaction.atomic():
            took_place = blast_guard.approve(
                sweep, by=cast(User, request.user), reason=reason, now=now
            )
            if took_place:
                self.log_change(request, sweep, f"Let it go on: {reason}")
                transaction.on_commit(tasks.ring)
        if took_place:
            until = now + blast_guard.APPROVAL_LASTS
            self.message_user(
                request,
                "The next sweep, within a minute, queues everybody who is due. "
                f"None is held until {until:%H:%M} UTC.",
                messages.SUCCESS,
            )
        else:
            self.message_user(
                request,
                "Nothing was changed: only a sweep that is held, that nobody has let go on yet and "
                "that is less than a day old can go on.",
                messages.ERROR,
            )
        page = reverse("admin:proactive_sweep_change", args=[sweep.pk])
        return HttpResponse(headers={"HX-Redirect": page})

    @admin.display(description="outcome")
    def outcome(self, sweep: Sweep) -> str:
        if sweep.approved_at:
            return f"held; {sweep.approved_by or 'somebody'} let it go on"
        if sweep.held:
            return "held: asks a person"
        if sweep.error:
            return "ended early"
        if sweep.finished_at is None:
            return "no end on record"
        return "finished, without a limit" if blast_guard.UNLIMITED in sweep.counts else "finished"

    @admin.display(description="queued")
    def queued(self, sweep: Sweep) -> str:
        return _in_words(sweep.counts.get("queued", {}))

    @admin.display(description="superseded")
    def superseded(self, sweep: Sweep) -> str:
        return _in_words(sweep.counts.get("superseded", {}))

    @admin.display(description="churned")
    def churned(self, sweep: Sweep) -> int:
        return int(sweep.counts.get("churned", 0))


@admin.register(CareAlert)
class CareAlertAdmin(OnlyChangedAdmin):
    """Open ones first, oldest on top. A note is what a person leaves behind."""

    list_display = ("kind", "caregiver", "opened_at", "claimed_by", "resolved_at")
    list_filter = ("kind", ("resolved_at", admin.EmptyFieldListFilter))
    list_select_related = ("caregiver", "claimed_by")
    fields = (
        *("kind", "caregiver", "message", "detail", "opened_at"),
        *("claimed_by", "claimed_at", "resolved_by", "resolved_at", "note"),
    )
    readonly_fields = ("kind", "caregiver", "message", "detail", "opened_at")
    autocomplete_fields = ("claimed_by", "resolved_by")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _in_words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "-"
