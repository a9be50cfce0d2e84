"""What one person gets next and why; or what stops it. The short answer for whoever is in a hurry.

`explain` and `forecast` know; this picks out of what they say.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from caregiving.models import Caregiver
from proactive.cadences import BY_NAME
from proactive.clocks import local
from proactive.declaring import Cadence, Step
from proactive.explaining import explain
from proactive.forecasting import forecast, recorded_copy, silent_copy
from proactive.models import Message
from proactive.naming import in_words
from proactive.rules import Rule
from proactive.switches import Switchboard

DAYS = 35


@dataclass(frozen=True)
class NextText:
    """`because`: what its own rules say. `held_back`: what keeps it from going out at this moment.

    `waiting`: it is queued already, and goes out as soon as nothing holds it back.
    """

    label: str
    at: datetime
    body: str
    because: tuple[str, ...]
    held_back: tuple[str, ...]
    waiting: bool


@dataclass(frozen=True)
class Stop:
    """What stops one cadence, by its label; what stops all of them has none."""

    label: str
    says: tuple[str, ...]


@dataclass(frozen=True)
class Outlook:
    """The next text, or else what stops it all; with what `explain` and `forecast` return.

    Each of `cadences` has one more entry, "expected": when the forecast has its first text. Unlike
    "earliest", that counts what other cadences send in between.
    `later`: when something may go out all the same, beyond the days of the forecast.
    """

    next: NextText | None
    stops: tuple[Stop, ...]
    later: datetime | None
    cadences: list[dict[str, Any]]
    messages: list[dict[str, Any]]


def look_ahead(caregiver: Caregiver, *, now: datetime, days: int = DAYS) -> Outlook:
    """What comes within `days` (of 24 hours) if the person stays silent. Writes nothing."""
    cadences = explain(caregiver, now=now)["cadences"]
    messages = forecast(caregiver, now=now, days=days)["messages"]
    for one in cadences:
        own = (text["at"] for text in messages if text["cadence"] == one["cadence"])
        one["expected"] = next(own, None)
    person = recorded_copy(caregiver)
    waiting = caregiver.messages.waiting().select_related("ordered_by").order_by("queued_at")
    coming: NextText | None
    if queued := waiting.first():
        coming = _waiting(queued, cadences, person, now)
    else:
        coming = _planned(messages[0], cadences, person, now) if messages else None
    earliest = min((one["earliest"] for one in cadences if one["earliest"]), default=None)
    return Outlook(
        next=coming,
        stops=() if coming else _stops(cadences, silent_copy(caregiver, now=now), now, days),
        later=None if coming else earliest,
        cadences=cadences,
        messages=messages,
    )


# --- What goes out ---


def _planned(
    text: dict[str, Any], cadences: list[dict[str, Any]], person: Caregiver, now: datetime
) -> NextText:
    explained = next(one for one in cadences if one["cadence"] == text["cadence"])
    step = _step(BY_NAME[text["cadence"]], explained["stage"], explained["tier"])
    because = tuple(rule.says(person, now) for rule in step.rules) if step else ()
    failing = _failing(explained) if text["at"] > now else ()
    return NextText(
        label=in_words(text["cadence"], text["stage"]),
        at=text["at"],
        body=text["body"],
        because=because,
        # A stage whose time is yet to come says so in its own rule: once is enough.
        held_back=tuple(says for says in failing if says not in because),
        waiting=False,
    )


def _waiting(
    text: Message, cadences: list[dict[str, Any]], person: Caregiver, now: datetime
) -> NextText:
    because = text.because.split("; ") if text.because else []
    if text.ordered_by:
        because.insert(0, f"{text.ordered_by} had it sent")
    return NextText(
        label=in_words(text.cadence, text.stage),
        at=now,
        body=text.body,
        because=tuple(because),
        held_back=_holding(text, cadences, person, now),
        waiting=True,
    )


def _holding(
    text: Message, cadences: list[dict[str, Any]], person: Caregiver, now: datetime
) -> tuple[str, ...]:
    """What delivery would find if it asked again at `now`."""
    held = []
    if text.retry_at and text.retry_at > now:
        because = f": {text.reason}" if text.reason else ""
        held.append(f"tried before, again from {local(text.retry_at, person)}{because}")
    for explained in cadences:
        if explained["cadence"] == text.cadence:
            switch = explained["rules"][0]
            held.extend([] if switch["holds"] else [switch["says"]])
    declared = BY_NAME.get(text.cadence)
    cadence = Switchboard.load().limited(declared) if declared else None
    step = _step(cadence, text.stage, text.tier) if cadence else None
    if cadence and step:
        held.extend(
            rule.says(person, now)
            for rule in cadence.rules(step)
            if rule.asked_again and not rule.holds(person, now)
        )
    return tuple(held)


def _step(cadence: Cadence, stage: int | None, tier: str) -> Step | None:
    for step in cadence.steps:
        if (step.stage, step.tier) == (stage, tier):
            return step
    return None


# --- What stops ---


def _stops(
    cadences: list[dict[str, Any]], person: Caregiver, now: datetime, days: int
) -> tuple[Stop, ...]:
    """What stops every cadence, if there is such a thing; else for each what stops it."""
    switchboard = Switchboard.load()
    end = now + timedelta(days=days)
    stopping = [_lasting(one, person, switchboard, now, end) for one in cadences]
    first, *others = stopping
    common = tuple(
        says for name, says in first.items() if all(name in another for another in others)
    )
    if common:
        return (Stop("", common),)
    return tuple(
        Stop(in_words(one["cadence"], one["stage"]), tuple(found.values()) or _failing(one))
        for one, found in zip(cadences, stopping, strict=True)
    )


def _lasting(
    explained: dict[str, Any],
    person: Caregiver,
    switchboard: Switchboard,
    now: datetime,
    end: datetime,
) -> dict[str, str]:
    """The rules that fail from `now` to `end`: {name: sentence}."""
    cadence = switchboard.limited(BY_NAME[explained["cadence"]])
    step = _step(cadence, explained["stage"], explained["tier"])
    found = {}
    opens = switchboard.opens_at(cadence.name, now)
    if opens is None or opens > end:
        found["switch"] = switchboard.says(cadence.name, now)
    for rule in cadence.rules(step) if step else ():
        if _fails(rule, person, now, end):
            found.setdefault(rule.name, rule.says(person, now))
    return found


def _fails(rule: Rule, person: Caregiver, now: datetime, end: datetime) -> bool:
    """Whether it fails throughout: an answer that may differ at an instant need not."""
    at: datetime | None = now
    while at is not None and at <= end:
        if rule.holds(person, at):
            return False
        at = rule.next_change(person, at)
    return True


def _failing(explained: dict[str, Any]) -> tuple[str, ...]:
    return tuple(rule["says"] for rule in explained["rules"] if not rule["holds"])
