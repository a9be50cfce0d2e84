"""The switches: off, paused, on again; and a text that tells whether sending works.

A switch is addressed by the name of its cadence: as long as nobody has put it, it has no row, which
means on.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES

from caregiving.models import Caregiver
from proactive import backlog, switches, tasks, trial
from proactive.admin import first_day, policy
from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.admin.exporting import ExportingAdmin
from proactive.admin.moments import in_full
from proactive.admin.trials import Trial, trial_page
from proactive.cadences import BY_NAME, CADENCES
from proactive.declaring import Cadence
from proactive.models import CadenceSwitch, Message
from proactive.switches import NothingToChange, Switchboard, Switched

PERMISSION = "proactive.change_policy"
# As for one person: what is paused for longer is forgotten.
LONGEST_PAUSE = timedelta(days=365)

PILED_UP = "what has piled up goes out, under all rules."
FOR_NOBODY = (
    "On for 0 % of people, so nobody gets it, also once it is switched on, until you give it a "
    "share of people:"
)


class UntilForm(ReasonForm):
    until = forms.DateTimeField(
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)},
            format="%Y-%m-%dT%H:%M",
        )
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until"].help_text = f"By the clock of {settings.TIME_ZONE}."

    def clean_until(self) -> datetime:
        until: datetime = self.cleaned_data["until"]
        latest = timezone.now() + LONGEST_PAUSE
        if until > latest:
            raise forms.ValidationError(
                f"Give {timezone.localtime(latest):%Y-%m-%d} or an earlier day. What is to stay "
                "off for longer than a year is switched off."
            )
        return until


class ShareForm(ReasonForm):
    share = forms.IntegerField(
        label="Percent of people",
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"class": " ".join(INPUT_CLASSES)}),
        help_text="0 is nobody, 100 is everybody. A larger share adds people and loses none.",
    )


# --- What would happen ---


def _foresee_off(row: CadenceSwitch, data: dict[str, Any], now: datetime) -> str:
    if why_not := switches.not_to_switch_off(row):
        raise Skip(why_not)
    return f"no text goes out until it is switched on again. {_meanwhile(row)}"


def _foresee_pause(row: CadenceSwitch, data: dict[str, Any], now: datetime) -> str:
    until = data.get("until")
    if why_not := switches.not_to_pause(row, until=until, now=now):
        raise Skip(why_not)
    when = in_full(until) if until else "the time you name"
    return f"no text goes out until {when}; then it goes on by itself. {_meanwhile(row)}"


def _meanwhile(row: CadenceSwitch) -> str:
    queued = Message.objects.queued()
    if row.cadence == CadenceSwitch.EVERYTHING:
        what = "wait"
    else:
        queued = queued.filter(cadence=row.cadence)
        what = "are given back, and found again later if they still fit"
    count = queued[: backlog.MOST + 1].count()
    more = "more than " if count > backlog.MOST else ""
    return f"Queued texts: {more}{min(count, backlog.MOST):,}; they {what}."


def _foresee_share(row: CadenceSwitch, data: dict[str, Any], now: datetime) -> str:
    """How many people that is, and what goes out to them now."""
    share = data.get("share")
    if why_not := switches.not_to_share(row, share=share):
        raise Skip(why_not)
    if share is None or row.cadence not in BY_NAME:
        return f"it is for {row.share} % of people now; give another share and look"
    board = Switchboard.load()
    limited = board.limited(BY_NAME[row.cadence], share=share)
    chosen, everybody = Caregiver.objects.filter(limited.among).count(), Caregiver.objects.count()
    says = f"it is for {share} % of people instead of {row.share} %: {chosen:,} of {everybody:,}."
    if share < row.share:
        says += (
            " Whoever is not among them any more gets no more of it, not even the rest of a "
            "series; what is queued for them goes out, and no alert tells of what does not."
        )
    says += " For whoever is among them:" if row.is_open(now) else " Once it is on, for them:"
    above = not board.everything.is_open(now)
    return _backlog(f"{says} {PILED_UP}", [limited], [], now, above=above)


def _foresee_on(row: CadenceSwitch, data: dict[str, Any], now: datetime) -> str:
    """What has piled up, and how it is spread over the hours to come."""
    if why_not := switches.not_to_switch_on(row, now=now):
        raise Skip(why_not)
    board = Switchboard.load()
    if row.cadence == CadenceSwitch.EVERYTHING:
        cadences = [one for one in CADENCES if board.of(one.name).is_open(now)]
        closed = [one for one in CADENCES if one not in cadences]
    else:
        cadences, closed = [BY_NAME[row.cadence]] if row.cadence in BY_NAME else [], []
    # What is switched on below a switch that is off sends nothing yet.
    above = row.cadence != CadenceSwitch.EVERYTHING and not board.everything.is_open(now)
    limited = [board.limited(one) for one in cadences]
    nobody = [one.label.lower() for one in cadences if not board.of(one.name).share]
    lead = f"{FOR_NOBODY} {', '.join(nobody)}. {PILED_UP}" if nobody else PILED_UP
    return _backlog(lead, limited, closed, now, above=above)


def _backlog(
    lead: str, cadences: list[Cadence], closed: list[Cadence], now: datetime, *, above: bool
) -> str:
    found = backlog.look(cadences, now=now)
    return render_to_string(
        "proactive/policy_backlog.html",
        {
            "lead": lead,
            "backlog": found,
            "rows": [
                {"label": one.label, "queued": found.queued[one.name], "due": found.due[one.name]}
                for one in cadences
            ],
            "closed": closed,
            "above": above,
            "zone": settings.TIME_ZONE,
            "pace": f"{settings.SMS_PER_SECOND:g}",
            "takes": policy.rough(found.takes),
            "cost": f"{found.cost:,.2f}",
        },
    )


# --- Doing it ---


def _performing(change: Callable[..., Switched], says: Callable[[CadenceSwitch], str]) -> Any:
    def perform(row: CadenceSwitch, data: dict[str, Any], by: User, now: datetime) -> Done:
        own = {name: value for name, value in data.items() if name != "reason"}
        try:
            switched = change(row.cadence, by=by, reason=data["reason"], now=now, **own)
        except NothingToChange as why_not:
            raise Skip(str(why_not)) from why_not
        # What waits should not wait for the next minute, nor should what is to be given back.
        transaction.on_commit(tasks.ring)
        row.pk = switched.switch.pk  # for the audit: it may have had no row
        return Done(says(switched.switch), switched.changes)

    return perform


def _can_be_paused(row: CadenceSwitch, now: datetime) -> bool:
    return not switches.not_to_pause(row, until=None, now=now)


SWITCH_OFF = Act(
    name="switch_off",
    label="Switch off",
    explains="Within seconds nothing more is handed to the provider. What it has taken already "
    "cannot be called back.",
    permission=PERMISSION,
    foresee=_foresee_off,
    perform=_performing(switches.switch_off, lambda switch: "switched off"),
    icon="block",
    in_bulk=False,
    offered=lambda row, now: not switches.not_to_switch_off(row),
)
PAUSE = Act(
    name="pause",
    label="Pause until",
    explains="Within seconds nothing more is handed to the provider, until a time that you name.",
    permission=PERMISSION,
    foresee=_foresee_pause,
    perform=_performing(
        switches.pause, lambda switch: f"paused until {in_full(switch.paused_until)}"
    ),
    form=UntilForm,
    icon="pause",
    in_bulk=False,
    offered=_can_be_paused,
)
SWITCH_ON = Act(
    name="switch_on",
    label="Switch on",
    explains="Texts go out again, under all rules: consent, local hours, 24 hours between two. "
    "Look first at what has piled up.",
    permission=PERMISSION,
    foresee=_foresee_on,
    perform=_performing(switches.switch_on, lambda switch: "switched on"),
    icon="play_arrow",
    in_bulk=False,
    offered=lambda row, now: not switches.not_to_switch_on(row, now=now),
)
SET_SHARE = Act(
    name="set_share",
    label="Share of people",
    explains="For how many percent of people it is on. They are the same at every sweep, and a "
    "larger share adds to them.",
    permission=PERMISSION,
    foresee=_foresee_share,
    perform=_performing(switches.set_share, lambda switch: f"for {switch.share} % of people"),
    form=ShareForm,
    icon="percent",
    in_bulk=False,
    offered=lambda row, now: not switches.not_to_share(row, share=None),
)
SEND_TEST = Trial(
    label="Send a test text",
    explains="To your own phone, whatever the switches say. If the provider takes it, sending that "
    "the system halted goes on; what staff switched off or paused stays so.",
    foresees="one text, to the number that you give",
    send=lambda data, by, now: trial.send_trial(data["phone"], now=now, by=by).says(),
)


@admin.register(CadenceSwitch)
class CadenceSwitchAdmin(ActingAdmin, ExportingAdmin, ReadOnlyAdmin):
    """Without a row a cadence is on.

    While one is off its queued texts are cancelled and given back; while everything is off, they
    wait.
    """

    acts = (SWITCH_OFF, PAUSE, SWITCH_ON, SET_SHARE)
    change_form_outer_before_template = "proactive/acts.html"
    list_before_template = "proactive/policy_link.html"
    empty_title = "Everything is on"
    empty_says = "No switch was ever put: all cadences send."
    list_display = ("name", "state", "share", "reason", "changed_at", "changed_by")
    list_display_links = ("name",)
    list_select_related = ("changed_by",)
    fields = ("cadence", "state", "share", "reason", "changed_at", "changed_by")
    readonly_fields = ("state", "changed_by")

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path("policy/", site.admin_view(self.policy_page), name="proactive_policy"),
            path("first-day/", site.admin_view(self.first_day), name="proactive_first_day"),
            path(
                "first-day/rejected/",
                site.admin_view(self.first_day_rejects),
                name="proactive_first_day_rejects",
            ),
            path("send-test/", site.admin_view(self.send_test), name="proactive_send_test"),
            *super().get_urls(),
        ]

    # --- Pages ---

    def policy_page(self, request: HttpRequest) -> HttpResponse:
        """Every cadence as it is declared, with its switch."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return policy.page(self, request)

    def first_day(self, request: HttpRequest) -> HttpResponse:
        """Whom the next 24 hours would text if everything were switched on."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return first_day.page(self, request)

    def first_day_rejects(self, request: HttpRequest) -> HttpResponse:
        """What the last import from Convex could not take."""
        return first_day.rejects(request)

    def send_test(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request) or not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        back = reverse("admin:proactive_policy")
        return trial_page(self, request, SEND_TEST, row=switches.everything(), back=back)

    def act_on(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """By the name of a cadence; its row is made when something is done, not when looked at."""
        chosen = self._allowed(request, act)
        name = unquote(object_id)
        row = CadenceSwitch.objects.filter(cadence=name).first()
        if row is None:
            if name != CadenceSwitch.EVERYTHING and name not in BY_NAME:
                raise Http404
            row = CadenceSwitch(cadence=name)
        return self._page(request, chosen, [row], several=False)

    def _url(self, act: Act, row: Model) -> str:
        assert isinstance(row, CadenceSwitch)
        return reverse(f"admin:{self._url_name}_act", args=[row.cadence, act.name])

    def _page_of(self, row: Model) -> str:
        return reverse("admin:proactive_policy")

    # --- Columns ---

    @admin.display(description="switch", ordering="cadence")
    def name(self, switch: CadenceSwitch) -> str:
        return str(switch)

    @admin.display(description="state")
    def state(self, switch: CadenceSwitch) -> str:
        return policy.state_of(switch, timezone.now()).says
