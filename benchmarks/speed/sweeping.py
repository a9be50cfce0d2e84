"""What a sweep costs: while nobody is due, per person whom it claims, and in memory.

What is measured runs in `benchmarks.speed.swept`, in a process for each run.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.speed import children
from benchmarks.speed.databases import Databases, Size
from benchmarks.speed.figures import Figure, growth, rate, speedup

MEGABYTE = 1024**2


def idle_sweep_growth(databases: Databases, size: Size) -> Figure:
    """A sweep over all cadences that finds nobody, with many people and with few.

    By day, when hardly anybody waits, and by night, when thousands wait for the morning; the worse
    of the two counts, for either. It is one of the nine in ten sweeps that do not also count who
    is deferred.
    """
    ours: dict[str, list[float]] = {"day": [], "night": []}
    baseline: dict[str, list[float]] = {"day": [], "night": []}
    for time in ours:
        with ExitStack() as stack:
            many, few = (
                stack.enter_context(_quiet(databases, people, time))
                for people in (size.people, size.few)
            )
            for _ in range(size.runs):
                ours[time].append(_swept(many, "idle", time)["milliseconds"])
                baseline[time].append(_swept(few, "idle", time)["milliseconds"])
    return max(
        (growth(ours[time], baseline[time], "ms") for time in ours), key=lambda one: one.ratio
    )


def idle_sweep_vs_scan(databases: Databases, size: Size) -> Figure:
    """The same sweep, by night, and loading every band to decide in Python, as the original does.

    Both find nobody. By night, since then our sweep has most to pass over.
    """
    ours: list[float] = []
    baseline: list[float] = []
    with _quiet(databases, size.people, "night") as database:
        for _ in range(size.runs):
            ours.append(_swept(database, "idle", "night")["milliseconds"])
            baseline.append(_swept(database, "scan", "night")["milliseconds"])
    return speedup(ours, baseline, "ms")


def claim_vs_sql(databases: Databases, size: Size) -> Figure:
    """People claimed in a second by a sweep, and by one statement for each thousand of them.

    The statement locks the people, inserts their texts and updates their rows; it is told whom, so
    that it need not look for them, and it asks no rules.
    """
    return _claims(databases, size, "statement", size.due)


def claim_vs_loop(databases: Databases, size: Size) -> Figure:
    """The same, and a loop that reads, checks, inserts and saves one person at a time.

    Of the loop a sample tells the rate.
    """
    return _claims(databases, size, "loop", size.sample)


def sweep_memory(databases: Databases, size: Size) -> Figure:
    """The most memory that a process ever held which swept many who were due, and one with few."""
    ours: list[float] = []
    baseline: list[float] = []
    with databases.copy(size.people) as database:
        for _ in range(size.runs):
            for due, peaks in ((size.due_more, ours), (size.due_fewer, baseline)):
                _make_due(database, due)
                peaks.append(_swept(database, "claim", due)["peak"] / MEGABYTE)
    return growth(ours, baseline, "MB")


MEASURES: dict[str, Callable[[Databases, Size], Figure]] = {
    "idle_sweep_growth": idle_sweep_growth,
    "idle_sweep_vs_scan": idle_sweep_vs_scan,
    "claim_vs_sql": claim_vs_sql,
    "claim_vs_loop": claim_vs_loop,
    "sweep_memory": sweep_memory,
}


def _claims(databases: Databases, size: Size, how: str, number: int) -> Figure:
    ours: list[float] = []
    baseline: list[float] = []
    with databases.copy(size.people) as database:
        for _ in range(size.runs):
            _make_due(database, size.due)
            ours.append(_swept(database, "claim", size.due)["per_second"])
            _make_due(database, size.due)
            baseline.append(_swept(database, how, number)["per_second"])
    return rate(ours, baseline, "people/s")


@contextmanager
def _quiet(databases: Databases, people: int, time: str) -> Iterator[str]:
    """A database in which nobody is due by `time`, "day" or "night"."""
    with databases.copy(people) as database:
        if time == "night":
            children.run("benchmarks.speed.populating", "night", database=database)
        yield database


def _make_due(database: str, number: int) -> None:
    children.run("benchmarks.speed.populating", "due", number, database=database)


def _swept(database: str, *arguments: object) -> Any:
    return children.run("benchmarks.speed.swept", *arguments, database=database)
