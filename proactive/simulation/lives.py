"""What happens to people in a world, whatever a system makes of it.

All of it follows from the seed and the person: the same texts, crises and scores under every
policy. Only their answers to our texts (`answers`) depend on what they get.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import cos, pi
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from caregiving.models import BurnoutBand, JourneyPhase, Language
from proactive.clocks import DAY, HOUR, MINUTE
from proactive.simulation.answers import WORDS, dies, text
from proactive.simulation.happenings import START, STOPS, Happening, Kind, Person
from proactive.simulation.homes import postal_code
from proactive.simulation.people import NAMES, RELATIONSHIPS
from proactive.simulation.spec import Spec

# In a hundred days, by the band in which they are at the beginning.
_CRISES = {
    "": 0.19,
    BurnoutBand.THRIVING: 0.09,
    BurnoutBand.MILD: 0.18,
    BurnoutBand.MODERATE: 0.45,
    BurnoutBand.HIGH: 1.0,
    BurnoutBand.CRISIS: 1.2,
}
# Chances of whole lives.
_SAYS_STOP = 0.015
_SAYS_START_LATER = 0.35
_IS_PAUSED = 0.02
_FALLS_SILENT = 0.25
_COMPLETES_PROFILE = 0.6
# Chances at each crisis.
_ANOTHER_CRISIS = 0.22  # within three weeks: the cascade begins anew
_WRITES_IN_CRISIS = 0.5
_SCORE_AFTER_CRISIS = 0.2
# Of instants. What falls due by the clock falls due on a beat of it.
_ON_THE_BEAT = 0.05
_AT_ANY_HOUR = 0.08

_TEXTS_AT_A_TIME = 2.2  # on average, within an hour

_SOURCES = ("text", "call", "clinic", "family")
_SCORES = {
    BurnoutBand.THRIVING: (80, 100),
    BurnoutBand.MILD: (60, 79),
    BurnoutBand.MODERATE: (40, 59),
    BurnoutBand.HIGH: (20, 39),
    BurnoutBand.CRISIS: (0, 19),
}


def happenings(person: Person, spec: Spec) -> Iterator[Happening]:
    """What happens to `person` from `spec.starts` up to `spec.ends`, by time; no two at once.

    Nothing where the world is silent.
    """
    if spec.silent:
        return
    life = _Life(person, spec)
    last = None
    for happening in sorted(life.everything(), key=_by_time):
        if happening.at != last:
            yield happening
        last = happening.at


def _by_time(happening: Happening) -> tuple[datetime, bool]:
    # Nothing happens to anybody before they are there.
    return happening.at, happening.kind != Kind.SIGN_UP


@dataclass(frozen=True)
class _Life:
    person: Person
    spec: Spec

    def everything(self) -> Iterator[Happening]:
        """In no order, but nothing outside the time in which they are there."""
        person = self.person
        if not person.is_there:
            yield Happening(self._begins, person.key, Kind.SIGN_UP)
        for happening in (
            *self._texts(),
            *self._words_of_consent(),
            *self._crises(),
            *self._scores(),
            *self._profile(),
            *self._pause(),
        ):
            if self._begins <= happening.at < self.spec.ends and self._can_be(happening):
                yield happening
        if self._death is not None and self._death > self._begins:
            yield Happening(self._death, person.key, Kind.NUMBER_DIES)

    def _can_be(self, happening: Happening) -> bool:
        """From a dead number nobody writes, and in a silence nobody is heard."""
        at = happening.at
        if happening.kind == Kind.TEXT and self._death is not None and at >= self._death:
            return False
        first, last = self._silence
        return happening.kind not in (Kind.TEXT, Kind.SCORE) or not first <= at < last

    # --- What the rest keeps to ---

    @cached_property
    def _begins(self) -> datetime:
        """From when on they are there."""
        created: datetime = self.person.row["created_at"]
        return max(self.spec.starts, created)

    @cached_property
    def _death(self) -> datetime | None:
        return dies(self.person, self.spec)

    @cached_property
    def _silence(self) -> tuple[datetime, datetime]:
        """The stretch in which they are not heard from, mostly an empty one."""
        random = self._random("silence")
        first = self._sometime(random)
        falls_silent = random.random() < _FALLS_SILENT
        return first, first + falls_silent * random.uniform(15, 75) * DAY

    @cached_property
    def _consent(self) -> tuple[datetime | None, datetime | None]:
        """When they say STOP of their own accord, and when START."""
        random = self._random("consent")
        stop, later = self._sometime(random), random.uniform(1, 45) * DAY
        if random.random() >= _SAYS_STOP:
            return None, None
        return stop, stop + later if random.random() < _SAYS_START_LATER else None

    @cached_property
    def _crisis_instants(self) -> tuple[datetime, ...]:
        random = self._random("crises")
        a_day = _CRISES[self.person.row.get("burnout_band") or ""] / 100
        instants = []
        for at in self._now_and_then(random, a_day):
            instants.append(self._awake(random, at))
            while random.random() < _ANOTHER_CRISIS:
                instants.append(self._awake(random, instants[-1] + random.uniform(0.2, 20) * DAY))
        return tuple(instants)

    # --- What happens ---

    def _texts(self) -> Iterator[Happening]:
        """They write a few at a time, more on weekdays and in winter, and not after their STOP."""
        random = self._random("texts")
        stop, start = self._consent
        for at in self._bursts(random):
            while True:
                if stop is None or at < stop or (start is not None and at > start):
                    yield text(self.person, at, random.choice(WORDS))
                if random.random() < 1 / _TEXTS_AT_A_TIME:
                    break
                at += timedelta(seconds=random.uniform(15, 1500))

    def _bursts(self, random: Random) -> Iterator[datetime]:
        a_day = self.person.writes / _TEXTS_AT_A_TIME / 7
        for at in self._now_and_then(random, a_day * _MOST):
            if random.random() < _season(at) / _MOST:
                yield self._awake(random, at)
        for crisis in self._crisis_instants:
            if random.random() < _WRITES_IN_CRISIS:
                yield crisis + random.uniform(0.05, 30) * HOUR

    def _words_of_consent(self) -> Iterator[Happening]:
        stop, start = self._consent
        if stop is not None:
            word = self._random("word").choice(STOPS)
            yield text(self.person, stop, word)
        if start is not None:
            yield text(self.person, start, START)

    def _crises(self) -> Iterator[Happening]:
        random = self._random("sources")
        for at in self._crisis_instants:
            source = {"source": random.choice(_SOURCES)}
            yield Happening(at, self.person.key, Kind.CRISIS, source)

    def _scores(self) -> Iterator[Happening]:
        """Self-assessments: from one to the next the band stays, or becomes its neighbour."""
        random = self._random("scores")
        instants = [
            (self._awake(random, at), False)
            for at in self._now_and_then(random, self.person.assesses / 7)
        ]
        instants += [
            (at + random.uniform(0.5, 60) * HOUR, True)
            for at in self._crisis_instants
            if random.random() < _SCORE_AFTER_CRISIS
        ]
        band = self.person.row.get("burnout_band") or ""
        for at, in_crisis in sorted(instants):
            band = BurnoutBand.CRISIS if in_crisis else _next_band(random, band)
            score = random.randint(*_SCORES[BurnoutBand(band)])
            data = {"score": score, "burnout_band": str(band)}
            yield Happening(at, self.person.key, Kind.SCORE, data)

    def _profile(self) -> Iterator[Happening]:
        """What is missing is filled in, and whoever was still finding their way has begun."""
        random = self._random("profile")
        row = self.person.row
        wanted = {
            "first_name": random.choice(NAMES.get(row["language"], NAMES[Language.ENGLISH])),
            "relationship": random.choice(RELATIONSHIPS),
            "zip_code": postal_code(self.person.zone),
        }
        data: dict[str, Any] = {name: new for name, new in wanted.items() if not row.get(name)}
        is_onboarding = row["journey_phase"] == JourneyPhase.ONBOARDING
        if is_onboarding:
            data["journey_phase"] = JourneyPhase.ACTIVE.value
            at = self._begins + random.expovariate(1 / 4) * DAY
        else:
            at = self._sometime(random)
        if data and random.random() < _COMPLETES_PROFILE:
            yield Happening(self._awake(random, at), self.person.key, Kind.PROFILE, data)

    def _pause(self) -> Iterator[Happening]:
        random = self._random("pause")
        at, days = self._sometime(random), random.randint(2, 21)
        if random.random() < _IS_PAUSED:
            yield Happening(at, self.person.key, Kind.PAUSE, {"days": days})

    # --- When ---

    def _random(self, what: str) -> Random:
        return Random(f"{self.spec.seed}/{self.person.key}/{what}")

    def _sometime(self, random: Random) -> datetime:
        return self._begins + random.random() * (self.spec.ends - self._begins)

    def _now_and_then(self, random: Random, a_day: float) -> Iterator[datetime]:
        """A Poisson process of so many instants a day."""
        # Counted in days, for the next instant of something rare may be beyond all dates.
        day, last = 0.0, (self.spec.ends - self._begins) / DAY
        while a_day > 0 and (day := day + random.expovariate(a_day)) < last:
            yield self._begins + day * DAY

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.person.zone)

    def _awake(self, random: Random, at: datetime) -> datetime:
        """About when `at` is, mostly in hours in which people are up; at times on a beat."""
        if random.random() >= _AT_ANY_HOUR:
            hours, rest = divmod(random.triangular(6.5, 24, 18) * 3600, 3600)
            local = at.astimezone(self._zone).replace(
                hour=int(hours) % 24,
                minute=int(rest // 60),
                second=int(rest % 60),
                microsecond=random.randrange(1_000_000),
            )
            at = local.astimezone(UTC)
        if random.random() < _ON_THE_BEAT:
            at -= (at - self.spec.starts) % (self.spec.tick_minutes * MINUTE)
        return at


def _next_band(random: Random, band: str) -> str:
    """From one assessment to the next; the first one is often made because it is hard."""
    bands = BurnoutBand.values
    if not band:
        return random.choices(bands, weights=(27, 38, 27, 5, 3))[0]
    move = random.choices((-1, 0, 1), weights=(26, 54, 20))[0]
    place = bands.index(band) + move
    return bands[max(0, min(place, len(bands) - 1))]


# How much more than on average people write at most, in `_season`.
_MOST = 1.6


def _season(at: datetime) -> float:
    """How much people write at `at`, 1 on average: more in January, less on weekends."""
    winter = 1 + 0.25 * cos(2 * pi * (at.timetuple().tm_yday - 15) / 365)
    return winter * (1.1 if at.weekday() < 5 else 0.75)
