"""Every obligation of the staged cadences, with its due time and its end.

Obligations are worked out from what happened, as it was acknowledged, and from the declared
cadences. What became of each text the provider's log says; what became of those that never went
out, the system's own records (`Ends`), or without them what held it back when one last looked.

Raw form, mergeable over worlds, for each cadence under "obligations": "owed" and "vital" (counts,
"vital" of worlds), "ends" {words: n}, "late_minutes" (of those delivered, from due to the receipt),
"late_running_minutes" (the same without the time of outages), "in_time" {words: n} (whether within
36 hours of falling due, and why not), "unaccounted" and "unaccounted_examples".
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from caregiving import zones
from proactive.clocks import DAY
from proactive.declaring import Cadence
from proactive.rules import GATE
from proactive.simulation.ends import STILL_RUNNING, UNACCOUNTED, Ends
from proactive.simulation.happenings import Person
from proactive.simulation.histories import histories
from proactive.simulation.log import Accepted, Key, Log, Refused
from proactive.simulation.owing import Obligation, obligations
from proactive.simulation.spec import Spec

IN_TIME = timedelta(hours=36)
# What ended so shortly before the world did, no sweep has seen any more.
GRACE = timedelta(hours=1)
EXAMPLES = 5
_MICROSECOND = timedelta(microseconds=1)

# Ends, in words; others carry a number, a code or a rule.
DELIVERED = "delivered"
ON_ITS_WAY = "taken by the provider, nothing heard since"
NEWER = "no longer owed: the person wrote, or a newer occasion began"

# Whether it was delivered within 36 hours of falling due, or why not.
YES = "yes"
YES_RUNNING = "yes, not counting outages"
OPTED_OUT = "opted out"
DEAD_NUMBER = "the number cannot be texted"
TAKEN_OVER = "a newer occasion began within the time"
PAUSED = "paused by staff"
NOT_OVER = "the time was not over when the world ended"
NO = "no"
# Of those nobody can ask that it be delivered. A pause is the word of staff, as an opt-out is that
# of the person.
EXCUSED = (OPTED_OUT, DEAD_NUMBER, TAKEN_OVER, PAUSED, NOT_OVER)


def draw_up(
    log: Log,
    people: list[Person],
    *,
    spec: Spec,
    cadences: Iterable[Cadence],
    ends: Ends | None = None,
) -> dict[str, Any]:
    """The raw ledger of a world. `ends`: what the system recorded; None for one without records."""
    entries = {}
    known = histories(log, people)
    book = _Book(log, spec, ends)
    for cadence in cadences:
        if cadence.due:
            owed = (
                one for history in known.values() for one in obligations(history, cadence, spec)
            )
            entries[cadence.name] = _enter(owed, cadence, book)
    return {"obligations": entries}


class _Book:
    """The log by obligation, and what became of each."""

    def __init__(self, log: Log, spec: Spec, ends: Ends | None) -> None:
        self.spec = spec
        self.log = log
        self.records = ends
        self.accepted: dict[Key, list[Accepted]] = defaultdict(list)
        self.refused: dict[Key, Refused] = {}
        for text in log.accepted:
            if text.stage is not None and text.occasion is not None:
                self.accepted[text.person, text.cadence, text.stage, text.occasion].append(text)
        for one in log.refused:
            if one.stage is not None and one.occasion is not None:
                self.refused[one.person, one.cadence, one.stage, one.occasion] = one
        # Nothing looked at anybody in an outage that lasted to the end.
        lasting = [begin for begin, end in log.outages if begin <= spec.ends <= end]
        self.last_look = min([spec.ends, *lasting]) - GRACE

    def delivered(self, one: Obligation) -> datetime | None:
        receipts = (
            text.ended_at for text in self.accepted.get(one.key, ()) if text.status == DELIVERED
        )
        return min((at for at in receipts if at is not None), default=None)

    def end(self, one: Obligation) -> str:
        """What became of it, in words."""
        texts = self.accepted.get(one.key, ())
        if any(text.status == DELIVERED for text in texts):
            return DELIVERED
        if texts and not texts[-1].status:
            return ON_ITS_WAY
        if texts:
            return f"{texts[-1].status}: {texts[-1].code or 'no code'}"
        if one.key in self.refused:
            return f"failed: {self.refused[one.key].code}"
        if words := self._recorded(one):
            return words
        if one.over > self.last_look:
            return STILL_RUNNING
        if one.cadence.vital and self.records is not None:
            # Nothing of these may be without a record, whatever explains it.
            return UNACCOUNTED
        if one.ends is not None:
            return NEWER
        if one.lapsed:
            return f"no longer owed: {one.lapsed}"
        if rule := self._held_back(one):
            return f"let go: its time passed while {rule} held it back"
        return UNACCOUNTED

    def _recorded(self, one: Obligation) -> str:
        if self.records is None:
            return ""
        return self.records.words(
            one.key,
            until=one.until,
            over=one.over,
            vital=one.cadence.vital,
            last_look=self.last_look,
        )

    def _held_back(self, one: Obligation) -> str:
        """By what a look found, else by what held as its time passed."""
        if rules := self.log.held_back.get(one.key):
            return rules[-1]
        last = one.until - _MICROSECOND
        if any(_holds(since, until, last) for since, until in one.history.opted_out()):
            return "consent"
        if one.history.died_at is not None and one.history.died_at <= last:
            return "reachable"
        paused = one.history.row(last).outreach_paused_until
        if paused is not None and paused > last:
            return "pause"
        if any(_holds(since, until, last) for since, until in self.log.outages):
            return "an outage"
        return self._never_free(one)

    def _never_free(self, one: Obligation) -> str:
        """What held last, of a short time in which something held it back at every beat: nobody
        looked in between, as looks are hours apart."""
        if one.until - one.due > DAY:
            return ""  # a window opens every day
        row = one.history.row(one.until)
        number = one.history.person.number
        derived = zones.derive(time_zone=row.time_zone, zip_code=row.zip_code, phone_number=number)
        places = zones.of(time_zone=row.time_zone, derived_zones=derived)
        beat = timedelta(minutes=self.spec.tick_minutes)
        tried = self.log.tried[one.history.person.key]
        held = "the time until a beat"
        # The first beat from then on.
        at = one.due + (self.spec.starts - one.due) % beat
        while at < one.until:
            if any(_holds(since, until, at) for since, until in self.log.outages):
                held = "an outage"
            elif not one.cadence.window.is_open(places, at):
                held = "window"
            # Also what this very beat sent, as it was more urgent.
            elif any(at - GATE < each < at + beat for each in tried):
                held = "gate"
            else:
                return ""
            at += beat
        return held

    def in_time(self, one: Obligation, delivered: datetime | None) -> str:
        by = one.due + IN_TIME
        if delivered is not None and delivered <= by:
            return YES
        if delivered is not None and delivered - self.stood_still(one.due, delivered) <= by:
            return YES_RUNNING
        end = min(one.until, by)
        if any(
            (since is None or since < end) and (until is None or until > one.due)
            for since, until in one.history.opted_out()
        ):
            return OPTED_OUT
        if one.history.died_at is not None and one.history.died_at < end:
            return DEAD_NUMBER
        if one.ends is not None and one.ends < by:
            return TAKEN_OVER
        if delivered is None and by > self.spec.ends:
            return NOT_OVER
        paused = one.history.row(end).outreach_paused_until
        return PAUSED if paused is not None and paused > one.due else NO

    def stood_still(self, since: datetime, until: datetime) -> timedelta:
        """How much of that time the system was down."""
        spans = (min(end, until) - max(begin, since) for begin, end in self.log.outages)
        return sum((span for span in spans if span > timedelta()), timedelta())


def _holds(since: datetime | None, until: datetime | None, at: datetime) -> bool:
    return (since is None or since <= at) and (until is None or until > at)


def _enter(owed: Iterable[Obligation], cadence: Cadence, book: _Book) -> dict[str, Any]:
    ends: Counter[str] = Counter()
    in_time: Counter[str] = Counter()
    late: list[int] = []
    running: list[int] = []
    examples: list[str] = []
    for one in owed:
        end, delivered = book.end(one), book.delivered(one)
        ends[end] += 1
        in_time[book.in_time(one, delivered)] += 1
        if delivered is not None:
            lateness = max(delivered - one.due, timedelta())
            late.append(_minutes(lateness))
            running.append(_minutes(lateness - book.stood_still(one.due, delivered)))
        if end == UNACCOUNTED and len(examples) < EXAMPLES:
            examples.append(
                f"{cadence.name} {one.stage} for {one.history.person.number}, due "
                f"{one.due:%Y-%m-%d %H:%M} UTC, has no end"
            )
    return {
        "owed": ends.total(),
        "vital": int(cadence.vital),
        "ends": dict(sorted(ends.items())),
        "in_time": dict(sorted(in_time.items())),
        "late_minutes": late,
        "late_running_minutes": running,
        "unaccounted": ends[UNACCOUNTED],
        "unaccounted_examples": examples,
    }


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


# --- For people ---


def summary(raw: dict[str, Any]) -> dict[str, Any]:
    """Numbers ready to print, by cadence, from a raw (merged) ledger.

    {cadence: {"owed", "delivered", "delivered_share" (of owed), "accounted_share", "ends" {words:
    n}, most frequent first, "in_time" {words: n}, "asked" (owed, but for what is excused:
    EXCUSED), "within_36h_share" and "within_36h_running_share" (of asked), "late_hours" and
    "late_running_hours" {"median", "p95", "worst"}}}. Shares are 0 to 1, None of nothing.
    """
    return {name: _sum_up(entry) for name, entry in raw["obligations"].items()}


def _sum_up(entry: dict[str, Any]) -> dict[str, Any]:
    ends, in_time, owed = entry["ends"], entry["in_time"], entry["owed"]
    asked = owed - sum(in_time.get(words, 0) for words in EXCUSED)
    within = in_time.get(YES, 0)
    return {
        "owed": owed,
        "delivered": ends.get(DELIVERED, 0),
        "delivered_share": _share(ends.get(DELIVERED, 0), owed),
        "accounted_share": _share(owed - entry["unaccounted"], owed),
        "ends": dict(sorted(ends.items(), key=lambda item: (-item[1], item[0]))),
        "in_time": dict(sorted(in_time.items(), key=lambda item: (-item[1], item[0]))),
        "asked": asked,
        "within_36h_share": _share(within, asked),
        "within_36h_running_share": _share(within + in_time.get(YES_RUNNING, 0), asked),
        "late_hours": hours(entry["late_minutes"]),
        "late_running_hours": hours(entry["late_running_minutes"]),
    }


def hours(minutes: list[int]) -> dict[str, float | None]:
    """{"median", "p95", "worst"} in hours with one decimal; None of nothing."""
    if not minutes:
        return dict.fromkeys(("median", "p95", "worst"))
    ordered = sorted(minutes)
    ninety_fifth = ordered[(len(ordered) * 95 + 99) // 100 - 1]
    found = {"median": median(ordered), "p95": ninety_fifth, "worst": ordered[-1]}
    return {name: round(value / 60, 1) for name, value in found.items()}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
