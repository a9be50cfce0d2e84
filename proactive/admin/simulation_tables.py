"""What came out of a simulation, in tables with their charts: two policies side by side."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from proactive.admin import charts
from proactive.admin.simulation_numbers import Kind, Row
from proactive.cadences import BY_NAME
from proactive.deferring import RULE_SAYS

Result = dict[str, Any]
# By what they are of.
Numbers = dict[str, float | None]

GLANCE_IS = (
    "The 24-hour gate keeps anybody from two texts within 24 hours. A text that is held back goes "
    "out later, unless its time passes first. A month is 30 days."
)
NO_BAND = "No band yet"
HELD_BACK = (Kind.SHARE, "deferred", "share")
WAITS_ARE = (
    "From the instant at which they fall due until the provider takes them, nights included. Those "
    "that fell due before it began are left out."
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


def tables(result: Result) -> list[Table]:
    today, changed = result["today"], result["changed"]
    return [
        _glance(today, changed),
        _with_bars(
            Table(
                "bands",
                "Texts per person and week, by band",
                "Band",
                list(by_band(today, changed)),
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
            "Of the texts that were owed, those that met this at some time: one text may have met "
            "several. It goes out later, unless its time passes first.",
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
        row("Of 1,000 texts, met the 24-hour gate", Kind.COUNT, "gate", "per_1000_texts"),
        row("Held back at some time: share of the texts that were owed", *HELD_BACK),
        row("Became churned", Kind.COUNT, "people_end", "churned"),
        row("Came back from churned", Kind.COUNT, "people_end", "came_back"),
        row("Opted out", Kind.COUNT, "people_end", "opted_out"),
        row("Texts that were answered", Kind.SHARE, "answers", "share_answered"),
    ]
    title = "Side by side" if changed else "At a glance"
    return Table("glance", title, "What", rows, GLANCE_IS)


def by_band(today: Result, changed: Result | None) -> Iterator[Row]:
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
        if not is_vital(cadence):
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


def _between(bar: Result) -> str:
    if bar["to_hours"] is None:
        return f"{bar['from_hours']} and more"
    return f"{bar['from_hours']} to {bar['to_hours']}"


def is_vital(cadence: str) -> bool:
    return cadence in BY_NAME and BY_NAME[cadence].vital


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
