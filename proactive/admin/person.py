"""A person's page: what they get next and why, how they are, all that happened, and their notes."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import flatten, unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from caregiving.models import Caregiver, WellnessScore
from proactive import profiles
from proactive.admin.base import GuardedAdmin, OnlyChangedAdmin
from proactive.admin.people_list import flags, looks_after
from proactive.clocks import home, places
from proactive.forecasting import recorded_copy
from proactive.models import Note
from proactive.naming import away, in_words
from proactive.next_text import DAYS, look_ahead
from proactive.standing_in_words import standing_in_words
from proactive.stream import Kind, Page, read_page
from proactive.telling import Told

SCORES = 30
ALERTS = 5
# Of the forecast, before the rest is folded away.
TEXTS = 4


class NoteForm(forms.Form):
    body = forms.CharField(
        label="Add a note",
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept with your name as you write it; nobody can change it afterwards.",
    )


class PersonPage(GuardedAdmin, OnlyChangedAdmin):
    """Who a person is may be edited. Where they stand changes through events and acts only."""

    change_form_template = "proactive/person_form.html"
    change_form_outer_before_template = "proactive/person.html"
    change_form_outer_after_template = "proactive/person_stream.html"
    profile_fields = (
        ("first_name", "phone_number"),
        ("relationship", "care_recipient_name"),
        ("zip_code", "time_zone"),
        ("language", "wellness_opt_in"),
    )
    standing_fields = (
        ("journey_phase", "burnout_band"),
        ("created_at", "last_contact_at"),
        ("last_assessment_at", "outreach_paused_until"),
        ("last_crisis_event_at", "last_proactive_message_at"),
        ("crisis_followup_count", "reactivation_message_count"),
        ("assessment_reminder_count", "onboarding_nudge_count"),
        ("opted_out_at", "opted_in_at"),
        ("unreachable_at", "unreachable_reason"),
        ("legal_hold_since", "legal_hold_by"),
        ("legal_hold_reason", "erased_at"),
    )
    fieldsets = (
        ("Profile", {"fields": profile_fields, "classes": ("collapse",)}),
        (
            "On record (changes through events and acts only)",
            {"fields": standing_fields, "classes": ("collapse",)},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            # Whoever adds a person knows the number; and where they stand is yet to be seen.
            return [("Profile", {"fields": self.profile_fields})]
        profile, *others = super().get_fieldsets(request, obj)
        if request.method == "POST":
            # Shown again it was refused, and what is wrong must not be hidden.
            profile = (profile[0], {**profile[1], "classes": ()})
        return [profile, *others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        standing = flatten(self.standing_fields)
        return (*super().get_readonly_fields(request, obj), *standing)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        for field in form.base_fields.values() if change else ():
            # What they saw travels with the form. Else a page that was opened a while ago would
            # undo what a colleague has corrected since, such as the number.
            field.show_hidden_initial = True
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            # Somebody else has just taken the number: asked again, the form says so.
            return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Caregiver, form: Any, change: bool) -> None:
        save = profiles.save_edited if change else profiles.save_added
        save(obj, form.changed_data, by=_user(request), now=timezone.now())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (row := context.get("original")) is not None:
            context["person"] = self._person(request, row, timezone.now())
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Notes ---

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<path:object_id>/note/",
                self.admin_site.admin_view(self.add_note),
                name="caregiving_caregiver_note",
            ),
            *super().get_urls(),
        ]

    def add_note(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A POST adds a note to the person and goes back to their stream; a GET only goes back."""
        if not request.user.has_perm("proactive.add_note") or not self.has_view_permission(request):
            raise PermissionDenied
        caregiver = self.get_object(request, unquote(object_id))
        if caregiver is None or caregiver.erased_at is not None:
            raise Http404
        if request.method == "POST":
            form = NoteForm(request.POST)
            if form.is_valid():
                Note.objects.create(
                    caregiver=caregiver,
                    by=_user(request),
                    at=timezone.now(),
                    body=form.cleaned_data["body"],
                )
                self.message_user(request, "The note is kept.", messages.SUCCESS)
            else:
                says = f"The note was not kept: {' '.join(map(str, form.errors['body']))}"
                self.message_user(request, says, messages.ERROR)
        return HttpResponseRedirect(f"{_url(caregiver)}#stream")

    # --- What the templates get ---

    def _person(self, request: HttpRequest, row: Caregiver, now: datetime) -> dict[str, Any]:
        # The form may have written what was typed, and refused, into `row`.
        caregiver = recorded_copy(row)
        outlook = look_ahead(caregiver, now=now)
        zone = home(caregiver)
        timeline = _timeline(outlook.messages, now)
        return {
            "row": caregiver,
            "whom": looks_after(caregiver),
            "flags": [
                *flags(caregiver, now=now),
                *(["legal hold"] if caregiver.legal_hold_since else []),
                *(["erased"] if caregiver.erased_at else []),
            ],
            "now": now,
            "zone": zone,
            "where": _where(caregiver),
            "outlook": outlook,
            "next_away": away(outlook.next.at, now) if outlook.next else "",
            "days": DAYS,
            "timeline": timeline[:TEXTS],
            "timeline_later": timeline[TEXTS:],
            "standing": standing_in_words(caregiver, now=now),
            "scores": _scores(caregiver),
            "alerts": caregiver.alerts.filter(resolved_at=None)
            .select_related("claimed_by")
            .order_by("opened_at")[:ALERTS],
            "stream": _stream(request, caregiver, zone),
            "note_form": NoteForm(auto_id="note_%s"),
            "note_url": reverse("admin:caregiving_caregiver_note", args=[caregiver.pk]),
            "may_read": request.user.has_perm("proactive.see_body"),
            "may_note": request.user.has_perm("proactive.add_note") and caregiver.erased_at is None,
        }


def _stream(request: HttpRequest, caregiver: Caregiver, zone: Any) -> dict[str, Any]:
    kinds = [
        kind
        for kind in Kind
        if kind is not Kind.NOTE or request.user.has_perm("proactive.view_note")
    ]
    chosen = next((kind for kind in kinds if kind.value == request.GET.get("kind")), None)
    wanted = [chosen] if chosen else kinds
    before = request.GET.get("before", "")
    try:
        page = read_page(caregiver, kinds=wanted, before=before)
    except ValueError:  # an address that somebody has shortened
        page, before = read_page(caregiver, kinds=wanted), ""
    return {
        "kinds": [("All", _query(), chosen is None)]
        + [(kind.label, _query(kind=kind.value), kind is chosen) for kind in kinds],
        "days": _by_day(request, page, zone),
        "newest": _query(kind=chosen.value if chosen else "") if before else "",
        "older": _query(kind=chosen.value if chosen else "", before=page.older)
        if page.older
        else "",
    }


def _query(**parameters: str) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in parameters.items() if value})
    return f"?{query.urlencode()}#stream"


def _by_day(request: HttpRequest, page: Page, zone: Any) -> list[tuple[Any, list[Any]]]:
    """Each day with what happened on it, and where a page says more about that."""
    days = groupby(page.happenings, lambda one: one.at.astimezone(zone).date())
    return [
        (day, [(one, _page_about(request, one.told)) for one in happenings])
        for day, happenings in days
    ]


def _page_about(request: HttpRequest, told: Told) -> str:
    """The page of the row that it is about, for whoever may see it; "" if it is this one."""
    label, key = told.about or ("", "")
    if label in ("", Caregiver._meta.label_lower):
        return ""
    app, model = label.split(".")
    if not request.user.has_perm(f"{app}.view_{model}"):
        return ""
    try:
        return reverse(f"admin:{app}_{model}_change", args=[key])
    except NoReverseMatch:  # kept longer than there was a page for it
        return ""


def _timeline(texts: Iterable[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """The texts to come, each with how many days of silence (rounded) come before it."""
    timeline, last = [], now
    for text in texts:
        gap = round((text["at"] - last).total_seconds() / 86400)
        label = in_words(text["cadence"], text["stage"])
        timeline.append({**text, "label": label, "gap": gap, "width": min(gap, DAYS)})
        last = text["at"]
    return timeline


def _where(caregiver: Caregiver) -> str:
    there = places(caregiver)
    if not there:
        return f"time zone {caregiver.time_zone!r} is unknown: times are in UTC"
    if len(there) > 1:
        return f"one of {len(there)} possible time zones: times are for {there[0].key}"
    return there[0].key


def _scores(caregiver: Caregiver) -> dict[str, Any]:
    """The last scores, newest first, and the same as data of a chart, oldest first."""
    newest = list(caregiver.scores.order_by("-created_at")[:SCORES])
    return {"rows": newest, "chart": _chart(newest[::-1], caregiver), "most": SCORES}


def _chart(scores: list[WellnessScore], caregiver: Caregiver) -> dict[str, str]:
    zone = home(caregiver)
    data = {
        "labels": [f"{score.created_at.astimezone(zone):%-d %b %Y}" for score in scores],
        "datasets": [
            {
                "label": "Wellness score",
                "data": [score.score for score in scores],
                "borderColor": "var(--color-primary-600)",
                "backgroundColor": "var(--color-primary-600)",
            }
        ],
    }
    ticks = {"color": "#737373"}  # readable on light and on dark
    options = {
        "animation": False,
        "maintainAspectRatio": False,
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {"ticks": {**ticks, "maxTicksLimit": 6, "maxRotation": 0}, "grid": {}},
            "y": {"min": 0, "max": 100, "ticks": {**ticks, "stepSize": 20}, "grid": {}},
        },
    }
    return {"data": json.dumps(data), "options": json.dumps(options)}


def _url(caregiver: Caregiver) -> str:
    return reverse("admin:caregiving_caregiver_change", args=[caregiver.pk])


def _user(request: HttpRequest) -> User:
    """Who is asking: the admin lets in nobody without a login."""
    assert isinstance(request.user, User)
    return request.user
