"""What came out of a simulation: in a few sentences, and as files; `simulation_tables` has more."""

import json
from collections.abc import Iterator
from typing import Any

from proactive.admin.simulation_numbers import Kind, percent, say
from proactive.admin.simulation_tables import NO_BAND, Result, by_band, is_vital, tables
from proactive.admin.words import PROMISE_SAYS

# A difference in the wait below this is that of a minute's tick or two.
NOTICED_MINUTES = 15


def of(result: Result) -> dict[str, Any]:
    """Everything that the page shows of it."""
    return {
        "sentences": sentences(result),
        "tables": [table for table in tables(result) if table.rows],
        "broken": broken(result),
        "checked": f"{checked(result):,}",
        "changes": result["changes"],
        "people": tried_on(result),
    }


def tried_on(result: Result) -> str:
    """`1,600 of your 2,000 people, drawn; all counts are scaled up`."""
    taken, everybody = result["people"]["taken"], result["people"]["all"]
    if result["request"]["synthetic"]:
        return f"{taken:,} made-up people"
    if taken == everybody:
        return f"All of your {taken:,} people, as a copy without names and numbers"
    return (
        f"{taken:,} of your {everybody:,} people, drawn, as a copy without names and numbers; what "
        "is counted is scaled up to all of them"
    )


# --- In a few sentences ---


def sentences(result: Result) -> list[str]:
    """What to know first: texts, money, the wait of vital texts, who goes silent."""
    today, changed = result["today"], result["changed"]
    if changed is None:
        return [*_rates_alone(today), _money_alone(today)]
    return [
        *_rates(today, changed),
        _money(today, changed),
        *_vital_waits(today, changed),
        _churned(today, changed),
    ]


def _rates(today: Result, changed: Result) -> Iterator[str]:
    """One sentence for each band in which it would be noticed, the most different first."""
    told = []
    for row in by_band(today, changed):
        if row.today is None or row.changed is None or row.difference == "same":
            continue
        told.append((abs(row.changed - row.today), row))
    if not told:
        yield "People of every band would get as many texts as today."
    for _, row in sorted(told, key=lambda one: -one[0])[:2]:
        new, old = say(row.kind, row.changed), say(row.kind, row.today)
        yield f"{_people_of(row.label)} would get {new} texts a week instead of {old}."


def _rates_alone(today: Result) -> Iterator[str]:
    rows = [row for row in by_band(today, None) if row.today is not None]
    for row in sorted(rows, key=lambda row: -(row.today or 0))[:2]:
        yield f"{_people_of(row.label)} get {say(row.kind, row.today)} texts a week."


def _people_of(label: str) -> str:
    return "People without a band" if label == NO_BAND else f"People in band {label.lower()}"


def _money(today: Result, changed: Result) -> str:
    before, after = (one["cost"]["per_month"] for one in (today, changed))
    words = f"{say(Kind.MONEY, after)} a month instead of {say(Kind.MONEY, before)}"
    if say(Kind.MONEY, before) == say(Kind.MONEY, after):
        return f"It costs as much as today, {say(Kind.MONEY, after)} a month."
    verb = "falls" if after < before else "rises"
    if not before:
        return f"The cost {verb}: {words}."
    return f"The cost {verb} by {percent(before, after).lstrip('+-')}: {words}."


def _money_alone(today: Result) -> str:
    return f"It costs {say(Kind.MONEY, today['cost']['per_month'])} a month."


def _vital_waits(today: Result, changed: Result) -> Iterator[str]:
    after = {one["cadence"]: one for one in changed["waits"]}
    for one in today["waits"]:
        if not is_vital(one["cadence"]) or one["cadence"] not in after:
            continue
        before, now = one["p95_hours"], after[one["cadence"]]["p95_hours"]
        label = f"{one['label']}s"
        if before is None or now is None:
            continue
        if abs(before - now) * 60 < NOTICED_MINUTES:
            yield f"{label} wait as long as today."
        else:
            than = "less" if now < before else "longer"
            yield (
                f"{label} wait {than}: of 100, 95 go out within {say(Kind.HOURS, now)} of falling "
                f"due instead of {say(Kind.HOURS, before)}."
            )


def _churned(today: Result, changed: Result) -> str:
    before, after = (one["people_end"]["churned"] for one in (today, changed))
    if before == after:
        return f"As many people as today become churned: {after:,}."
    more = "more" if after > before else "fewer"
    many = abs(after - before)
    people = "person becomes" if many == 1 else "people become"
    return f"{many:,} {more} {people} churned: {after:,} instead of {before:,}."


# --- What was broken ---


def broken(result: Result) -> list[tuple[str, str]]:
    """Policy and promise of each that was broken, which is none if all is well."""
    return [
        (
            says,
            f"{PROMISE_SAYS.get(promise, promise)}: {count:,} {'time' if count == 1 else 'times'}",
        )
        for judgement, says in _judgements(result)
        for promise, count in judgement["broken"].items()
        if count
    ]


def checked(result: Result) -> int:
    """How often it was looked whether a promise held."""
    return sum(sum(judgement["checked"].values()) for judgement, _ in _judgements(result))


def _judgements(result: Result) -> list[tuple[Result, str]]:
    both = (("today", "Today's policy"), ("changed", "The changed policy"))
    judged = result["broken_promises"]
    return [(judged[name], says) for name, says in both if judged[name] is not None]


# --- Files ---


def lines(result: Result) -> Iterator[list[Any]]:
    """The tables of the page, one below the other, with numbers as they are."""
    yield ["table", "what", "unit", "today", "changed"]
    for table in tables(result):
        for row in table.rows:
            yield [table.title, row.label, row.kind.value, row.today, row.changed]


def as_json(result: Result) -> str:
    return json.dumps(result, ensure_ascii=False, indent=2)
