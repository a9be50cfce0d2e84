"""Sweeps and alerts: what happened."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from proactive.admin.saving import OnlyChangedAdmin, ReadOnlyAdmin
from proactive.models import CareAlert, Sweep


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "now",
        "dry_run",
        "queued",
        "superseded",
        "churned",
        "finished_at",
    )
    list_filter = ("dry_run",)
    ordering = ("-started_at",)

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
