"""The list of people: its tabs, its columns in words, and how somebody is found."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from caregiving.models import Caregiver
from proactive.admin.base import GuardedAdmin, LongListAdmin
from proactive.admin.exporting import ExportingAdmin
from proactive.admin.finding import find
from proactive.admin.importing import ImportingAdmin
from proactive.cadences import CADENCES
from proactive.clocks import DAY, MINUTE, duration, places
from proactive.cohorts import BY_NAME, COHORTS

SEE_NUMBER = "caregiving.see_number"
# Longer ago than this is told by its date.
RECENT = 90 * DAY


class CohortFilter(admin.SimpleListFilter):
    """`?cohort=in-crisis`; chosen by the tabs above the list, so the sheet of filters is spared."""

    title = "group"
    parameter_name = "cohort"
    template = "proactive/people_cohort_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(cohort.name, cohort.label) for cohort in COHORTS]

    def queryset(self, request: HttpRequest, people: QuerySet[Any]) -> QuerySet[Any]:
        if not (name := self.value()):
            return people
        if name not in BY_NAME:
            raise IncorrectLookupParameters
        return people.filter(BY_NAME[name].of(timezone.now()))


class PeopleListAdmin(GuardedAdmin, ImportingAdmin, ExportingAdmin, LongListAdmin):
    """The list side of the admin of people."""

    list_display = (
        *("name", "phone_number", "clock", "phase", "band"),
        *("heard", "texted", "crisis", "flags"),
    )
    guarded = {"phone_number": (SEE_NUMBER, "number")}
    exported = {
        "name": "first_name",
        "heard": "last_contact_at",
        "texted": "last_proactive_message_at",
    }
    # What an index can bring in order; every other column would sort everybody.
    sortable_by = ("heard", "texted")
    ordering = ("-pk",)
    empty_title = "Nobody here"
    empty_says = "Nobody belongs to this group at the moment."
    list_filter = (CohortFilter, "journey_phase", "burnout_band", "language")
    list_before_template = "proactive/people_tabs.html"
    # Named so that there is a search; `find` says what they are searched for.
    search_fields = ("first_name", "care_recipient_name", "phone_number")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if cl := context.get("cl"):
            sees = request.user.has_perm(SEE_NUMBER)
            cl.search_help_text = "Name, number, last 4 digits" if sees else "Name or whole number"
            # The tabs show which group it is; the button says whether anything else narrows it.
            cl.has_active_filters = any(
                spec.used_parameters
                for spec in cl.filter_specs
                if not isinstance(spec, CohortFilter)
            )
            context["tabs"] = _tabs(cl)
            context["cohort"] = BY_NAME.get(request.GET.get("cohort", ""))
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Caregiver], search_term: str
    ) -> tuple[QuerySet[Caregiver], bool]:
        parts = request.user.has_perm(SEE_NUMBER)
        return find(queryset, search_term, by_parts_of_number=parts), False

    # --- The columns ---

    @admin.display(description="name")
    def name(self, caregiver: Caregiver) -> SafeString:
        whom = looks_after(caregiver)
        return format_html(
            '<span class="people-name">{}{}</span>',
            caregiver.first_name or "No name",
            format_html('<small class="people-whose">{}</small>', whom) if whom else "",
        )

    @admin.display(description="phone number")
    def number(self, caregiver: Caregiver) -> str:
        return caregiver.masked_number

    @admin.display(description="local time")
    def clock(self, caregiver: Caregiver) -> str:
        return clock(caregiver, now=timezone.now())

    @admin.display(description="phase")
    def phase(self, caregiver: Caregiver) -> str:
        return caregiver.get_journey_phase_display()

    @admin.display(description="band")
    def band(self, caregiver: Caregiver) -> str:
        return caregiver.get_burnout_band_display()

    @admin.display(description="heard from", ordering="last_contact_at")
    def heard(self, caregiver: Caregiver) -> SafeString | str:
        return ago(caregiver.last_contact_at, now=timezone.now())

    @admin.display(description="last text", ordering="last_proactive_message_at")
    def texted(self, caregiver: Caregiver) -> SafeString | str:
        return ago(caregiver.last_proactive_message_at, now=timezone.now())

    @admin.display(description="next follow-up")
    def crisis(self, caregiver: Caregiver) -> str:
        return next_follow_up(caregiver, now=timezone.now())

    @admin.display(description="note")
    def flags(self, caregiver: Caregiver) -> SafeString | str:
        words = flags(caregiver, now=timezone.now())
        return format_html_join(" ", '<span class="base-chip">{}</span>', ([one] for one in words))


def _tabs(cl: Any) -> list[dict[str, Any]]:
    """A link for each cohort, which keeps what is searched for, and one for everybody."""
    chosen = cl.params.get("cohort")
    tabs = [("", "Everybody"), *((cohort.name, cohort.label) for cohort in COHORTS)]
    return [
        {
            "label": label,
            "url": cl.get_query_string({"cohort": name or None}),
            "chosen": name == (chosen or ""),
        }
        for name, label in tabs
    ]


# --- Finding somebody ---


# --- Words ---


def looks_after(caregiver: Caregiver) -> str:
    """`daughter of Rosa`, or as much of it as is known."""
    return " of ".join(filter(None, (caregiver.relationship, caregiver.care_recipient_name)))


def clock(caregiver: Caregiver, *, now: datetime) -> str:
    """`14:05 Chicago`; with several possible zones the first, and how many others there are."""
    zones = places(caregiver)
    if not zones:
        return "unknown zone"
    town = zones[0].key.rpartition("/")[2].replace("_", " ")
    others = f" or {len(zones) - 1} more" if len(zones) > 1 else ""
    return f"{now.astimezone(zones[0]):%H:%M} {town}{others}"


def ago(instant: datetime | None, *, now: datetime) -> SafeString | str:
    """`3 days ago`, with the instant as a title; the date, when that is longer ago than RECENT."""
    if instant is None:
        return "never"
    if now - instant < MINUTE:
        words = "just now"
    elif now - instant < RECENT:
        words = f"{_roughly(now - instant)} ago"
    else:
        words = date_format(timezone.localtime(instant), "j M Y")
    here = timezone.localtime(instant)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        here.isoformat(),
        date_format(here, "DATETIME_FORMAT"),
        words,
    )


def next_follow_up(caregiver: Caregiver, *, now: datetime) -> str:
    """Of the vital cadence that runs: `4 of 7, in 2 days`; "" if none does or may go out.

    From what the row says alone, without asking for its texts: the person's page knows exactly.
    """
    if caregiver.opted_out_at or caregiver.unreachable_at or caregiver.journey_phase == "churned":
        return ""
    for cadence in CADENCES:
        since = cadence.anchor.of(caregiver)
        if not cadence.vital or since is None:
            continue
        dealt_with = getattr(caregiver, cadence.counter) or 0
        for step in cadence.steps:
            assert step.stage is not None and step.due is not None and step.limit is not None
            if dealt_with < step.stage and now < since + step.limit:
                wait = since + step.due - now
                when = f"in {_roughly(wait)}" if wait.total_seconds() > 0 else "due"
                return f"{step.stage} of {len(cadence.due)}, {when}"
    return ""


def _roughly(wait: timedelta) -> str:
    return duration(wait if wait < DAY else DAY * round(wait / DAY))


def flags(caregiver: Caregiver, *, now: datetime) -> list[str]:
    """What keeps texts from this person, in words."""
    paused_until = caregiver.outreach_paused_until
    return [
        *(["opted out"] if caregiver.opted_out_at else []),
        *(["unreachable"] if caregiver.unreachable_at else []),
        *(
            [f"paused until {date_format(timezone.localtime(paused_until), 'j M')}"]
            if paused_until and paused_until > now
            else []
        ),
    ]
