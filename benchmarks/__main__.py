"""`python -m benchmarks`: how fast everything is, as ratios against baselines in the same run.

The status is 0 also where a target is missed, as a measurement is no test, and 1 where one broke.
"""

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.speed import running
from benchmarks.speed.databases import SMALL, Size


def main() -> int:
    measures = running.measures()
    options = _options(list(measures))
    size = SMALL if options.small else Size()
    if options.people:
        size = replace(size, people=options.people)
    if options.runs:
        size = replace(size, runs=options.runs)
    chosen = {key: measures[key] for key in measures if key in (options.only or measures)}
    # What was started is stopped, and the databases removed, also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = Console(width=running.WIDTH, markup=False, emoji=False, highlight=False)
    # While it runs, what is said is no part of the table.
    progress = Console(stderr=True, markup=False, emoji=False, highlight=False)
    try:
        figures, broken, machine = running.measure(chosen, size, say=progress.print)
    except KeyboardInterrupt:
        print("Interrupted: what was started is stopped.", file=sys.stderr)
        return 130
    if options.json:
        found = {key: figure.as_json() for key, figure in figures.items()}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    running.print_table(out, figures, broken, size, machine)
    return 1 if broken else 0


def _options(keys: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--only", nargs="+", choices=keys, metavar="KEY", help=", ".join(keys))
    parser.add_argument("--small", action="store_true", help="a few people: shows that it runs")
    parser.add_argument("--people", type=_number, metavar="N", help="in the large database")
    parser.add_argument("--runs", type=_number, metavar="N", help="of each measurement")
    return parser.parse_args()


def _number(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
