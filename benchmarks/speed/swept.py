"""One process in which a sweep, or its baseline, is measured: `python -m benchmarks.speed.swept`.

`idle day|night`, `scan day|night`, `claim N`, `statement N`, `loop N`; prints JSON. Everything that
a worker has read by its second sweep has been read before the clock starts.
"""

import json
import resource
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from benchmarks.speed import baselines
from benchmarks.speed.populating import NIGHT, NOW, due
from proactive.cadences import CADENCES
from proactive.models import Sweep
from proactive.sweeps import run_sweep

TIMES = {"day": NOW, "night": NIGHT}
# Of a sweep that takes milliseconds one alone says little.
SWEEPS = 9
# How many people one statement of the baseline claims.
PORTION = 1000


def idle(time: str) -> dict[str, float]:
    """The milliseconds of a sweep that finds nobody.

    Raises RuntimeError if one did find somebody: that is no idle sweep.
    """
    now = TIMES[time]
    # The first reads what a worker keeps, and counts who is deferred: sweeps do every ten minutes.
    _ask_nothing(run_sweep(now=now))
    times = []
    for _ in range(SWEEPS):
        before = perf_counter()
        sweep = run_sweep(now=now)
        times.append((perf_counter() - before) * 1000)
        _ask_nothing(sweep)
    return {"milliseconds": median(times)}


def scan(time: str) -> dict[str, float]:
    now = TIMES[time]
    _warm_up()
    before = perf_counter()
    found = baselines.scan(now=now)
    milliseconds = (perf_counter() - before) * 1000
    if found:
        raise RuntimeError(f"the scan found {found} people where nobody is due")
    return {"milliseconds": milliseconds}


def claim(number: int) -> dict[str, float]:
    """People claimed in a second by the one sweep that finds `number` due, and the peak of memory
    of this process in bytes."""
    _warm_up()
    before = perf_counter()
    sweep = run_sweep(now=NOW, force=True)
    seconds = perf_counter() - before
    _expect(sweep.texts_queued, number)
    return {"per_second": number / seconds, "peak": _peak()}


def statement(number: int) -> dict[str, float]:
    batches = []
    for cadence in CADENCES:
        for step in cadence.steps:
            keys = list(due(cadence, step, now=NOW).order_by("pk").values_list("pk", flat=True))
            batches += [
                (cadence, step, keys[start : start + PORTION])
                for start in range(0, len(keys), PORTION)
            ]
    before = perf_counter()
    claimed = baselines.claim_by_statement(batches, now=NOW)
    seconds = perf_counter() - before
    _expect(claimed, number)
    return {"per_second": claimed / seconds}


def loop(number: int) -> dict[str, float]:
    """The rate of the first `number` people who are due, by their key."""
    keys = sorted(
        key
        for cadence in CADENCES
        for step in cadence.steps
        for key in due(cadence, step, now=NOW).values_list("pk", flat=True)
    )[:number]
    before = perf_counter()
    claimed = baselines.claim_one_at_a_time(keys, now=NOW)
    seconds = perf_counter() - before
    _expect(claimed, number)
    return {"per_second": claimed / seconds}


def _warm_up() -> None:
    """Read what a worker keeps: the tables of zones, and what Django and psycopg prepare."""
    for cadence in CADENCES:
        for step in cadence.steps:
            due(cadence, step, now=NOW)[:1].first()


def _ask_nothing(sweep: Sweep) -> None:
    counts: Any = sweep.counts
    if sweep.held or sweep.texts_queued or counts["churned"] or any(counts["superseded"].values()):
        raise RuntimeError(f"the sweep was not idle: {sweep.held or counts}")


def _expect(claimed: int, number: int) -> None:
    if claimed != number:
        raise RuntimeError(f"{claimed} were claimed, not {number}")


def _peak() -> int:
    """The most that this process ever had in memory, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Of this program alone; the other one, on Linux, begins with that of whoever started it.
        (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    peak_of_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_of_process if sys.platform == "darwin" else peak_of_process * 1024


def main() -> None:
    match sys.argv[1:]:
        case ["idle" | "scan" as what, ("day" | "night") as time]:
            said = {"idle": idle, "scan": scan}[what](time)
        case ["claim" | "statement" | "loop" as what, number]:
            said = {"claim": claim, "statement": statement, "loop": loop}[what](int(number))
        case _:
            sys.exit(__doc__)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
