"""The home page: who needs a person today, is outreach running, what went out.

It only shows. What it shows is counted in `proactive.figures`, and every figure links to the list
of exactly what was counted. Whoever may not look at a list does not see its figures either.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from proactive import figures, running
from proactive.admin.badge import COLOURS, headline
from proactive.admin.charts import by_cadence_chart, by_day_chart
from proactive.admin.moments import clock
from proactive.admin.navigation import open_alerts
from proactive.cadences import CADENCES
from proactive.clocks import length, midnight
from proactive.figures import Tally
from proactive.models import CadenceSwitch, Sweep
from proactive.running import Outreach, State
from proactive.switches import Switchboard
from proactive.upcoming import Upcoming, next_in_line

# Of alerts and of people in crisis; the rest is in their lists.
SHOWN = 10
OPT_OUT_DAYS = 7

admin.site.index_template = "proactive/home.html"

Row = dict[str, Any]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What Unfold asks for when it draws the index: its context, with ours in it."""
    now = timezone.now()
    may = request.user.has_perm
    switchboard = Switchboard.load()
    found = running.outreach(now=now, switch=switchboard.everything)
    texts = _texts(now) if may("proactive.view_message") else None
    sees_people = may("caregiving.view_caregiver")
    return context | {
        "title": "Home",
        "now": now,
        "as_of": clock(now, now=now),
        "zone": settings.TIME_ZONE,
        "banner": _banner(request, found, switchboard, now),
        "needs": _needs(request, now) if may("proactive.view_carealert") else None,
        "crisis": _crisis(switchboard, now) if sees_people else None,
        "due": _due(texts, switchboard, now) if sees_people else None,
        "opted_out": _opted_out(now) if sees_people else None,
        "sweep": _sweep(found, now) if may("proactive.view_sweep") else None,
        "texts": texts,
    }


# --- Is outreach running? ---

_ASK = "Nothing goes out. Ask an operator: is the worker running, and the clock that rings it?"
_SWITCHES = ("Switches", "proactive_cadenceswitch", "proactive.view_cadenceswitch")
_SWEEPS = ("Sweeps", "proactive_sweep", "proactive.view_sweep")
_NEXT = {
    State.NOT_RUNNING: (_ASK, _SWEEPS),
    State.HALTED: (
        "The system stopped all sending. Have an operator mend what is wrong, then send a test "
        "text: once one arrives, sending goes on.",
        _SWITCHES,
    ),
    State.OFF: ("Nothing goes out until somebody switches it on again.", _SWITCHES),
    State.PAUSED: ("Nothing goes out until then; after that it goes on by itself.", _SWITCHES),
    State.HELD: (
        "Far more people than usual are due at once, so nothing new is queued. Look at the sweep: "
        "if it is right, let it go on.",
        _SWEEPS,
    ),
    State.ON: ("", None),
}


def _banner(
    request: HttpRequest, found: Outreach, switchboard: Switchboard, now: datetime
) -> dict[str, Any]:
    next_step, target = _NEXT[found.state]
    label, model, permission = target or ("", "", "")
    knows = request.user.has_perm("proactive.view_cadenceswitch")
    return {
        "headline": headline(found, now=now),
        "colour": COLOURS[found.state],
        "decided": _decided(found, now) if knows else "",
        "reason": found.switch.reason if knows and not found.switch.is_open(now) else "",
        "held": found.last.sweep.held if found.last.sweep and found.state == State.HELD else "",
        "next_step": next_step,
        "link": target and request.user.has_perm(permission) and (label, _list(model)),
        "stopped": [
            f"{one.label} is {_stopped(switchboard.of(one.name), now)}"
            for one in CADENCES
            if found.switch.is_open(now) and not switchboard.is_open(one.name, now)
        ],
    }


def _decided(found: Outreach, now: datetime) -> str:
    """Who stopped sending and when; "" while it is switched on."""
    switch = found.switch
    if switch.is_open(now):
        return ""
    at = clock(switch.changed_at, now=now)
    if switch.halted:
        return f"Halted by the system at {at}"
    done = "Switched off"
    if switch.is_on and switch.paused_until:
        done = f"Paused until {clock(switch.paused_until, now=now)}"
    return f"{done} by {switch.changed_by or 'the command line'} at {at}"


def _stopped(switch: CadenceSwitch, now: datetime) -> str:
    """How one cadence is kept from sending, and why."""
    says = "off"
    if switch.is_on and switch.paused_until:
        says = f"paused until {clock(switch.paused_until, now=now)}"
    return f"{says}: {switch.reason}" if switch.reason else says


def _sweep(found: Outreach, now: datetime) -> dict[str, Any]:
    sweep = found.last.sweep
    if sweep is None or sweep.finished_at is None or found.last.age is None:
        return {"url": _list("proactive_sweep"), "says": "There has been none yet."}
    return {
        "url": _page(sweep),
        "finished_at": sweep.finished_at,
        "clock": clock(sweep.finished_at, now=now),
        "age": length(found.last.age),
        "says": _queued(sweep),
    }


def _queued(sweep: Sweep) -> str:
    if sweep.held:
        return "Held: it queued nothing and asks a person."
    counts = sweep.counts.get("queued", {})
    parts = [
        f"{counts[one.name]:,} {one.label.lower()}" for one in CADENCES if counts.get(one.name)
    ]
    return f"Queued {', '.join(parts)}." if parts else "Nobody was due."


# --- Who needs a person? ---


def _needs(request: HttpRequest, now: datetime) -> dict[str, Any]:
    sees_people = request.user.has_perm("caregiving.view_caregiver")
    rows = [
        {
            "alert": alert,
            "url": _page(alert),
            "person_url": _page(alert.caregiver) if alert.caregiver and sees_people else "",
            "open_for": length(now - alert.opened_at),
            "urgent": figures.waits_too_long(alert, now=now),
        }
        for alert in figures.longest_open(SHOWN)
    ]
    rows.sort(key=lambda row: not row["urgent"])
    return {
        "total": open_alerts(request),
        "url": _list("proactive_carealert", resolved_at__isnull=True),
        "rows": rows,
    }


def _crisis(switchboard: Switchboard, now: datetime) -> dict[str, Any]:
    silent = [
        ("opted out", {"opted_out_at__isnull": False}),
        ("cannot be reached", {"unreachable_at__isnull": False}),
    ]
    upcoming = next_in_line(now=now, switchboard=switchboard, most=SHOWN)
    return {
        "total": figures.in_cohort("crisis", now=now),
        "url": _list("caregiving_caregiver", cohort="crisis"),
        "rows": [_in_words(one, now) for one in upcoming],
        "silent": [
            {
                "words": words,
                "count": figures.in_cohort("crisis", now=now, **lookups),
                "url": _list("caregiving_caregiver", cohort="crisis", **lookups),
            }
            for words, lookups in silent
        ],
    }


def _in_words(one: Upcoming, now: datetime) -> Row:
    row: Row = {"person": one.person, "url": _page(one.person), "of": one.of, "step": one.step}
    if one.step is None or one.due_at is None:
        return row | {"says": f"all {one.of} are dealt with; we wait for an answer"}
    row |= {"due_at": one.due_at, "is_due": one.due_at <= now, "due": clock(one.due_at, now=now)}
    if not row["is_due"]:
        row["in"] = length(one.due_at - now)
    if one.goes_at is None:
        row["says"] = f"held back: {one.held_back_by}"
    elif one.goes_at > max(now, one.due_at):
        row["says"] = f"waits for {clock(one.goes_at, now=now)}"
    elif row["is_due"]:
        row["says"] = "goes with the next sweep"
    return row


def _due(texts: dict[str, Any] | None, switchboard: Switchboard, now: datetime) -> list[Row]:
    owed = figures.owed_today(now=now, switchboard=switchboard)
    return [
        {
            "cadence": one,
            "owed": owed[one.name],
            "url": _list("caregiving_caregiver", cohort=f"due-{one.name}"),
            "went_out": texts and texts["today_by_cadence"][one.name],
        }
        for one in CADENCES
    ]


def _opted_out(now: datetime) -> dict[str, Any]:
    since = midnight(figures.days_until(now, OPT_OUT_DAYS)[0])
    return {
        "count": figures.opted_out_since(since),
        "url": _list("caregiving_caregiver", opted_out_at__gte=since),
        "days": OPT_OUT_DAYS,
    }


# --- What went out? ---


def _texts(now: datetime) -> dict[str, Any]:
    tallies = figures.handed_over(now=now)
    days = figures.days_until(now, figures.DAYS)
    today = days[-1]
    # A cadence that is no more keeps its name.
    names = {one.name: one.label for one in CADENCES}
    names |= {cadence: cadence for _, cadence in sorted(tallies) if cadence not in names}
    by_day = {
        day: figures.total(one for (when, _), one in tallies.items() if when == day) for day in days
    }
    by_cadence = {
        name: figures.total(one for (_, cadence), one in tallies.items() if cadence == name)
        for name in names
    }
    whole = _between(days[0], today)
    labels = {day: f"{day:%a} {day.day} {day:%b}" for day in days}
    return {
        "days": figures.DAYS,
        "waiting": figures.waiting(),
        "waiting_url": _list("proactive_message", status__exact="queued"),
        "today": _linked(by_day[today], _between(today, today)),
        "all": _linked(figures.total(by_day.values()), whole),
        "today_by_cadence": {
            name: _linked(
                tallies.get((today, name), Tally()), _between(today, today) | {"cadence": name}
            )[0]
            for name in names
        },
        "by_day": [
            {"label": labels[day], "cells": _linked(by_day[day], _between(day, day))}
            for day in reversed(days)
        ],
        "by_cadence": [
            {"label": label, "cells": _linked(by_cadence[name], whole | {"cadence": name})}
            for name, label in names.items()
        ],
        "by_day_chart": by_day_chart({labels[day]: by_day[day] for day in days}),
        "by_cadence_chart": by_cadence_chart(
            {label: by_cadence[name] for name, label in names.items()}
        ),
    }


def _linked(tally: Tally, lookups: Mapping[str, Any]) -> list[Row]:
    """The four figures of a tally, each with the list of the texts that it counts."""
    return [
        {
            "name": name,
            "number": getattr(tally, name),
            "words": f"{getattr(tally, name):,}",
            "url": _list("proactive_message", **lookups, **figures.TALLIED[name]),
        }
        for name in figures.TALLIED
    ]


def _between(first: date, last: date) -> dict[str, datetime]:
    """Lookups for the texts that were handed over from the day `first` to the day `last`."""
    return {
        "attempt_started_at__gte": midnight(first),
        "attempt_started_at__lt": midnight(last + timedelta(days=1)),
    }


# --- Links ---


def _list(model: str, **lookups: Any) -> str:
    """The list of a model such as "proactive_message", narrowed by plain lookups."""
    query = urlencode({name: _plain(value) for name, value in lookups.items()})
    return reverse(f"admin:{model}_changelist") + (f"?{query}" if query else "")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _page(row: Any) -> str:
    name = f"{row._meta.app_label}_{row._meta.model_name}"
    return reverse(f"admin:{name}_change", args=[row.pk])
