"""What breaks in a world, all of it drawn from its seed before anything happens.

What lasts (outages, storms, a lagging list, stepped clocks, switches) depends on the seed alone, so
that two systems, two policies and all shards meet the same. What hits one beat or one text is drawn
by the name of what it hits, never by the order in which things come to pass.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, log
from random import Random

from proactive.simulation.spec import Spec

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PER_DAYS = 120  # the numbers below are for so many days


@dataclass(frozen=True)
class Span:
    begins: datetime
    ends: datetime

    def holds(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


@dataclass(frozen=True)
class Step:
    """From `at` on the workers' clock is `skew` ahead of the world's."""

    at: datetime
    skew: timedelta


@dataclass(frozen=True)
class Rates:
    """Chances: of a beat, of a submission, of a report, of a webhook."""

    doubled: float = 0.0
    interleaved: float = 0.0
    crash: float = 0.0
    webhook_crash: float = 0.0
    busy: float = 0.0
    never_opened: float = 0.0
    unknown_not_taken: float = 0.0
    unknown_taken: float = 0.0
    report_lost: float = 0.0
    report_repeated: float = 0.0
    report_late: float = 0.0


# What a provider and its carriers do anyway, also where nothing is made to break.
UNDELIVERED = 0.002
NEVER_CONFIRMED = 0.003

# Each far more often than in service, and yet so seldom that what it leaves to a person does not
# drown what the policy does.
STORMY = Rates(
    doubled=0.05,
    interleaved=0.05,
    crash=0.06,
    webhook_crash=0.002,
    busy=0.004,
    never_opened=0.002,
    unknown_not_taken=0.001,
    unknown_taken=0.0015,
    report_lost=0.03,
    report_repeated=0.05,
    report_late=0.1,
)


@dataclass(frozen=True)
class Faults:
    rates: Rates = Rates()
    outages: tuple[Span, ...] = ()  # no beat comes
    deaf: tuple[Span, ...] = ()  # no webhook gets through either
    storms: tuple[Span, ...] = ()  # the provider answers 429 to everything
    list_lag: tuple[Span, ...] = ()  # what was taken is not yet in the provider's list
    steps: tuple[Step, ...] = ()
    # (the switch, from when to when it is off); "everything" or the name of a cadence
    switched_off: tuple[tuple[str, Span], ...] = ()

    def without_switches(self, names: Container[str]) -> "Faults":
        """The same, but nobody touches these switches."""
        kept = tuple(one for one in self.switched_off if one[0] not in names)
        return replace(self, switched_off=kept)


def draw_faults(spec: Spec, cadences: list[str]) -> Faults:
    """Those of a world with faults; none for one without."""
    if not spec.faults:
        return Faults()
    random = Random(f"{spec.seed}/faults")
    outages = tuple(_spans(random, spec, number=6, shortest=3 * MINUTE, longest=72 * HOUR))
    switches = [("everything", 2), *((name, 1) for name in cadences)]
    return Faults(
        STORMY,
        outages,
        # In every third of them the whole site is down.
        deaf=outages[::3],
        storms=tuple(_spans(random, spec, number=10, shortest=5 * MINUTE, longest=4 * HOUR)),
        list_lag=tuple(_spans(random, spec, number=10, shortest=HOUR, longest=24 * HOUR)),
        steps=tuple(_steps(random, spec)),
        switched_off=tuple(
            (name, span)
            for name, number in switches
            for span in _spans(random, spec, number=number, shortest=HOUR, longest=20 * HOUR)
        ),
    )


def _spans(
    random: Random, spec: Spec, *, number: int, shortest: timedelta, longest: timedelta
) -> Iterator[Span]:
    """So many in PER_DAYS; short ones are as frequent as long ones on a logarithmic scale."""
    for _ in range(_share(random, number, spec)):
        begins = spec.starts + random.random() * timedelta(days=spec.days)
        lasts = exp(random.uniform(log(shortest.total_seconds()), log(longest.total_seconds())))
        yield Span(begins, begins + timedelta(seconds=lasts))


def _steps(random: Random, spec: Spec) -> Iterator[Step]:
    for _ in range(_share(random, 8, spec)):
        at = spec.starts + random.random() * timedelta(days=spec.days)
        yield Step(at, timedelta(seconds=random.uniform(-90, 90)))
        yield Step(at + random.uniform(0.1, 30) * HOUR, timedelta())


def _share(random: Random, number: int, spec: Spec) -> int:
    """`number` in PER_DAYS, of this many days; at least one, for a short world breaks as well."""
    return max(1, round(number * spec.days / PER_DAYS))
