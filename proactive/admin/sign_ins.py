"""Who signed in, and who tried: kept by django-axes, looked at here."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin

from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.exporting import ExportingAdmin


class SignInAdmin(ExportingAdmin, ReadOnlyAdmin):
    fields: tuple[str, ...] = ("attempt_time", "username", "ip_address", "user_agent")
    ordering = ("-pk",)
    sortable_by = ()
    search_fields = ("=username", "=ip_address")
    search_help_text = "By the exact name or address."


@admin.register(AccessLog)
class AccessLogAdmin(SignInAdmin):
    """Sign-ins that went well."""

    list_display = ("attempt_time", "username", "ip_address", "logout_time")
    fields = (*SignInAdmin.fields, "logout_time")


@admin.register(AccessFailureLog)
class AccessFailureLogAdmin(SignInAdmin):
    """Sign-ins that failed."""

    list_display = ("attempt_time", "username", "ip_address", "locked_out")
    list_filter = ("locked_out",)
    fields = (*SignInAdmin.fields, "locked_out")


@admin.register(AccessAttempt)
class AccessAttemptAdmin(SignInAdmin):
    """What is counted now; it is forgotten after the time that somebody is locked out for."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    fields = (*SignInAdmin.fields, "failures_since_start")
