"""Whether the promises held in a world, as counters that must be zero.

Read from the log alone: what the provider accepted is what counts. The standard stands here, in
the numbers of the design, and is not asked of the code that is judged.

A judgement is raw and can be merged over worlds: {"broken": {promise: n}, "checked": {promise: n},
"examples": {promise: [sentence]}}.
"""

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Min, Q

from caregiving.models import Caregiver
from proactive.explaining import explain
from proactive.simulation.happenings import Kind, Person
from proactive.simulation.histories import History, histories
from proactive.simulation.log import Accepted, Log
from proactive.simulation.spec import Spec
from proactive.sweeps import run_sweep

PROMISES = ("cap", "once", "consent", "hours", "accounted", "stop", "explainable")
EXAMPLES = 5

CAP = timedelta(hours=24)
# A text that is accepted so soon after its window has closed was on its way.
ON_ITS_WAY = timedelta(seconds=2)
REACTIVATION, LAST_REACTIVATION = "dormant_reactivation", 3
CHURN_AFTER = timedelta(days=31)
CASCADE = timedelta(days=42)

_MICROSECOND = timedelta(microseconds=1)

Judgement = dict[str, Any]


def judge(
    log: Log, people: list[Person], *, spec: Spec, windows: Mapping[str, tuple[int, int]]
) -> Judgement:
    """Cap, once, consent, hours and stop. `windows`: by cadence, the local hours [from, to).

    What was looked at ("checked"): for cap, pairs of texts to one person, one after the other; for
    once and hours, texts; for consent, opt-outs; for stop, silences after which nothing may come.
    """
    judgement = empty()
    theirs: dict[int, list[Accepted]] = defaultdict(list)
    for text in log.accepted:
        theirs[text.person].append(text)
    known = histories(log, people)
    _judge(judgement, "cap", _count_pairs(theirs), _cap(theirs))
    _judge(judgement, "once", len(log.accepted), _once(log))
    _judge(judgement, "hours", len(log.accepted), _hours(log, people, windows))
    out = {key: list(history.opted_out()) for key, history in known.items()}
    _judge(judgement, "consent", sum(map(len, out.values())), _consent(log, out))
    ended = {key: list(_ended_silences(history, spec)) for key, history in known.items()}
    thirds = sum((one.cadence, one.stage) == _THIRD for one in log.accepted)
    looked_at = thirds + sum(map(len, ended.values()))
    _judge(judgement, "stop", looked_at, _stop(log, theirs, ended))
    return judgement


def empty() -> Judgement:
    return {
        "broken": dict.fromkeys(PROMISES, 0),
        "checked": dict.fromkeys(PROMISES, 0),
        "examples": {promise: [] for promise in PROMISES},
    }


def add(
    judgement: Judgement, promise: str, *, checked: int, broken: int, examples: list[str]
) -> None:
    """Count what was found elsewhere: by `accounted`, or by `explainable` at sampled instants."""
    judgement["checked"][promise] += checked
    judgement["broken"][promise] += broken
    kept = judgement["examples"][promise]
    kept += examples[: max(EXAMPLES - len(kept), 0)]


def accounted(ledger: dict[str, Any]) -> tuple[int, int, list[str]]:
    """From a raw ledger: how many obligations of vital cadences were owed, how many of them have
    no end, and the first of those in sentences."""
    vital = [one for one in ledger["obligations"].values() if one["vital"]]
    owed = sum(one["owed"] for one in vital)
    lost = sum(one["unaccounted"] for one in vital)
    return owed, lost, [says for one in vital for says in one["unaccounted_examples"]][:EXAMPLES]


def explainable(now: datetime, *, seed: str = "", sample: int = 20) -> tuple[int, list[str]]:
    """Whether `explain` and a dry run of the sweep agree at `now`, on the current database.

    Asked of `sample` people who are planned for a text and as many of everybody, drawn by `seed`
    and `now`. Returns how many were asked, and a sentence for each difference. A sweep that the
    blast guard holds plans all the same, and the guard is no rule about a person.
    """
    planned: dict[str, tuple[str, int | None]] = {
        one.phone_number: (one.cadence, one.stage)
        for one in run_sweep(dry_run=True, now=now).planned
    }
    draw = random.Random(f"{seed}/explainable/{now.isoformat()}")
    drawn = draw.sample(sorted(planned), min(sample, len(planned)))
    keys = Caregiver.objects.aggregate(lowest=Min("pk"), highest=Max("pk"))
    among = [
        draw.randint(keys["lowest"], keys["highest"])
        for _ in range(sample if keys["lowest"] else 0)
    ]
    people = Caregiver.objects.filter(Q(phone_number__in=drawn) | Q(pk__in=among)).order_by("pk")
    differences = []
    checked = 0
    for person in people:
        checked += 1
        says = [
            (one["cadence"], one["stage"])
            for one in explain(person, now=now)["cadences"]
            if one["sendable"]
        ]
        does = planned.get(str(person.phone_number))
        if says != ([does] if does else []):
            differences.append(
                f"{person.phone_number} at {now:%Y-%m-%d %H:%M} UTC: explained as "
                f"{_words(*says) or 'nothing'}, the sweep plans {_words(does) or 'nothing'}"
            )
    return checked, differences


def _words(*texts: tuple[str, int | None] | None) -> str:
    return ", ".join(f"{text[0]} {text[1] or ''}".strip() for text in texts if text)


def _judge(judgement: Judgement, promise: str, checked: int, found: Iterator[str]) -> None:
    broken = 0
    examples: list[str] = []
    for sentence in found:
        broken += 1
        if len(examples) < EXAMPLES:
            examples.append(sentence)
    add(judgement, promise, checked=checked, broken=broken, examples=examples)


# --- Cap and once ---


def _count_pairs(theirs: dict[int, list[Accepted]]) -> int:
    return sum(len(texts) - 1 for texts in theirs.values())


def _cap(theirs: dict[int, list[Accepted]]) -> Iterator[str]:
    for texts in theirs.values():
        for first, second in pairwise(sorted(texts, key=lambda one: one.clock)):
            apart = second.clock - first.clock
            if apart < CAP:
                yield f"{_told(second)}, {apart} after {_named(first)}"


def _once(log: Log) -> Iterator[str]:
    for message_id, times in Counter(one.message_id for one in log.accepted).items():
        if times > 1:
            yield f"text {message_id} was accepted {times} times"
    stages: dict[tuple[Any, ...], dict[str, Accepted]] = defaultdict(dict)
    for one in log.accepted:
        if one.stage is not None:
            key = one.person, one.cadence, one.stage, one.occasion
            stages[key][one.message_id] = one
    for texts in stages.values():
        # What staff had sent again, as nobody knew what had become of it, is no second text.
        by_itself = [one for one in texts.values() if one.message_id not in log.given_back]
        if len(by_itself) > 1:
            yield f"{_told(by_itself[-1])}, of which one was accepted before"


# --- Hours ---


def _hours(log: Log, people: list[Person], windows: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    zones = {one.key: ZoneInfo(one.zone) for one in people}
    for one in log.accepted:
        opens, closes = windows[one.cadence]
        # Just before it could still have been on its way.
        instants = (one.clock, one.clock - ON_ITS_WAY - _MICROSECOND)
        local = [instant.astimezone(zones[one.person]) for instant in instants]
        if not any(opens <= at.hour < closes for at in local):
            yield f"{_told(one)}, when it was {local[0]:%H:%M:%S} where they are"


# --- Consent ---


def _consent(
    log: Log, out: dict[int, list[tuple[datetime | None, datetime | None]]]
) -> Iterator[str]:
    for one in log.accepted:
        for since, until in out[one.person]:
            if (since is None or one.at >= since) and (until is None or one.at < until):
                when = f"{since:%Y-%m-%d %H:%M:%S} UTC" if since else "before the world began"
                yield f"{_told(one)}, who had opted out {when}"


# --- Stop ---

_THIRD = (REACTIVATION, LAST_REACTIVATION)


def _ended_silences(history: History, spec: Spec) -> Iterator[tuple[datetime, datetime | None]]:
    """From when to when, by the clock, an active person was churned: nothing may be sent.

    While a crisis cascade is open nobody is. Whoever is onboarding is never churned.
    """
    if not history.exists:
        return
    silences = list(history.values("last_contact_at", "created_at"))
    crises = [value for _, value in history.values("last_crisis_event_at")]
    for number, (_, silent_since) in enumerate(silences):
        until = silences[number + 1][1] if number + 1 < len(silences) else None
        churned = silent_since + CHURN_AFTER
        if number == 0 and history.first["journey_phase"] == "churned":
            yield spec.starts, until
            continue
        if churned >= min(until or spec.ends, spec.ends):
            continue
        crisis = max((one for one in crises if until is None or one < until), default=None)
        if crisis is not None:
            churned = max(churned, crisis + CASCADE)
        is_active = history.row(churned).journey_phase == "active"
        if is_active and churned < min(until or spec.ends, spec.ends):
            yield churned, until


def _stop(
    log: Log,
    theirs: dict[int, list[Accepted]],
    ended: dict[int, list[tuple[datetime, datetime | None]]],
) -> Iterator[str]:
    contacts: dict[int, list[datetime]] = defaultdict(list)
    for one in log.happened:
        if one.acknowledged and one.happening.kind in (Kind.TEXT, Kind.CRISIS, Kind.SCORE):
            contacts[one.happening.person].append(one.at)
    for key, texts in sorted(theirs.items()):
        heard = sorted(contacts[key])
        after_third: datetime | None = None
        for text in sorted(texts, key=lambda one: one.at):
            if after_third and bisect_right(heard, text.at) > bisect_right(heard, after_third):
                after_third = None
            if after_third:
                yield f"{_told(text)}, after the third reactivation and no word since"
            elif any(
                text.clock > since + ON_ITS_WAY and (until is None or text.clock < until)
                for since, until in ended.get(key, ())
            ):
                yield f"{_told(text)}, who had churned"
            if (text.cadence, text.stage) == _THIRD:
                after_third = text.at


def _told(one: Accepted) -> str:
    return f"{one.number} got {_named(one)} on {one.clock:%Y-%m-%d %H:%M:%S} UTC"


def _named(one: Accepted) -> str:
    return f"{one.cadence} {one.stage or one.tier}".strip()
