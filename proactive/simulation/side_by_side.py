"""A comparison as rows of numbers: what the command prints, and what a spreadsheet gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from proactive.cadences import BY_NAME
from proactive.deferring import RULE_SAYS

NOTHING = "-"


class Unit(StrEnum):
    """What a number is; the value is how a file calls it."""

    COUNT = "count"
    RATE = "texts per person and week"
    PER_1000 = "per 1,000 texts owed"
    DOLLARS = "US dollars"
    SHARE = "share of 1"
    NUMBER = "number"
    HOURS = "hours"


@dataclass(frozen=True)
class Row:
    """`changed` is None where no other policy was asked for, or there is nothing to tell.
    `is_detail`: for files rather than for a quick look."""

    section: str
    figure: str
    unit: Unit
    today: float | None
    changed: float | None
    is_detail: bool = False


def rows(result: dict[str, Any]) -> Iterator[Row]:
    """Every figure of a result of `comparing.compare`, section after section."""
    arms = [result["today"], result["changed"]]
    yield from _texts(arms)
    yield from _cost(arms)
    yield from _people(arms)
    yield from _waits(arms)
    yield from _ends(result)
    yield from _held_back(arms)
    yield from _promises(result)


def say(unit: Unit, number: float | None) -> str:
    """`1,204`, `2.13`, `$76.28`, `48.0 %`, `9.1 h`."""
    if number is None:
        return NOTHING
    match unit:
        case Unit.COUNT | Unit.PER_1000:
            return f"{round(number):,}"
        case Unit.RATE:
            return f"{number:.2f}"
        case Unit.NUMBER:
            return f"{number:,.1f}"
        case Unit.DOLLARS:
            # A person costs a few cents a month.
            return f"${number:,.2f}" if number >= 1 or not number else f"${number:.4f}"
        case Unit.SHARE:
            return f"{100 * number:.1f} %"
        case Unit.HOURS:
            return f"{number:.1f} h"


# A policy that was run, or None in place of one that was not asked for.
_Arms = list[dict[str, Any] | None]


def _row(
    section: str,
    figure: str,
    unit: Unit,
    arms: _Arms,
    *path: str,
    is_detail: bool = False,
    otherwise: float | None = None,
) -> Row:
    """`otherwise`: what is counted where a policy has nothing under `path`."""
    today, changed = (
        None if arm is None else otherwise if (found := _at(arm, path)) is None else found
        for arm in arms
    )
    return Row(section, figure, unit, today, changed, is_detail)


def _at(arm: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if arm is None:
            return None
        arm = arm.get(key)
    return arm


def _side_by_side(arms: _Arms, key: str, *path: str) -> Iterator[tuple[dict[str, Any], _Arms]]:
    """The entries of a list under `path` that are about the same `key`; one of each for words."""
    found = [
        None if arm is None else {entry[key]: entry for entry in _at(arm, path) or []}
        for arm in arms
    ]
    for name in dict.fromkeys(name for entries in found for name in entries or {}):
        pair: _Arms = [None if entries is None else entries.get(name, {}) for entries in found]
        yield next(one for one in pair if one), pair


def _texts(arms: _Arms) -> Iterator[Row]:
    section = "Texts per person and week"
    for entry, pair in _side_by_side(arms, "band", "texts", "by_band"):
        figure = "no band yet" if entry["band"] == "none" else f"band {entry['label'].lower()}"
        yield _row(section, figure, Unit.RATE, pair, "per_person_week")
    yield _row(section, "everybody", Unit.RATE, arms, "texts", "per_person_week")
    for entry, pair in _side_by_side(arms, "week", "texts", "by_week"):
        figure = f"everybody, week {entry['week']}"
        yield _row(section, figure, Unit.RATE, pair, "per_person_week", is_detail=True)
    for entry, pair in _side_by_side(arms, "cadence", "texts", "by_cadence"):
        yield _row("Texts", entry["label"].lower(), Unit.COUNT, pair, "texts", otherwise=0)
    yield _row("Texts", "in all", Unit.COUNT, arms, "texts", "all")


def _cost(arms: _Arms) -> Iterator[Row]:
    yield _row("Cost", "segments", Unit.COUNT, arms, "cost", "segments")
    yield _row("Cost", "in all", Unit.DOLLARS, arms, "cost", "total")
    yield _row("Cost", "in 30 days", Unit.DOLLARS, arms, "cost", "per_month")
    yield _row("Cost", "a person in 30 days", Unit.DOLLARS, arms, "cost", "per_person_month")


def _people(arms: _Arms) -> Iterator[Row]:
    section = "People"
    yield _row(section, "became churned", Unit.COUNT, arms, "people_end", "churned")
    yield _row(section, "churned and came back", Unit.COUNT, arms, "people_end", "came_back")
    yield _row(section, "opted out", Unit.COUNT, arms, "people_end", "opted_out")
    answers = "texts answered within 72 hours"
    yield _row(section, answers, Unit.SHARE, arms, "answers", "share_answered")
    yield _row(section, "texts answered with STOP", Unit.SHARE, arms, "answers", "share_stopped")
    for entry, pair in _side_by_side(arms, "cadence", "answers", "by_cadence"):
        figure = f"{entry['label'].lower()}: {answers}"
        yield _row(section, figure, Unit.SHARE, pair, "share_answered", is_detail=True)


_WAITS = (
    ("sent", Unit.COUNT, "sent"),
    ("half of them sent within", Unit.HOURS, "median_hours"),
    ("95 of 100 sent within", Unit.HOURS, "p95_hours"),
    ("the latest sent after", Unit.HOURS, "worst_hours"),
    ("sent within 36 hours", Unit.SHARE, "share_within_36_hours"),
    ("overtaken by the next stage", Unit.COUNT, "superseded"),
    ("failed", Unit.COUNT, "failed"),
)


def _waits(arms: _Arms) -> Iterator[Row]:
    for entry, pair in _side_by_side(arms, "cadence", "waits"):
        name = entry["cadence"]
        is_detail = not (name in BY_NAME and BY_NAME[name].vital)
        section = f"{entry['label']}: how long after it fell due"
        for figure, unit, key in _WAITS:
            otherwise = 0 if unit is Unit.COUNT else None
            yield _row(section, figure, unit, pair, key, is_detail=is_detail, otherwise=otherwise)


def _ends(result: dict[str, Any]) -> Iterator[Row]:
    """What became of every text that was owed, most frequent first; scaled as all counts are."""
    scale = result["today"]["scale"]
    books: _Arms = [result["ledger"]["today"], result["ledger"]["changed"]]
    for name, cadence in BY_NAME.items():
        pair: _Arms = [_at(book, (name,)) for book in books]
        if pair[0] is None:
            continue
        section = f"{cadence.label}: what became of it"
        vital = cadence.vital
        yield _row(
            section,
            "delivered within 36 hours, if possible",
            *(Unit.SHARE, pair, "within_36h_share"),
            is_detail=not vital,
        )
        ends: _Arms = [_at(one, ("ends",)) for one in pair]
        for end in dict.fromkeys(end for one in ends for end in one or {}):
            today, changed = (
                None if one is None else round(one.get(end, 0) * scale) for one in ends
            )
            yield Row(section, end, Unit.COUNT, today, changed, is_detail=not vital)


def _held_back(arms: _Arms) -> Iterator[Row]:
    section = "Held back at some time: share of the texts that were owed"
    yield _row(section, "in all", Unit.SHARE, arms, "deferred", "share")
    for entry, pair in _side_by_side(arms, "rule", "deferred", "by_rule"):
        yield _row(section, _rule(entry), Unit.SHARE, pair, "share", otherwise=0)
    for entry, pair in _side_by_side(arms, "cadence", "deferred", "by_cadence"):
        label = entry["label"].lower()
        yield _row(section, label, Unit.SHARE, pair, "share", is_detail=True)
        for met, of_rule in _side_by_side(pair, "rule", "by_rule"):
            figure = f"{label}, {_rule(met)}"
            yield _row(section, figure, Unit.SHARE, of_rule, "share", is_detail=True, otherwise=0)
    section, gate = "Held back", "of 1,000 texts, met the 24-hour gate"
    yield _row(section, gate, Unit.PER_1000, arms, "gate", "per_1000_texts")
    yield _row(section, "people at a time, on average", Unit.NUMBER, arms, "deferred", "people")


def _rule(entry: dict[str, Any]) -> str:
    rule = entry["rule"]
    return f"{rule}: {RULE_SAYS[rule]}" if rule in RULE_SAYS else rule


def _promises(result: dict[str, Any]) -> Iterator[Row]:
    judged: _Arms = [result["broken_promises"]["today"], result["broken_promises"]["changed"]]
    for promise in _at(judged[0], ("broken",)) or {}:
        yield _row(
            "Broken promises", promise, Unit.COUNT, judged, "broken", promise, is_detail=True
        )


def difference(row: Row) -> str:
    """`+12 %`, `-1.5 points` of a share; "" where it is the same or there is nothing to compare."""
    if (
        row.today is None
        or row.changed is None
        or say(row.unit, row.today) == say(row.unit, row.changed)
    ):
        return ""
    more = row.changed - row.today
    if row.unit is Unit.SHARE:
        return f"{100 * more:+.1f} points"
    return f"{100 * more / row.today:+.0f} %" if row.today else ""
