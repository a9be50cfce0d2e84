"""Beat's schedule: what is rung, how often, and whether."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskForm as BasePeriodicTaskForm
from django_celery_beat.admin import TaskSelectWidget as BaseTaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget

from proactive import scheduling
from proactive.admin.audited import AuditedAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, Skip
from proactive.admin.exporting import ExportingAdmin

# Each names its tasks by the same related name.
SCHEDULES = ("interval", "crontab", "solar", "clocked")
UNITS = (("day", 24 * 3600), ("hour", 3600), ("minute", 60), ("second", 1))
COUNTED_BY_BEAT = ("last_run_at", "total_run_count")

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


def _in_words(task: PeriodicTask) -> str:
    schedule = task.scheduler
    if isinstance(schedule, IntervalSchedule):
        return _every(schedule)
    return getattr(schedule, "human_readable", None) or str(schedule or "never")


def _every(interval: IntervalSchedule) -> str:
    """In the greatest unit that fits: 86400 seconds are "every day"."""
    seconds = timedelta(**{interval.period: interval.every}) // timedelta(seconds=1)
    for name, length in UNITS:
        count, rest = divmod(seconds, length)
        if count and not rest:
            return f"every {name}" if count == 1 else f"every {count} {name}s"
    return str(interval)


def _switching(enabled: bool) -> dict[str, Any]:
    """What the acts for both directions have in common."""
    already = "is rung already" if enabled else "is not rung already"
    says = "is rung again, by its schedule" if enabled else "is not rung any more"

    def foresee(task: PeriodicTask, data: dict[str, Any], now: datetime) -> str:
        if task.enabled == enabled:
            raise Skip(already)
        return f"{says}. What it does: {task.description or task.task}"

    def perform(task: PeriodicTask, data: dict[str, Any], by: User, now: datetime) -> Done:
        if not scheduling.set_enabled(task, enabled):
            raise Skip(already)
        return Done(says, {"enabled": [not enabled, enabled]})

    return {
        "foresee": foresee,
        "perform": perform,
        "permission": "django_celery_beat.change_periodictask",
        "offered": lambda task, now: task.enabled != enabled,
    }


ENABLE = Act(
    name="enable_task",
    label="Enable",
    explains="It is rung by its schedule again, from within some seconds on.",
    icon="play_arrow",
    **_switching(True),
)
DISABLE = Act(
    name="disable_task",
    label="Disable",
    explains="It is not rung any more, within some seconds, until somebody enables it again. To "
    "stop texts only, use the switches: then what comes in is still dealt with.",
    icon="pause",
    **_switching(False),
)


class TaskSelectWidget(UnfoldAdminSelectWidget, BaseTaskSelectWidget):
    """The tasks that the program has, in Unfold's style."""


class PeriodicTaskForm(BasePeriodicTaskForm):
    """A task of the program, and how it is called; a name that it does not have is never rung."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["task"]
        task = self.fields["regtask"]
        task.label, task.required, task.initial = "Task", True, self.instance.task
        task.widget = TaskSelectWidget()
        for name in ("description", "args", "kwargs"):
            self.fields[name].widget.attrs["rows"] = 2

    def clean(self) -> dict[str, Any]:
        data = forms.ModelForm.clean(self) or self.cleaned_data
        self.instance.task = data.get("regtask", "")
        if data.get("expire_seconds") is not None and data.get("expires"):
            self.add_error("expires", "Set only one of this and the number of seconds.")
        return data


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(AuditedAdmin, ActingAdmin, ExportingAdmin):
    """Disabling has its own page, which asks why."""

    form = PeriodicTaskForm
    acts = (ENABLE, DISABLE)
    acts_select_related = SCHEDULES
    change_form_outer_before_template = "proactive/acts.html"
    list_display = ("name", "schedule", "enabled", "last_run_at")
    list_filter = ("enabled",)
    list_select_related = SCHEDULES
    search_fields = ("name", "task")
    readonly_fields = ("enabled", "last_run_at", "total_run_count")
    fieldsets = (
        (None, {"fields": ("name", "description", "enabled", "last_run_at", "total_run_count")}),
        ("Task", {"fields": ("regtask", "args", "kwargs")}),
        ("Schedule", {"fields": (*SCHEDULES, "start_time", "one_off")}),
        ("Limits", {"fields": ("expires", "expire_seconds", "priority", "queue")}),
    )

    @admin.display(description="schedule")
    def schedule(self, task: PeriodicTask) -> str:
        return _in_words(task)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        return super().get_queryset(request).select_related(*SCHEDULES)

    def write(self, row: Any, form: Any, change: bool) -> None:
        if not change:
            return row.save()
        # Beat counts in the same row: what it wrote since the form was read stays.
        kept = {*COUNTED_BY_BEAT, "enabled", "id"}
        names = [field.name for field in row._meta.concrete_fields if field.name not in kept]
        row.save(update_fields=names)


class TaskInline(TabularInline):
    """Which tasks a schedule rings: changing it changes when they all are."""

    model = PeriodicTask
    fields = ("name", "task", "enabled")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "tasks by this schedule"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule)
class ScheduleAdmin(AuditedAdmin):
    inlines = (TaskInline,)
    # Each row would have to be asked whether it is in use.
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # With a schedule Django deletes its tasks: the tick would be gone.
        in_use = obj is not None and obj.periodictask_set.exists()
        return super().has_delete_permission(request, obj) and not in_use
