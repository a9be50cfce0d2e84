"""Whom the first day would text if every cadence were switched on now, before any is.

It asks what the sweep asks, at every hour of the next 24, and takes everybody out who was found:
the cap leaves each person one text in that time. It is an estimate: whoever writes or signs up
meanwhile, and what is due for less than an hour only, is not foreseen.
"""

from collections import Counter
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Mod

from caregiving.models import Caregiver
from proactive import blast_guard
from proactive.cadences import CADENCES
from proactive.clocks import HOUR
from proactive.declaring import Cadence, Step
from proactive.prepared import prepared
from proactive.rules import look_up_standings
from proactive.shares import EVERYBODY
from proactive.sweeps import due_for_any
from proactive.switches import Switchboard
from proactive.wording import Wording

SPAN = 24 * HOUR
SAMPLES = 3
# Of more people than this every n-th is asked about, and the numbers are multiplied.
MOST = 60_000


@dataclass(frozen=True)
class Sample:
    """One of those who would be texted, when, and in which words."""

    person: Caregiver
    at: datetime
    step: Step
    body: str


@dataclass
class Share:
    """What one cadence would do. `by_hour`: people, by the instant at which it was asked."""

    cadence: Cadence
    people: int = 0
    by_hour: Counter[datetime] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)


@dataclass
class FirstDay:
    """`shares`: by priority. `one_in`: of how many people one was asked about. `most_at_once`: the
    most that one sweep would text, which the blast guard compares with `limit`."""

    now: datetime
    shares: list[Share]
    everybody: int
    one_in: int
    most_at_once: int = 0
    limit: blast_guard.Limit | None = None

    @property
    def people(self) -> int:
        return sum(share.people for share in self.shares)

    @property
    def is_held(self) -> bool:
        return self.limit is not None and self.most_at_once > self.limit.people

    @property
    def hours(self) -> list[datetime]:
        """Those in which somebody would be texted."""
        return sorted({hour for share in self.shares for hour in share.by_hour})


def look(*, now: datetime, most: int = MOST) -> FirstDay:
    """What the 24 hours from `now` on would bring if all were on, each for its share of people.

    For everybody where the share is 0, as an import leaves it: that is what is to be decided on.
    Writes nothing. A number of queries that does not grow with the people.
    """
    switchboard = _for_somebody(Switchboard.load())
    everybody = Caregiver.objects.count()
    one_in = -(-everybody // most) or 1
    day = FirstDay(
        now,
        [Share(switchboard.limited(cadence)) for cadence in CADENCES],
        everybody,
        one_in,
        limit=blast_guard.limit(now=now),
    )
    found: set[int] = set()
    firsts: dict[str, list[tuple[int, datetime]]] = {cadence.name: [] for cadence in CADENCES}
    for at in (now + hours * HOUR for hours in range(SPAN // HOUR)):
        before = len(found)
        for share in day.shares:
            fresh = set(_due(share.cadence, now=at, nth=one_in)) - found
            found |= fresh
            share.people += len(fresh) * one_in
            if fresh:
                share.by_hour[at] += len(fresh) * one_in
            room = SAMPLES - len(firsts[share.cadence.name])
            firsts[share.cadence.name] += [(key, at) for key in sorted(fresh)[:room]]
        day.most_at_once = max(day.most_at_once, (len(found) - before) * one_in)
    _write_samples(day, firsts)
    return day


@prepared
def _due(cadence: Cadence, *, now: datetime, nth: Any) -> QuerySet[Caregiver, int]:
    people = due_for_any(cadence, now=now).filter(cadence.ripening.by(now)).order_by()
    return people.alias(rest=Mod(F("pk"), nth)).filter(rest=0).values_list("pk", flat=True)


def _write_samples(day: FirstDay, firsts: dict[str, list[tuple[int, datetime]]]) -> None:
    people = Caregiver.objects.in_bulk([key for ones in firsts.values() for key, _ in ones])
    look_up_standings(list(people.values()))
    wording = Wording.load()
    for share in day.shares:
        for key, at in firsts[share.cadence.name]:
            person = people[key]
            for step in share.cadence.steps:
                if step.position.holds(person, at):
                    body = wording.compose(person, share.cadence, step)
                    share.samples.append(Sample(person, at, step, body))


def _for_somebody(switchboard: Switchboard) -> Switchboard:
    switches = {name: copy(switch) for name, switch in switchboard.switches.items()}
    for switch in switches.values():
        switch.share = switch.share or EVERYBODY
    return Switchboard(switches)


def as_json(day: FirstDay) -> dict[str, Any]:
    """The numbers for machines; numbers of people as `sweep --dry-run` shows them."""
    return {
        "now": day.now,
        "until": day.now + SPAN,
        "everybody": day.everybody,
        "people": day.people,
        "asked_one_in": day.one_in,
        "by_cadence": {share.cadence.name: share.people for share in day.shares},
        "most_at_once": day.most_at_once,
        "held": day.limit.says() if day.limit and day.is_held else "",
        "hours": [
            {
                "from": hour,
                "by_cadence": {share.cadence.name: share.by_hour[hour] for share in day.shares},
            }
            for hour in day.hours
        ],
        "samples": [
            {
                "phone_number": str(sample.person.phone_number),
                "cadence": share.cadence.name,
                "stage": sample.step.stage,
                "at": sample.at,
                "body": sample.body,
            }
            for share in day.shares
            for sample in share.samples
        ],
    }
