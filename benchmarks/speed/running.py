"""One run of all measurements: the table, its JSON, and the machine that they were made on."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec

from rich.console import Console
from rich.table import Table

from benchmarks.speed import databases
from benchmarks.speed.databases import GIGABYTE, Databases, Size
from benchmarks.speed.figures import Figure
from benchmarks.speed.targets import TARGETS

MODULES = ("sweeping", "delivering", "calling_back", "reading")
WIDTH = 132

Measure = Callable[[Databases, Size], Figure]


def measures() -> dict[str, Measure]:
    """Every measurement that there is, by key, in the order of the table."""
    found: dict[str, Measure] = {}
    for name in MODULES:
        if find_spec(f"benchmarks.speed.{name}"):
            found |= import_module(f"benchmarks.speed.{name}").MEASURES
    return {key: found[key] for key in TARGETS if key in found}


def measure(
    chosen: Mapping[str, Measure], size: Size, *, say: Callable[[str], None] = lambda line: None
) -> tuple[dict[str, Figure], list[str], str]:
    """Take each of `chosen`: the figures by key, the keys of those that broke, and the machine.

    One that breaks is told on standard error and does not keep the others from being taken. `say`
    gets a line when one ends.
    """
    figures: dict[str, Figure] = {}
    broken = []
    with databases.running() as server:
        machine = in_words(server)
        for key, take in chosen.items():
            began = time.monotonic()
            try:
                figures[key] = take(server, size)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                broken.append(key)
            ended = "broke" if key in broken else f"ratio {number(figures[key].ratio)}"
            say(f"{key}: {ended}, took {time.monotonic() - began:,.0f} s")
    return figures, broken, machine


def in_words(server: Databases) -> str:
    """The machine and how the database is set up."""
    # Their values as the server has them, not as they were asked for.
    settings = ("shared_buffers", "fsync", "synchronous_commit", "full_page_writes")
    said = ", ".join(f"{name} {server.ask(f'SHOW {name}')}" for name in settings)
    return (
        f"{len(os.sched_getaffinity(0))} cores, {databases.memory() / GIGABYTE:.0f} GB of memory; "
        f"PostgreSQL {server.ask('SHOW server_version')} on the same machine, {said}; "
        f"Python {sys.version.split()[0]}."
    )


def print_table(
    out: Console, figures: Mapping[str, Figure], broken: Iterable[str], size: Size, machine: str
) -> None:
    """A line for each figure, and for what broke; below it what it was measured on."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("key", "what", "against"):
        table.add_column(heading, no_wrap=heading == "key")
    for heading in ("ours", "baseline", "unit", "ratio", "target", ""):
        left = heading in ("unit", "target", "")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for key, target in TARGETS.items():
        if key in figures:
            one = figures[key]
            table.add_row(
                key,
                target.what,
                target.against,
                number(one.ours),
                number(one.baseline),
                one.unit,
                number(one.ratio),
                target.says(),
                "met" if target.is_met(one.ratio) else "MISSED",
            )
        elif key in broken:
            table.add_row(key, target.what, target.against, *"---", "-", target.says(), "BROKE")
    out.print(table)
    out.print()
    out.print(
        f"Many are {size.people:,} people and few {size.few:,}; {size.due:,} due at once, of "
        f"memory {size.due_more:,} and {size.due_fewer:,}. Medians of {size.runs} runs each."
    )
    out.print(machine)


def number(value: float) -> str:
    """Three digits that count: `0.0123`, `1.23`, `12.3`, `12,345`."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
