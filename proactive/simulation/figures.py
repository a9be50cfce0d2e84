"""What a world's policy did to its people, counted: how many texts, how late, at what price.

Counts only, so that the parts of a world that ran apart add up (`merging`); shares, medians and
money are made of the sum by `presenting`. Keys are words and numbers as strings, as JSON has them.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, IntegerField, Q, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from caregiving.intents import Intent, read_intent
from caregiving.models import Caregiver, JourneyPhase
from proactive.cadences import BY_NAME
from proactive.models import Message, Status, Sweep
from proactive.receiving import REPLY_WITHIN
from proactive.simulation.happenings import Kind, Person
from proactive.simulation.log import Accepted, Log
from proactive.simulation.spec import Spec

WEEK = timedelta(days=7)
NO_BAND = "none"

# Stages that ended without the text being taken by the provider.
UNSENT = (Status.SUPERSEDED, Status.FAILED)


def measure(log: Log, people: list[Person], *, spec: Spec) -> dict[str, Any]:
    """Count what `log` tells of `people` in the world of `spec`.

    Asks the scratch database for what nobody outside sees: who churned or opted out, and which
    stages were given up. The policy of this process is the one that is measured.
    """
    bands = _bands(log, people, spec)
    return {
        "people": len(bands),
        "worlds": 1,
        # Of every part of a world the same, and a number would be added up.
        "days": str(spec.days),
        "person_seconds": _person_seconds(bands, spec),
        "texts": _texts(log, bands, spec),
        "cadences": _cadences(log, spec),
        "looks": log.looks,
        "people_held_back": log.people_held_back,
        "held_back": _held_back(log),
        "waits": _waits(log, spec),
        "unsent": _unsent(spec),
        "answers": _answers(log, spec),
        "people_end": _people_end(people, spec),
    }


# --- Who was in which band, and for how long ---

# By person: from when on they were in which band, oldest first. The first is when they began.
_Bands = dict[int, tuple[list[datetime], list[str]]]


def _bands(log: Log, people: list[Person], spec: Spec) -> _Bands:
    rows = {person.key: person.row.get("burnout_band") or NO_BAND for person in people}
    bands: _Bands = {
        person.key: ([spec.starts], [rows[person.key]]) for person in people if person.is_there
    }
    for happened in sorted(log.happened, key=lambda one: one.at):
        happening = happened.happening
        if not happened.acknowledged:
            continue
        if happening.kind == Kind.SIGN_UP:
            bands.setdefault(happening.person, ([happened.at], [rows[happening.person]]))
        elif happening.kind == Kind.SCORE and happening.person in bands:
            since, names = bands[happening.person]
            since.append(happened.at)
            names.append(happening.data["burnout_band"])
    return bands


def _band_at(bands: _Bands, person: int, at: datetime) -> str:
    if person not in bands:
        return NO_BAND
    since, names = bands[person]
    return names[max(bisect_right(since, at) - 1, 0)]


def _person_seconds(bands: _Bands, spec: Spec) -> dict[str, dict[str, int]]:
    """{band: {week: seconds that people spent in it}}; a week that the world ends in is short."""
    seconds: dict[str, Counter[str]] = defaultdict(Counter)
    for since, names in bands.values():
        for name, begins, ends in zip(names, since, [*since[1:], spec.ends], strict=True):
            for week, length in _by_week(begins, ends, spec):
                seconds[name][str(week)] += int(length.total_seconds())
    return {name: dict(weeks) for name, weeks in sorted(seconds.items())}


def _by_week(begins: datetime, ends: datetime, spec: Spec) -> Iterator[tuple[int, timedelta]]:
    while begins < ends:
        week = _week(begins, spec)
        until = min(ends, spec.starts + (week + 1) * WEEK)
        yield week, until - begins
        begins = until


def _week(at: datetime, spec: Spec) -> int:
    """From 0; what the provider took in the last instants belongs to the last week."""
    last = (spec.ends - spec.starts - timedelta(microseconds=1)) // WEEK
    return min(max((at - spec.starts) // WEEK, 0), last)


# --- Texts ---


def _texts(log: Log, bands: _Bands, spec: Spec) -> dict[str, dict[str, int]]:
    """{band: {week: texts}}, by the band in which the person was then."""
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for text in log.accepted:
        texts[_band_at(bands, text.person, text.at)][str(_week(text.at, spec))] += 1
    return {name: dict(weeks) for name, weeks in sorted(texts.items())}


def _cadences(log: Log, spec: Spec) -> dict[str, dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {}
    for text in log.accepted:
        count = counts.setdefault(text.cadence, {"segments": 0, "weeks": Counter()})
        count["segments"] += text.segments
        count["weeks"][str(_week(text.at, spec))] += 1
    return {name: {**counts[name], "weeks": dict(counts[name]["weeks"])} for name in sorted(counts)}


def _due(cadence: str, stage: int | None, occasion: datetime | None) -> datetime | None:
    """When a stage fell due, by the policy of this process; None for what has no stages."""
    declared = BY_NAME.get(cadence)
    if declared is None or stage is None or occasion is None or stage > len(declared.due):
        return None
    return occasion + declared.due[stage - 1]


def _waits(log: Log, spec: Spec) -> dict[str, dict[str, int]]:
    """{cadence: {whole minutes from due until the provider took it: texts}}.

    What had fallen due before the world began is not the doing of its policy.
    """
    waits: dict[str, Counter[str]] = defaultdict(Counter)
    for text in log.accepted:
        due = _due(text.cadence, text.stage, text.occasion)
        if due is not None and due >= spec.starts:
            waits[text.cadence][str(max(text.at - due, timedelta()) // timedelta(minutes=1))] += 1
    return {name: dict(minutes) for name, minutes in sorted(waits.items())}


def _unsent(spec: Spec) -> dict[str, dict[str, int]]:
    """{cadence: {status: stages that fell due in this world and were not sent}}."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    rows = Message.objects.filter(status__in=UNSENT, queued_at__gte=spec.starts)
    for cadence, stage, occasion, status in rows.order_by("cadence", "status").values_list(
        "cadence", "stage", "occasion", "status"
    ):
        due = _due(cadence, stage, occasion)
        if due is not None and due >= spec.starts:
            counts[cadence][status] += 1
    return {name: dict(statuses) for name, statuses in counts.items()}


# --- What is held back ---


def _held_back(log: Log) -> dict[str, dict[str, Any]]:
    """{cadence: {"texts", "held", "by_rule" {rule: texts}}}: texts that were owed, how many of them
    something held back at some look, and what did. A text may be held back by one rule after the
    other. Owed is what was sent or held back; what waited from one look to the next at most may
    have been seen by none.
    """
    texts = {(one.person, one.cadence, one.stage, one.occasion) for one in log.accepted}
    texts |= log.held_back.keys()
    owed = Counter(cadence for _, cadence, _, _ in texts)
    held = Counter(cadence for _, cadence, _, _ in log.held_back)
    by_rule: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, cadence, _, _), rules in log.held_back.items():
        by_rule[cadence].update(rules)
    return {
        name: {
            "texts": owed[name],
            "held": held[name],
            "by_rule": dict(sorted(by_rule[name].items())),
        }
        for name in sorted(owed)
    }


# --- What people made of it ---


def _answers(log: Log, spec: Spec) -> dict[str, dict[str, int]]:
    """{cadence: {"texts", "answered", "stopped"}}: what came back within REPLY_WITHIN.

    A reply answers the latest text before it, as it does in the back office; the first reply to a
    text counts. Texts that the world gave too little time to be answered are left out.
    """
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    texts: dict[int, list[Accepted]] = defaultdict(list)
    for text in sorted(log.accepted, key=lambda one: one.at):
        texts[text.person].append(text)
        if text.at + REPLY_WITHIN <= spec.ends:
            answers[text.cadence]["texts"] += 1
    heard = set()
    for happened in sorted(log.happened, key=lambda one: one.at):
        happening = happened.happening
        if happening.kind != Kind.TEXT:
            continue
        sent = texts.get(happening.person, [])
        before = bisect_right(sent, happened.at, key=lambda one: one.at)
        if not before:
            continue
        text = sent[before - 1]
        in_time = happened.at <= text.at + REPLY_WITHIN <= spec.ends
        if in_time and text.sid not in heard:
            heard.add(text.sid)
            stops = read_intent(happening.data["body"]) == Intent.STOP
            answers[text.cadence]["stopped" if stops else "answered"] += 1
    return {name: dict(counts) for name, counts in sorted(answers.items())}


def _people_end(people: list[Person], spec: Spec) -> dict[str, int]:
    """How many became churned in this world, came back from it, and opted out."""
    end = Caregiver.objects.aggregate(
        churned=Count("pk", filter=Q(journey_phase=JourneyPhase.CHURNED)),
        opted_out=Count("pk", filter=Q(opted_out_at__gte=spec.starts)),
    )
    of_sweep = Cast(KeyTextTransform("churned", "counts"), IntegerField())
    swept = Sweep.objects.filter(dry_run=False, now__gte=spec.starts)
    became = swept.aggregate(n=Sum(of_sweep))["n"] or 0
    before = sum(person.row.get("journey_phase") == JourneyPhase.CHURNED for person in people)
    return {
        "churned_before": before,
        "churned": became,
        # Whoever is neither churned any more nor gone has written again.
        "came_back": before + became - end["churned"],
        "opted_out": end["opted_out"],
    }
