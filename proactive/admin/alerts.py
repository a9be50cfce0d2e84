"""What a person must look at: the list, the page of each, and what staff do about it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from proactive import alerts, audit
from proactive.admin.base import GuardedAdmin, ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.admin.exporting import ExportingAdmin
from proactive.admin.words import status_in_words
from proactive.clocks import home, length
from proactive.models import CareAlert
from proactive.naming import in_words

MAY_ACT = "proactive.change_carealert"
KEPT = ("claimed_by", "claimed_at", "resolved_at", "resolved_by", "note")


# --- What staff do ---


class RemarkForm(ReasonForm):
    """Looking after something, or no longer, needs no reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = False
        self.fields["reason"].label = "Remark, if there is one"


class NoteForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "Note"
        self.fields["reason"].help_text = "Stays on the alert, with your name and the time."


class DoneForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "What was done?"
        self.fields["reason"].help_text = "Such as: called her, she is fine. Stays on the alert."


def _about(alert: CareAlert, now: datetime) -> str:
    whom = f"about {alert.caregiver}, " if alert.caregiver else ""
    return f"{whom}open for {length(now - alert.opened_at)}"


def _resolved(alert: CareAlert) -> Skip:
    return Skip(f"{alert.resolved_by or 'the system itself'} has resolved it already")


def _foresee_claim(alert: CareAlert, data: dict[str, Any], now: datetime) -> str:
    if alert.resolved_at:
        raise _resolved(alert)
    if alert.claimed_by:
        raise Skip(f"{alert.claimed_by} has claimed it already")
    return _about(alert, now)


def _claim(alert: CareAlert, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = audit.snapshot(alert, KEPT)
    if not alerts.claim(alert, by=by, now=now):
        if alert.resolved_at:
            raise _resolved(alert)
        raise Skip(f"{alert.claimed_by} was faster and has claimed it")
    return Done("Claimed", audit.difference(before, alert))


def _foresee_release(alert: CareAlert, data: dict[str, Any], now: datetime) -> str:
    if alert.resolved_at:
        raise _resolved(alert)
    if not alert.claimed_by:
        raise Skip("nobody has claimed it")
    return f"{alert.claimed_by} no longer looks after it; {_about(alert, now)}"


def _release(alert: CareAlert, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = audit.snapshot(alert, KEPT)
    if not alerts.release(alert):
        raise _resolved(alert) if alert.resolved_at else Skip("nobody has claimed it")
    return Done("Released", audit.difference(before, alert))


def _foresee_note(alert: CareAlert, data: dict[str, Any], now: datetime) -> str:
    return "The note is added below what is noted already"


def _add_note(alert: CareAlert, data: dict[str, Any], by: User, now: datetime) -> Done:
    alerts.add_note(alert, by=by, text=data["reason"], now=now)
    return Done("Note added")


def _foresee_resolve(alert: CareAlert, data: dict[str, Any], now: datetime) -> str:
    if alert.resolved_at:
        raise _resolved(alert)
    claimed = f"; {alert.claimed_by} has claimed it" if alert.claimed_by else ""
    return _about(alert, now) + claimed


def _resolve(alert: CareAlert, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = audit.snapshot(alert, KEPT)
    if not alerts.resolve_by_staff(alert, by=by, done=data["reason"], now=now):
        raise _resolved(alert)
    return Done("Resolved", audit.difference(before, alert))


def _foresee_reopen(alert: CareAlert, data: dict[str, Any], now: datetime) -> str:
    if not alert.resolved_at:
        raise Skip("it is open")
    return "It is open again, and you look after it"


def _reopen(alert: CareAlert, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = audit.snapshot(alert, KEPT)
    try:
        if not alerts.reopen(alert, by=by, why=data["reason"], now=now):
            raise Skip("it is open")
    except alerts.OpenAlready:
        raise Skip(
            "the same was found again since and has an open alert of its own: work on that one"
        ) from None
    return Done("Reopened", audit.difference(before, alert))


def _is_open(alert: CareAlert, now: datetime) -> bool:
    return alert.resolved_at is None


CLAIM = Act(
    name="claim",
    label="Claim",
    explains="You look after it, and your colleagues see that you do.",
    permission=MAY_ACT,
    foresee=_foresee_claim,
    perform=_claim,
    form=RemarkForm,
    icon="front_hand",
    offered=lambda alert, now: _is_open(alert, now) and alert.claimed_by_id is None,
)
RELEASE = Act(
    name="release",
    label="Release",
    explains="Nobody looks after it any more: whoever is free can claim it.",
    permission=MAY_ACT,
    foresee=_foresee_release,
    perform=_release,
    form=RemarkForm,
    icon="undo",
    in_bulk=False,
    offered=lambda alert, now: _is_open(alert, now) and alert.claimed_by_id is not None,
)
ADD_NOTE = Act(
    name="add_note",
    label="Add a note",
    explains="For whoever looks at it next.",
    permission=MAY_ACT,
    foresee=_foresee_note,
    perform=_add_note,
    form=NoteForm,
    icon="edit_note",
    in_bulk=False,
)
RESOLVE = Act(
    name="resolve",
    label="Resolve",
    explains="It needs nobody any more. It leaves the list of what is open and is kept.",
    permission=MAY_ACT,
    foresee=_foresee_resolve,
    perform=_resolve,
    form=DoneForm,
    icon="check",
    offered=_is_open,
)
REOPEN = Act(
    name="reopen",
    label="Reopen",
    explains="It was not over after all.",
    permission=MAY_ACT,
    foresee=_foresee_reopen,
    perform=_reopen,
    icon="replay",
    in_bulk=False,
    offered=lambda alert, now: not _is_open(alert, now),
)


# --- The list and the page ---


class StateFilter(admin.SimpleListFilter):
    """Without a choice: what is open, but for a link that asks for something else itself."""

    title = "state"
    parameter_name = "state"
    OPEN, UNCLAIMED, MINE, RESOLVED, ALL = "open", "unclaimed", "mine", "resolved", "all"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.state = self.chosen(request)
        # So that whoever tells what the list is narrowed to tells this too.
        self.used_parameters[self.parameter_name] = self.state

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (self.OPEN, "Open"),
            (self.UNCLAIMED, "Unclaimed"),
            (self.MINE, "Claimed by me"),
            (self.RESOLVED, "Resolved"),
            (self.ALL, "All"),
        ]

    @classmethod
    def chosen(cls, request: HttpRequest) -> str:
        if any(name.startswith("resolved_at") for name in request.GET):
            return cls.ALL
        return request.GET.get(cls.parameter_name, cls.OPEN)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_open = queryset.filter(resolved_at=None)
        match self.state:
            case self.UNCLAIMED:
                return is_open.filter(claimed_by=None)
            case self.MINE:
                return is_open.filter(claimed_by=request.user.pk)
            case self.RESOLVED:
                return queryset.filter(resolved_at__isnull=False)
            case self.ALL:
                return queryset
            case _:
                return is_open

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": self.state == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }


@admin.register(CareAlert)
class CareAlertAdmin(ActingAdmin, GuardedAdmin, ExportingAdmin, ReadOnlyAdmin):
    """Open ones first, oldest on top. Nothing is edited: what changes, changes by an act."""

    acts = (CLAIM, RELEASE, ADD_NOTE, RESOLVE, REOPEN)
    acts_select_related = ("caregiver", "claimed_by", "resolved_by")
    change_form_template = "proactive/alert.html"
    list_before_template = "proactive/alert_tabs.html"
    empty_title = "Nothing waits here"
    empty_says = "An alert opens when something needs a person. Other tabs show other alerts."
    list_display = ("what", "person", "open_for", "claimed_by", "state")
    list_display_links = ("what",)
    list_filter = (StateFilter, "kind")
    sortable_by = ("open_for",)
    list_select_related = ("caregiver", "claimed_by", "resolved_by")
    guarded = {"note": ("proactive.see_body", "")}
    # How long ago is soon wrong in a file.
    exported = {"open_for": "opened_at"}
    exported_labels = {"open_for": "Opened at"}
    # The page is a template of its own.
    fields = ("kind",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        if StateFilter.chosen(request) in (StateFilter.RESOLVED, StateFilter.ALL):
            return ("-opened_at", "-pk")
        return ("opened_at", "pk")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        if cl := context.get("cl"):
            context["tabs"] = [
                choice
                for spec in cl.filter_specs
                if isinstance(spec, StateFilter)
                for choice in spec.choices(cl)
            ]
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        alert = context["original"]
        now = timezone.now()
        context |= {
            "title": str(alert),
            "now": now,
            "open_for": length((alert.resolved_at or now) - alert.opened_at),
            "zone": home(alert.caregiver) if alert.caregiver else None,
            "text": alert.message,
            **(
                {
                    "text_is": in_words(alert.message.cadence, alert.message.stage),
                    "text_status": status_in_words(alert.message),
                }
                if alert.message
                else {}
            ),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="what happened")
    def what(self, alert: CareAlert) -> str:
        return alert.get_kind_display()

    @admin.display(description="person", empty_value="everybody")
    def person(self, alert: CareAlert) -> str | None:
        return str(alert.caregiver) if alert.caregiver else None

    @admin.display(description="open for", ordering="opened_at")
    def open_for(self, alert: CareAlert) -> str:
        return length((alert.resolved_at or timezone.now()) - alert.opened_at)

    @admin.display(description="state")
    def state(self, alert: CareAlert) -> str:
        if alert.resolved_at:
            return f"resolved by {alert.resolved_by or 'the system itself'}"
        if alert.claimed_by_id:
            return "claimed"
        return "unclaimed, sent on by email" if alert.escalated_at else "unclaimed"
