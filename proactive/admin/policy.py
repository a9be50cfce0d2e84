"""The page of the policy: every cadence as it is declared, its switch, and where its words are.

Nothing here knows a cadence: what stands on the page is read from the declarations.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from proactive.admin.moments import in_full
from proactive.cadences import CADENCES
from proactive.clocks import duration
from proactive.declaring import Cadence, Step
from proactive.models import CadenceSwitch, MessageTemplate
from proactive.rules import CHURN_AFTER, Rule
from proactive.shares import EVERYBODY
from proactive.switches import Switchboard

if TYPE_CHECKING:
    from proactive.admin.switches import CadenceSwitchAdmin

# By cadence, stage and tier: the templates, one for each language.
Words = dict[tuple[str, int | None, str], list[MessageTemplate]]


@dataclass(frozen=True)
class State:
    """How a switch stands: in words, and as `on`, `off`, `paused` or `halted`."""

    tone: str
    says: str


def page(model_admin: "CadenceSwitchAdmin", request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    board = Switchboard(
        {one.cadence: one for one in CadenceSwitch.objects.select_related("changed_by")}
    )
    words = _words() if request.user.has_perm("proactive.view_messagetemplate") else {}

    def switch(name: str) -> dict[str, Any]:
        row = board.of(name)
        return {
            "row": row,
            "state": state_of(row, now),
            "acts": model_admin.offered_acts(request, row, now),
        }

    return TemplateResponse(
        request,
        "proactive/policy.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": "Cadences",
            "may_test": request.user.has_perm("proactive.change_policy"),
            "everything": switch(CadenceSwitch.EVERYTHING),
            "is_open": board.everything.is_open(now),
            "shared": [rule.means for rule in shared_rules()],
            "cadences": [
                {**describe(cadence, words), **switch(cadence.name)} for cadence in CADENCES
            ],
            "zone": settings.TIME_ZONE,
        },
    )


def state_of(switch: CadenceSwitch, now: datetime) -> State:
    """How `switch` itself stands at `now`, whatever stands above it."""
    some = f", for {switch.share} % of people" if switch.share < EVERYBODY else ""
    if switch.halted:
        return State("halted", "Halted by the system")
    if not switch.is_on:
        return State("off", f"Off{some}")
    if not switch.is_open(now):
        return State("paused", f"Paused until {in_full(switch.paused_until)}{some}")
    return State("on", f"On{some}")


def rough(length: timedelta) -> str:
    """How long something takes, as people say it: `40 seconds`, `3 minutes`, `2 hours`."""
    if length < timedelta(minutes=2):
        return f"{max(round(length.total_seconds()), 1)} seconds"
    return duration(length)


def shared_rules() -> list[Rule]:
    """The rules that every text of every cadence must meet, as they are."""
    first, *others = (cadence.rules(cadence.steps[0]) for cadence in CADENCES)
    return [rule for rule in first if all(rule in rules for rules in others)]


def describe(cadence: Cadence, words: Words) -> dict[str, Any]:
    """One cadence in words: `facts` of the whole, `stages` or `tiers` with links to their words."""
    facts = [
        ("Who", "; ".join(rule.means for rule in cadence.who)),
        ("Counted from", cadence.anchor.words),
        ("Local hours", str(cadence.window)),
        ("After they wrote", f"left alone for {duration(cadence.quiet)}"),
        (
            "Makes room",
            "goes out only while " + " and ".join(rule.means for rule in cadence.yields)
            if cadence.yields
            else "for nothing",
        ),
        (
            "If it cannot go out",
            "an alert asks a person, and every stage is accounted for"
            if cadence.vital
            else "it is found again until its time is over; no alert",
        ),
    ]
    if cadence.ends_in_churn:
        facts.append(
            ("At its end", f"churned after {duration(CHURN_AFTER)} of silence: no more texts")
        )
    return {
        "cadence": cadence,
        "priority": CADENCES.index(cadence) + 1,
        "facts": facts,
        "stages": [
            {
                "number": step.stage,
                "due": duration(step.due),
                "limit": duration(step.limit),
                "words": _links(cadence, step, words),
            }
            for step in cadence.steps
            if step.due is not None and step.limit is not None
        ],
        "tiers": [
            {
                "name": tier.name.replace("_", " ").capitalize(),
                "who": tier.who.means,
                "every": duration(tier.every),
                "silence": duration(tier.silence),
                "words": _links(cadence, step, words),
            }
            for tier in cadence.tiers
            for step in cadence.steps
            if step.tier == tier.name
        ],
    }


def _words() -> Words:
    words: Words = {}
    known = MessageTemplate.objects.filter(cadence__in=[cadence.name for cadence in CADENCES])
    for template in known.defer("body").order_by("language"):
        words.setdefault((template.cadence, template.stage, template.tier), []).append(template)
    return words


def _links(cadence: Cadence, step: Step, words: Words) -> list[tuple[str, str]]:
    """Language and address of each wording."""
    return [
        (
            template.get_language_display(),
            reverse("admin:proactive_messagetemplate_change", args=[template.pk]),
        )
        for template in words.get((cadence.name, step.stage, step.tier), ())
    ]
