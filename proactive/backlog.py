"""What goes out when something is switched on again: how much, at which hours, how fast, at what
price.

It asks what the sweep asks, all but the hour: whoever is kept back by nothing but their window
gets their text when it opens. What may change before then (somebody writes, a stage runs out) is
not foreseen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from caregiving import zones
from caregiving.models import Caregiver
from proactive import blast_guard
from proactive.clocks import Window
from proactive.declaring import Cadence, Step
from proactive.models import Message
from proactive.previewing import USUAL
from proactive.rules import conjunction
from proactive.sms import segments
from proactive.wording import FALLBACK_LANGUAGE, Wording

# More than this is read for no preview: the numbers are then "at least".
MOST = 10_000


@dataclass(frozen=True)
class Hour:
    """How many people can be texted from `opens` on, and whether the blast guard would ask."""

    opens: datetime
    people: int
    is_held: bool


@dataclass
class Backlog:
    """What waits for a switch, as `look` found it.

    `queued`, `due`: texts that wait and people who are due now, by name of cadence. `hours`: all of
    them by when their window opens, those whose window is open now first. `nowhere`: people whose
    zone is misspelt, so that none opens. `run_out`: stages that are recorded as superseded, and
    queued texts whose words no longer fit. `limit`: how many people one sweep may text unasked;
    None when it need not ask at present. `is_partial`: there are more than were counted.
    """

    now: datetime
    queued: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    hours: list[Hour] = field(default_factory=list)
    nowhere: int = 0
    run_out: int = 0
    segments: int = 0
    limit: blast_guard.Limit | None = None
    is_partial: bool = False

    @property
    def texts(self) -> int:
        """How many can be handed over at once: their window is open."""
        return sum(hour.people for hour in self.hours if hour.opens <= self.now)

    @property
    def later(self) -> int:
        return sum(hour.people for hour in self.hours if hour.opens > self.now)

    @property
    def is_held(self) -> bool:
        """Whether the next sweep asks a person before it texts anybody."""
        return self.limit is not None and sum(self.due.values()) > self.limit.people

    @property
    def takes(self) -> timedelta:
        """How long delivery needs for what may go now, at the pace of SMS_PER_SECOND."""
        return timedelta(seconds=self.texts / settings.SMS_PER_SECOND)

    @property
    def cost(self) -> float:
        """In US dollars, for what may go now."""
        return self.segments * settings.SMS_SEGMENT_COST


@dataclass(frozen=True)
class _Text:
    """One text that may go at `opens`: the soonest, and among several at once the most urgent."""

    opens: datetime
    priority: int
    cadence: str
    segments: int
    overtakes: int

    @property
    def order(self) -> tuple[datetime, int]:
        return self.opens, self.priority


def look(cadences: Iterable[Cadence], *, now: datetime) -> Backlog:
    """What would go out of `cadences`, highest priority first, if all of them were on at `now`.

    Reads at most MOST queued texts and MOST people, in a number of queries that does not grow with
    either.
    """
    chosen = list(cadences)
    backlog = Backlog(now, limit=blast_guard.limit(now=now))
    clock = _Clock(now)
    spread: dict[datetime, int] = {}
    fresh: dict[datetime, int] = {}
    _add_queued(backlog, chosen, clock, spread)
    texts = _due(backlog, chosen, clock)
    for cadence in chosen:
        backlog.due[cadence.name] = 0
    for text in texts:
        spread[text.opens] = spread.get(text.opens, 0) + 1
        fresh[text.opens] = fresh.get(text.opens, 0) + 1
        if text.opens <= now:
            backlog.due[text.cadence] += 1
            backlog.segments += text.segments
            backlog.run_out += text.overtakes
    limit = backlog.limit
    backlog.hours = [
        # Queued texts were let through when they were queued; who is still to be queued counts.
        Hour(opens, people, limit is not None and fresh.get(opens, 0) > limit.people)
        for opens, people in sorted(spread.items())
    ]
    return backlog


def _add_queued(
    backlog: Backlog, cadences: list[Cadence], clock: "_Clock", spread: dict[datetime, int]
) -> None:
    rows = list(
        Message.objects.queued()
        .filter(cadence__in=[cadence.name for cadence in cadences])
        .values_list(
            "cadence",
            "stage",
            "occasion",
            "segments",
            "caregiver__time_zone",
            "caregiver__derived_zones",
        )[: MOST + 1]
    )
    backlog.is_partial |= len(rows) > MOST
    by_name = {cadence.name: cadence for cadence in cadences}
    limits = {
        (cadence.name, step.stage): step.limit for cadence in cadences for step in cadence.steps
    }
    backlog.queued = dict.fromkeys(by_name, 0)
    for name, stage, occasion, size, time_zone, derived in rows[:MOST]:
        backlog.queued[name] += 1
        limit = limits.get((name, stage))
        if occasion is not None and limit is not None and occasion + limit <= backlog.now:
            backlog.run_out += 1
            continue
        opens = clock.opens(by_name[name].window, time_zone, derived)
        if opens is None:
            backlog.nowhere += 1
            continue
        spread[opens] = spread.get(opens, 0) + 1
        if opens <= backlog.now:
            backlog.segments += size


def _due(backlog: Backlog, cadences: list[Cadence], clock: "_Clock") -> list[_Text]:
    """The next text of each person who is due, or is once their window opens; one a person."""
    wording = Wording.load()
    texts: dict[int, _Text] = {}
    nowhere: set[int] = set()
    for priority, cadence in enumerate(cadences):
        for step in cadence.steps:
            size = _size(wording, cadence, step)
            for key, dealt_with, time_zone, derived in _people(cadence, step, backlog.now):
                if key not in texts and len(texts) == MOST:
                    backlog.is_partial = True
                    continue
                opens = clock.opens(cadence.window, time_zone, derived)
                if opens is None:
                    nowhere.add(key)
                    continue
                overtakes = max((step.stage or 1) - 1 - dealt_with, 0)
                text = _Text(opens, priority, cadence.name, size, overtakes)
                if key not in texts or text.order < texts[key].order:
                    texts[key] = text
    backlog.nowhere += len(nowhere)
    return list(texts.values())


def _people(cadence: Cadence, step: Step, now: datetime) -> Iterator[tuple[int, int, str, str]]:
    """Key, stages dealt with, and zones of those whom only their window may keep back."""
    asked = tuple(rule for rule in cadence.rules(step) if rule.name != "window")
    people = Caregiver.objects.filter(conjunction(asked, now))
    counter = (cadence.counter,) if cadence.counter else ()
    # One more than is counted tells that there are more.
    rows = people.values_list("pk", "time_zone", "derived_zones", *counter)[: MOST + 1]
    for key, time_zone, derived, *done in rows:
        # Without a counter nobody knows without asking for each: nothing counts as overtaken.
        yield key, (done[0] or 0) if done else (step.stage or 1) - 1, time_zone, derived


def _size(wording: Wording, cadence: Cadence, step: Step) -> int:
    """Paid segments of a usual text: with names, and without the opening of a first one."""
    try:
        text = wording.compose(USUAL.person(FALLBACK_LANGUAGE), cadence, step)
    except LookupError:
        return 1
    return segments.measure(text).segments


class _Clock:
    """When windows open for those who may be in some zones; each is worked out once."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._known: dict[tuple[Window, str, str], datetime | None] = {}

    def opens(self, window: Window, time_zone: str, derived_zones: str) -> datetime | None:
        """`now` while it is open, else when it next opens; None for a zone that is none."""
        key = (window, time_zone, derived_zones)
        if key not in self._known:
            places = zones.of(time_zone=time_zone, derived_zones=derived_zones)
            instants = [
                self.now,
                *(at for at in window.openings(places, self.now) if at > self.now),
            ]
            self._known[key] = min(
                (at for at in instants if window.is_open(places, at)), default=None
            )
        return self._known[key]
