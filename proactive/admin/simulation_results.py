"""What came out of a simulation: in a few sentences, in tables with their charts, and as files."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from proactive.admin import charts
from proactive.admin.simulation_numbers import Kind, Row, percent, say
from proactive.admin.words import PROMISE_SAYS, RULE_SAYS
from proactive.cadences import BY_NAME

Result = dict[str, Any]
# By what they are of.
Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Table:
    """`name`: for addresses inside the page. `what`: the heading of its first column."""

    name: str
    title: str
    what: str
    rows: list[Row]
    explains: str = ""
    chart: dict[str, str] = field(default_factory=dict)
    chart_kind: str = "bar"

    @property
    def headings(self) -> list[str]:
        return [heading for heading, _ in self.rows[0].cells] if self.rows else []


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
    for row in _by_band(today, changed):
        if row.today is None or row.changed is None or row.difference == "same":
            continue
        told.append((abs(row.changed - row.today), row))
    if not told:
        yield "People of every band would get as many texts as today."
    for _, row in sorted(told, key=lambda one: -one[0])[:2]:
        new, old = say(row.kind, row.changed), say(row.kind, row.today)
        yield f"{_people_of(row.label)} would get {new} texts a week instead of {old}."


def _rates_alone(today: Result) -> Iterator[str]:
    rows = [row for row in _by_band(today, None) if row.today is not None]
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
        if not _is_vital(one["cadence"]) or one["cadence"] not in after:
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


# --- In tables ---


def tables(result: Result) -> list[Table]:
    today, changed = result["today"], result["changed"]
    return [
        _glance(today, changed),
        _with_bars(
            Table(
                "bands",
                "Texts per person and week, by band",
                "Band",
                list(_by_band(today, changed)),
                "By the band in which people were at the time.",
            )
        ),
        _with_lines(
            Table(
                "weeks",
                "Texts by week",
                "Week",
                list(_by_week(today, changed)),
                "Per person: the last week may be a short one.",
            )
        ),
        Table("cadences", "Texts by cadence", "Cadence", list(_by_cadence(today, changed))),
        *_waits(today, changed),
        Table(
            "deferred",
            "What held texts back",
            "Rule",
            list(_by_rule(today, changed)),
            "Of all looks at somebody who was owed a text. A later look finds them again.",
        ),
    ]


def _glance(today: Result, changed: Result | None) -> Table:
    def row(label: str, kind: Kind, part: str, name: str) -> Row:
        after = changed[part][name] if changed else None
        return Row(label, kind, today[part][name], after, is_asked=changed is not None)

    rows = [
        row("Texts", Kind.COUNT, "texts", "all"),
        row("Texts per person and week", Kind.RATE, "texts", "per_person_week"),
        row("Cost per month", Kind.MONEY, "cost", "per_month"),
        row("Cost per person and month", Kind.MONEY, "cost", "per_person_month"),
        row("Met the 24-hour gate", Kind.SHARE, "gate", "share_of_looks"),
        row("Deferred, for whatever reason", Kind.SHARE, "deferred", "share"),
        row("Became churned", Kind.COUNT, "people_end", "churned"),
        row("Came back from churned", Kind.COUNT, "people_end", "came_back"),
        row("Opted out", Kind.COUNT, "people_end", "opted_out"),
        row("Texts that were answered", Kind.SHARE, "answers", "share_answered"),
    ]
    title = "Side by side" if changed else "At a glance"
    return Table("glance", title, "What", rows, GLANCE_IS)


def _by_band(today: Result, changed: Result | None) -> Iterator[Row]:
    def rates(one: Result) -> Numbers:
        return {band["label"]: band["per_person_week"] for band in one["texts"]["by_band"]}

    return _paired(Kind.RATE, today, changed, rates)


def _by_week(today: Result, changed: Result | None) -> Iterator[Row]:
    def rates(one: Result) -> Numbers:
        return {str(week["week"]): week["per_person_week"] for week in one["texts"]["by_week"]}

    return _paired(Kind.RATE, today, changed, rates)


def _by_cadence(today: Result, changed: Result | None) -> Iterator[Row]:
    def texts(one: Result) -> Numbers:
        return {cadence["label"]: cadence["texts"] for cadence in one["texts"]["by_cadence"]}

    return _paired(Kind.COUNT, today, changed, texts, otherwise=0)


def _by_rule(today: Result, changed: Result | None) -> Iterator[Row]:
    def shares(one: Result) -> Numbers:
        return {_rule_says(rule["rule"]): rule["share"] for rule in one["deferred"]["by_rule"]}

    return _paired(Kind.SHARE, today, changed, shares, otherwise=0)


def _rule_says(rule: str) -> str:
    words = RULE_SAYS.get(rule, "")
    return f"{rule.capitalize()}: {words}" if words else rule.capitalize()


def _waits(today: Result, changed: Result | None) -> Iterator[Table]:
    """How long vital texts wait: the usual numbers, and how many so long."""
    for waits in today["waits"]:
        cadence, label = waits["cadence"], f"{waits['label']}s"
        if not _is_vital(cadence):
            continue

        def of_cadence(one: Result, cadence: str = cadence) -> Result:
            return next((wait for wait in one["waits"] if wait["cadence"] == cadence), {})

        def bars(one: Result) -> Numbers:
            return {_between(bar): bar["texts"] for bar in of_cadence(one).get("histogram", ())}

        rows = [
            Row(
                says,
                kind,
                waits[name],
                of_cadence(changed).get(name) if changed else None,
                is_asked=changed is not None,
            )
            for says, kind, name in WAITS
        ]
        yield Table(f"waits-{cadence}", f"{label}: how long they wait", "What", rows, WAITS_ARE)
        yield _with_bars(
            Table(
                f"bars-{cadence}",
                f"{label} by their wait",
                "Hours after due",
                list(_paired(Kind.COUNT, today, changed, bars, otherwise=0)),
            )
        )


GLANCE_IS = (
    "What met the gate and what was deferred are shares of all looks at somebody who was owed a "
    "text. A month is 30 days."
)
NO_BAND = "No band yet"
# A difference in the wait below this is that of a minute's tick or two.
NOTICED_MINUTES = 15
WAITS_ARE = (
    "From the instant at which they fall due until the provider takes them, nights included."
)
WAITS = (
    ("Sent", Kind.COUNT, "sent"),
    ("Half of them within", Kind.HOURS, "median_hours"),
    ("95 of 100 within", Kind.HOURS, "p95_hours"),
    ("The latest after", Kind.HOURS, "worst_hours"),
    ("Within 36 hours", Kind.SHARE, "share_within_36_hours"),
    ("Overtaken by the next stage", Kind.COUNT, "superseded"),
    ("Failed", Kind.COUNT, "failed"),
)


def _between(bar: Result) -> str:
    if bar["to_hours"] is None:
        return f"{bar['from_hours']} and more"
    return f"{bar['from_hours']} to {bar['to_hours']}"


def _is_vital(cadence: str) -> bool:
    return cadence in BY_NAME and BY_NAME[cadence].vital


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


# --- Small things ---


def _paired(
    kind: Kind,
    today: Result,
    changed: Result | None,
    numbers: Callable[[Result], Numbers],
    otherwise: float | None = None,
) -> Iterator[Row]:
    """A row for whatever is in either, in their order. `otherwise`: what is not there counts."""
    before, after = numbers(today), numbers(changed) if changed else {}
    for label in before | after:
        yield Row(
            label,
            kind,
            before.get(label, otherwise),
            after.get(label, otherwise),
            is_asked=changed is not None,
        )


def _with_bars(table: Table) -> Table:
    return _charted(table, charts.compared_bars, "bar")


def _with_lines(table: Table) -> Table:
    return _charted(table, charts.compared_lines, "line")


def _charted(table: Table, draw: charts.Drawing, kind: str) -> Table:
    series = {"Today's policy": [row.today for row in table.rows]}
    if any(row.is_asked for row in table.rows):
        series["Changed policy"] = [row.changed for row in table.rows]
    chart = draw([row.label for row in table.rows], series)
    return replace(table, chart=chart, chart_kind=kind)
