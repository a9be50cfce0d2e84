"""What was owed to whom, and when it fell due: the staged cadences as declared, and histories."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

from caregiving.models import Caregiver
from proactive.declaring import Cadence
from proactive.simulation.histories import History
from proactive.simulation.log import Key
from proactive.simulation.spec import Spec

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Obligation:
    """`due`: the first instant at which it was owed; `until`: its late limit. `ends`: when a newer
    occasion began, if one did before the limit; `lapsed`: the rule by which it was no longer owed
    in the end, "" for none."""

    history: History
    cadence: Cadence
    stage: int
    occasion: datetime
    due: datetime
    until: datetime
    ends: datetime | None
    lapsed: str

    @property
    def key(self) -> Key:
        return self.history.person.key, self.cadence.name, self.stage, self.occasion

    @property
    def over(self) -> datetime:
        return self.ends or self.until


def obligations(history: History, cadence: Cadence, spec: Spec) -> Iterator[Obligation]:
    """What fell due to one person within the world.

    Not what had been dealt with before it began: the counter in their row says that.
    """
    if not history.exists:
        return
    occasions = list(history.values(*cadence.anchor.fields))
    ends = spec.ends
    for number, (since, occasion) in enumerate(occasions):
        newer = occasions[number + 1][1] if number + 1 < len(occasions) else None
        if newer is not None and newer <= occasion + cadence.due[0]:
            continue
        done = (history.first[cadence.counter] or 0) if since is None and cadence.counter else 0
        for step in cadence.steps:
            assert step.stage is not None and step.due is not None and step.limit is not None
            falls_due, until = occasion + step.due, occasion + step.limit
            if falls_due < spec.starts or step.stage <= done:
                continue
            stops = min(one for one in (newer, until, ends) if one is not None)
            due = _first_owed(history, cadence, falls_due, stops)
            if due is not None:
                replaced = newer if newer is not None and newer < until else None
                last = until - _MICROSECOND
                lapsed = "" if replaced else _failing(cadence, history.row(last), last)
                yield Obligation(
                    history, cadence, step.stage, occasion, due, until, replaced, lapsed
                )


def _first_owed(
    history: History, cadence: Cadence, since: datetime, stops: datetime
) -> datetime | None:
    """The first instant in [since, stops) at which the cadence is for this person."""
    instant: datetime | None = since
    while instant is not None and instant < stops:
        row = history.row(instant)
        if not _failing(cadence, row, instant):
            return instant
        turns = [
            turn
            for rule in cadence.who
            if (turn := rule.next_change(cast(Caregiver, row), instant)) is not None
        ]
        changes = [one.clock for one in history.changes if one.clock > instant]
        instant = min([*turns, *changes], default=None)
    return None


def _failing(cadence: Cadence, row: SimpleNamespace, now: datetime) -> str:
    rules = (rule for rule in cadence.who if not rule.holds(cast(Caregiver, row), now))
    return next((rule.name for rule in rules), "")
