"""How the proof tells what it found: tables from plain dicts, 100 columns wide, with or without
colour. Hours are hours, shares are per cent of what the heading says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

WIDTH = 100
EXAMPLES = 3

PROMISES = {
    "cap": "Cap: no two texts to one person within 24 hours",
    "once": "Once: no stage of an occasion is submitted twice by itself",
    "consent": "Consent: nothing is submitted after an opt-out",
    "hours": "Hours: nothing is submitted outside the local window",
    "accounted": "Accounted: every crisis follow-up that fell due has an end",
    "stop": "Stop: nothing more after the third reactivation or churn",
    "explainable": "Explainable: what is explained is what the sweep does",
}
LOOKED_AT = {
    "cap": "pairs of texts",
    "once": "texts",
    "consent": "opt-outs",
    "hours": "texts",
    "accounted": "obligations",
    "stop": "silences",
    "explainable": "people",
}


def console() -> Console:
    """What is printed is data: nothing in it is read as markup."""
    return Console(width=WIDTH, markup=False, emoji=False, highlight=False)


# --- What was simulated ---


def print_world(out: Console, world: Mapping[str, Any]) -> None:
    """`world`: people, days, starts, ends, database, beats, worlds, happenings, texts, seconds."""
    out.print(
        f"{world['people']:,} people from {world['starts']:%-d %B %Y} to {world['ends']:%-d %B %Y} "
        f"({world['days']} days) on {world['database']}, in {_many(world['worlds'], 'world')} side "
        f"by side, each with {world['beats']:,} beats."
    )
    out.print(
        f"{world['happenings']:,} things happened to them, and the provider accepted "
        f"{world['texts']:,} texts. It took {world['seconds']:.0f} s."
    )


def print_faults(out: Console, lasting: Mapping[str, str], faults: Mapping[str, int]) -> None:
    """`lasting`: what befell all worlds alike, in words; `faults`: how often what else broke, over
    all worlds."""
    table = _table("What broke", "how often")
    for what, words in lasting.items():
        table.add_row(what, words)
    crashes = [name for name in faults if name.startswith("crash in ")]
    for what, times in sorted(faults.items()):
        if what == "crash":
            table.add_row("crash", f"{times:,} at {_many(len(crashes), 'different place')}")
        elif what not in crashes and what != "clock step" and " switched " not in what:
            table.add_row(what, f"{times:,}")
    _tell(out, table)


# --- The ledger ---


def print_ledger(out: Console, ledger: Mapping[str, Any]) -> None:
    """`ledger`: as `proactive.simulation.ledger.summary` makes it."""
    table = _table("Obligations", "owed", "accounted for", "delivered", "median", "95th", "worst")
    for name, one in ledger.items():
        late = one["late_hours"]
        table.add_row(
            _spaced(name),
            f"{one['owed']:,}",
            share(one["accounted_share"]),
            share(one["delivered_share"]),
            *(_hours(late[which]) for which in ("median", "p95", "worst")),
        )
    _tell(out, table, "Shares are of those owed; late: from falling due to the receipt.")
    ends = sorted({words for one in ledger.values() for words in one["ends"]})
    ends.sort(key=lambda words: -sum(one["ends"].get(words, 0) for one in ledger.values()))
    table = _table("How they ended", *map(_spaced, ledger))
    for words in ends:
        table.add_row(words, *(_number(one["ends"].get(words, 0)) for one in ledger.values()))
    _tell(out, table)


def print_in_time(out: Console, cadence: str, one: Mapping[str, Any]) -> None:
    """Of `one` cadence of a ledger: what share was delivered within 36 hours of falling due."""
    table = _table(f"{_spaced(cadence)}: delivered within 36 hours of falling due", "how many")
    for words, number in one["in_time"].items():
        table.add_row(words, f"{number:,}")
    _tell(
        out,
        table,
        f"Within 36 hours: {share(one['within_36h_share'])} of the {one['asked']:,} that could be, "
        f"{share(one['within_36h_running_share'])} without counting outages.",
    )


# --- The promises ---


def print_promises(out: Console, judgement: Mapping[str, Any]) -> None:
    """`judgement`: as `proactive.simulation.judging` makes it."""
    table = _table("Promise", "broken", "looked at")
    table.add_column("")
    for promise, words in PROMISES.items():
        numbers = (f"{judgement[which][promise]:,}" for which in ("broken", "checked"))
        table.add_row(words, *numbers, LOOKED_AT[promise])
    _tell(out, table)
    for promise, examples in judgement["examples"].items():
        for sentence in examples[:EXAMPLES]:
            out.print(Padding(f"{promise}: {sentence}", (0, 0, 0, 2)))


def broken(judgement: Mapping[str, Any]) -> int:
    return sum(judgement["broken"].values())


def print_caught(out: Console, bug: str, judgement: Mapping[str, Any]) -> None:
    """Whether the promises show that `bug` was planted, and as what."""
    if not broken(judgement):
        out.print(f'NOT CAUGHT: with "{bug}" planted, no promise was broken.')
    for promise, times in judgement["broken"].items():
        if times:
            example = next(iter(judgement["examples"][promise]), "")
            out.print(f"caught as {promise}: {times:,} times. {example}")


# --- The comparison ---


def print_comparison(out: Console, rows: Iterable[Mapping[str, Any]]) -> None:
    """`rows`: policy, crisis and dormant (of its ledger), judgement and texts, each."""
    headings = (
        "crisis\nfollow-ups\ndelivered",
        "within\n36 h",
        "reacti-\nvations\ndelivered",
        "outside\nlocal\nhours",
        "within\n24 h of\nanother",
        "stages\nsent\ntwice",
        "texts",
    )
    table = _table("The same people and faults, and", *headings)
    for row in rows:
        table.add_row(
            row["policy"],
            share(row["crisis"]["delivered_share"]),
            share(row["crisis"]["within_36h_share"]),
            share(row["dormant"]["delivered_share"]),
            *(f"{row['judgement']['broken'][which]:,}" for which in ("hours", "cap", "once")),
            f"{row['texts']:,}",
        )
    _tell(
        out,
        table,
        "Delivered: of those owed. Within 36 h of falling due: of the crisis follow-ups that could "
        "be. The other columns count texts. Of the commonly written policy every row but the one "
        "without any has these habits too: errors are only logged, missed runs stay missed, hours "
        "of UTC.",
    )


# --- Many seeds ---

_SEED_LINE = "{:>5}  {:>6}  {:>11}  {:>10}  {:>11}  {:>15}  {:>7}  {:12}  {:>7}"
SEED_HEADING = _SEED_LINE.format(
    *("seed", "broken", "unaccounted", "follow-ups", "within 36 h", "without outages"),
    *("texts", "digest", "seconds"),
)


def seed_line(one: Mapping[str, Any]) -> str:
    """`one`: seed, judgement, crisis (of its ledger), unaccounted, texts, digest, seconds; stands
    under SEED_HEADING. Follow-ups: those after a crisis that could be delivered; within 36 hours of
    falling due, as the clock goes and without the time of outages."""
    return _SEED_LINE.format(
        one["seed"],
        f"{broken(one['judgement']):,}",
        f"{one['unaccounted']:,}",
        f"{one['crisis']['asked']:,}",
        share(one["crisis"]["within_36h_share"]),
        share(one["crisis"]["within_36h_running_share"]),
        f"{one['texts']:,}",
        one["digest"][:12],
        f"{one['seconds']:.0f}",
    )


def in_time_over_all(seeds: Sequence[Mapping[str, Any]]) -> str:
    """Of the crisis follow-ups of all seeds that could be delivered, how many were in time."""
    asked = sum(one["crisis"]["asked"] for one in seeds)

    def of_all(key: str) -> str:
        found = sum((one["crisis"][key] or 0) * one["crisis"]["asked"] for one in seeds)
        return share(found / asked if asked else None)

    return (
        f"Of {asked:,} crisis follow-ups that could be, {of_all('within_36h_share')} were "
        f"delivered within 36 hours of falling due, {of_all('within_36h_running_share')} without "
        "the time of outages."
    )


# --- Words and numbers ---


def share(value: float | None) -> str:
    """Per cent with two decimals, never rounded up to a hundred that it is not."""
    if value is None:
        return "-"
    rounded = f"{value:.2%}"
    return "99.99%" if value < 1 and rounded == "100.00%" else rounded


def _hours(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} h"


def _spaced(name: str) -> str:
    """The name of a cadence, so that a heading can wrap."""
    return name.replace("_", " ")


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _table(first: str, *others: str) -> Table:
    """The first column holds words, the others numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for heading in others:
        table.add_column(heading, justify="right", vertical="bottom")
    return table


def _tell(out: Console, table: Table, note: str = "") -> None:
    out.print()
    out.print(table)
    if note:
        out.print(note)
