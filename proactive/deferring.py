"""Who is owed a text and does not get it yet, counted by the rule that holds it back.

Each sweep may leave the count on its record: `counts["deferred"]` is {cadence: {rule: n}}. A
person counts once in each cadence, for the first of its deferring rules that stops them, in the
order in which they are told; "switch" where the cadence, or everything, is switched off.

What it costs: one query for each cadence, which reads the people who are owed something, and
those are few by day and many by night. So a sweep counts only if none has within COUNT_EVERY:
what staff read is at most that old, and a sweep that finds nothing to do stays as cheap as it was.
It counts before it queues, so that a dry run counts the same: once in that time the texts wait for
five bounded queries. A query stops after MOST people; the numbers of a cadence that add up to it
are a lower bound.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When

from caregiving.models import Caregiver
from proactive.declaring import Cadence
from proactive.lookups import rows_first
from proactive.models import Sweep
from proactive.rules import conjunction
from proactive.switches import Switchboard

KEY = "deferred"
COUNT_EVERY = timedelta(minutes=10)
MOST = 10_000

SWITCH = "switch"
# What stands in place of a rule's name for somebody whom none stops.
NOTHING = ""

# The rules that may hold back a text that is owed, and what a count of them means.
RULE_SAYS: dict[str, str] = {
    "switch": "the cadence, or everything, was switched off or paused",
    "pause": "staff have paused outreach to them",
    "gate": "they had a proactive text within 24 hours",
    "queue": "another text was waiting to be sent to them",
    "conversation": "they had written to us a short while before",
    "reservation": "a crisis follow-up is due soon, and its slot is kept",
    "window": "where they are it was too early or too late in the day",
}


def count_deferred(
    cadences: Iterable[Cadence], *, now: datetime, switchboard: Switchboard
) -> dict[str, dict[str, int]]:
    """{cadence: {rule: n}} at `now`, without rules that stop nobody. One query a cadence."""
    return {
        cadence.name: _count(cadence, now, is_open=switchboard.is_open(cadence.name, now))
        for cadence in map(switchboard.limited, cadences)
    }


def count_due(
    cadences: Iterable[Cadence], *, now: datetime, switchboard: Switchboard
) -> dict[str, int]:
    """{cadence: n}: to how many a text of it may go at `now`, each at most MOST.

    Whoever is due for several counts in each, and would get the most urgent only.
    """
    return {
        cadence.name: owed(cadence, now).filter(stopped_by=NOTHING)[:MOST].count()
        for cadence in map(switchboard.limited, cadences)
        if switchboard.is_open(cadence.name, now)
    }


def is_due(sweep: Sweep) -> bool:
    """Whether `sweep` should count: the last that did began COUNT_EVERY ago or longer.

    By the clock of the machine, as it is about what counting costs it, and by one query over the
    few sweeps since then. A dry run always counts: somebody has asked for it.
    """
    return sweep.dry_run or not (
        Sweep.objects.filter(
            started_at__gt=sweep.started_at - COUNT_EVERY, dry_run=False, counts__has_key=KEY
        ).exists()
    )


def last_counted(before: Sweep) -> Sweep | None:
    """The sweep that counted last when `before` began, if one did within a day.

    Reads back to it over the newest sweeps, and those are few while sweeps run.
    """
    return (
        Sweep.objects.filter(
            started_at__lt=before.started_at,
            started_at__gt=before.started_at - timedelta(days=1),
            dry_run=False,
            counts__has_key=KEY,
        )
        .order_by("-started_at")
        .first()
    )


def by_rule(deferred: dict[str, dict[str, int]]) -> dict[str, int]:
    """{rule: n} over all cadences, the rule that stops most first."""
    total: Counter[str] = Counter()
    for counts in deferred.values():
        total.update(counts)
    return dict(_most_first(total))


def in_words(counts: dict[str, Any], cadence: str) -> str:
    """From the counts of a sweep: "window 12, gate 3"; a "+" where it may be more.

    "-" where nobody was deferred, "" where the sweep did not count.
    """
    if KEY not in counts:
        return ""
    deferred = counts[KEY].get(cadence, {})
    more = "+" if is_lower_bound(deferred) else ""
    return ", ".join(f"{rule} {n:,}{more}" for rule, n in _most_first(deferred)) or "-"


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    # PostgreSQL keeps the keys of a JSON object in an order of its own.
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def is_lower_bound(deferred: dict[str, int]) -> bool:
    """Whether more people may be deferred in a cadence than {rule: n} says."""
    return sum(deferred.values()) >= MOST


def _count(cadence: Cadence, now: datetime, *, is_open: bool) -> dict[str, int]:
    if not is_open:
        most = owed(cadence, now)[:MOST].count()
        return {SWITCH: most} if most else {}
    rules = [rule.name for rule in cadence.defers]
    stopped = owed(cadence, now).exclude(stopped_by=NOTHING)[:MOST]
    counted = stopped.aggregate(
        **{f"by_{rule}": Count("pk", filter=Q(stopped_by=rule)) for rule in rules}
    )
    return {rule: n for rule in rules if (n := counted[f"by_{rule}"])}


def owed(cadence: Cadence, now: datetime) -> QuerySet[Any, Any]:
    """Everybody to whom a step of `cadence` is owed, with the rule that stops them as
    `stopped_by`."""
    anybody = reduce(or_, (conjunction(cadence.owes(step), now) for step in cadence.steps))
    stopped_by: Any = Value(NOTHING)
    # Inside out and without negation, which a rule's null would not survive.
    for rule in reversed(cadence.defers):
        stopped_by = Case(
            When(rule.condition(now), then=stopped_by),
            default=Value(rule.name),
            output_field=CharField(),
        )
    people = rows_first(Caregiver.objects.order_by(), anybody)
    return people.annotate(stopped_by=stopped_by)
