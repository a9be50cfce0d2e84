"""`python -m benchmarks.proof`: a simulated world with faults, its ledger, whether the promises
held, and what the policy as commonly written does for the same people.

The status is 1 if a promise was broken or an obligation is unaccounted for; with --plant, if the
planted bug was not caught; and 2 if a world could not be lived to its end.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
OURS = "proactive.simulation.outreach.Outreach"
ORACLE = "benchmarks.reference.second_opinion"
COMMON = "benchmarks.common_policy.CommonPolicy"
# Clocks go forward in the north and back in the south within six weeks from here, and the other way
# round from there.
SPRING = datetime(2026, 2, 21, tzinfo=UTC)
AUTUMN = datetime(2026, 9, 20, tzinfo=UTC)


def main() -> int:
    options = _options()
    # What was started is stopped, and the databases removed, also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Settings that are the same everywhere, whatever a local `.env` says.
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from benchmarks.scratch import scratches
    from proactive.simulation.running import WorldEnded

    tell = _plant if options.plant else _many if options.seeds > 1 else _one
    try:
        with scratches(options.db) as databases:
            return tell(Runner(options, databases))
    except WorldEnded as error:
        print(f"A world ended before its time: {error}", file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proof", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the first of them")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="a line for each")
    parser.add_argument("--people", type=int, default=5000, metavar="N")
    parser.add_argument("--days", type=int, default=120, metavar="N")
    parser.add_argument("--tick-minutes", type=int, default=30, metavar="N", help="of the beat")
    parser.add_argument("--db", choices=NAMES, default="sqlite")
    parser.add_argument(
        "--shards",
        type=int,
        default=max(1, len(os.sched_getaffinity(0))),
        metavar="N",
        help="worlds side by side, by default one per processor: part of what repeats a run",
    )
    parser.add_argument("--plant", default="", metavar="BUG", help="one of benchmarks.planted")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    parser.add_argument("--no-comparison", action="store_true", help="our own policy only")
    return parser.parse_args()


@dataclass
class Runner:
    """Runs worlds by what the command line says."""

    options: argparse.Namespace
    databases: Any
    seed: int = field(init=False)

    def __post_init__(self) -> None:
        self.seed = self.options.seed

    def spec(self) -> Any:
        from proactive.simulation.spec import Spec

        return Spec(
            seed=self.seed,
            people=self.options.people,
            days=self.options.days,
            starts=SPRING if self.seed % 2 == 0 else AUTUMN,
            tick_minutes=self.options.tick_minutes,
            faults=True,
        )

    def ours(self, what: str = "Simulating") -> dict[str, Any]:
        return self._run(what, OURS, {"oracle": ORACLE}, plant=self.options.plant)

    def common(self, mended: list[str], what: str) -> dict[str, Any]:
        return self._run(what, COMMON, {"mended": mended})

    def _run(
        self, what: str, system: str, options: dict[str, Any], plant: str = ""
    ) -> dict[str, Any]:
        """What one run found: see `_found`."""
        from caregiving.progress import bar
        from proactive.simulation import running

        began = time.monotonic()
        with bar(what) as advance, self.databases.fresh() as scratch:
            raw = running.run(
                running.shards(self.spec(), self.options.shards),
                on_progress=lambda share: advance(int(share * 1000), 1000),
                system=system,
                options=options,
                plant=plant,
                scratch=scratch,
            )
        return _found(raw, time.monotonic() - began)


def _found(raw: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The merged raw result of a run, made ready to be told."""
    from proactive.simulation import ledger

    digests = "".join(raw["digests"][shard] for shard in sorted(raw["digests"], key=int))
    summary = ledger.summary(raw["ledger"])
    return {
        "ledger": summary,
        "crisis": summary["crisis_followup"],
        "dormant": summary["dormant_reactivation"],
        "unaccounted": sum(one["unaccounted"] for one in raw["ledger"]["obligations"].values()),
        "unaccounted_examples": [
            example
            for one in raw["ledger"]["obligations"].values()
            for example in one["unaccounted_examples"]
        ],
        "judgement": raw["judgement"],
        "faults": raw["faults"],
        "texts": raw["texts"],
        "happenings": raw["happenings"],
        "digest": hashlib.sha256(digests.encode()).hexdigest(),
        "seconds": seconds,
    }


# --- One world, told at length ---


def _one(runner: Runner) -> int:
    from benchmarks import printing

    out = printing.console()
    spec = runner.spec()
    out.print(f"Seed {spec.seed}. To repeat this: {_command(runner.options)}", soft_wrap=True)
    found = runner.ours()
    out.print()
    beats = spec.days * 24 * 60 // spec.tick_minutes
    printing.print_world(
        out,
        {
            "people": spec.people,
            "days": spec.days,
            "starts": spec.starts,
            "ends": spec.ends,
            "database": NAMES[runner.options.db],
            "beats": beats,
            "worlds": runner.options.shards,
            **found,
        },
    )
    printing.print_faults(out, _lasting(spec), found["faults"])
    printing.print_ledger(out, found["ledger"])
    printing.print_in_time(out, "crisis_followup", found["crisis"])
    printing.print_promises(out, found["judgement"])
    compared = []
    if not runner.options.no_comparison:
        compared = [{"policy": "our policy", **found}, *_common(runner)]
        printing.print_comparison(out, compared)
    out.print(f"\nDigest of all accepted texts: {found['digest']}")
    out.print(_verdict(found))
    for example in found["unaccounted_examples"]:
        out.print(f"  {example}", soft_wrap=True)
    _write(runner.options.json, {"spec": spec.as_json(), "ours": found, "compared": compared})
    return _status(found)


def _common(runner: Runner) -> Iterator[dict[str, Any]]:
    """The policy as commonly written: see `benchmarks.habits`."""
    from benchmarks.habits import variants

    for name, mended in variants().items():
        yield {"policy": name, **runner.common(mended, f"Comparing: {name.strip('- ')}")}


def _lasting(spec: Any) -> dict[str, str]:
    """What befalls all worlds of a seed alike, in words."""
    from proactive.cadences import CADENCES
    from proactive.simulation.faults import Span, draw_faults

    faults = draw_faults(spec, [cadence.name for cadence in CADENCES])

    def spans(found: tuple[Span, ...]) -> str:
        hours = [(one.ends - one.begins).total_seconds() / 3600 for one in found]
        if len(hours) < 2:
            return f"1, {hours[0]:.1f} h" if hours else "0"
        return f"{len(hours)}, {min(hours):.1f} to {max(hours):.1f} h"

    return {
        "outages: no beat comes": spans(faults.outages),
        "of them, the site is down as well": spans(faults.deaf),
        "storms: the provider answers 429 to everything": spans(faults.storms),
        "the provider's list lags": spans(faults.list_lag),
        "something is switched off": spans(tuple(span for _, span in faults.switched_off)),
        "steps of the clock": f"{len(faults.steps)}",
    }


# --- Many seeds, a bug ---


def _many(runner: Runner) -> int:
    from benchmarks import printing

    options = runner.options
    print(f"{options.people:,} people, {options.days} days each, {NAMES[options.db]}.")
    print(printing.SEED_HEADING, flush=True)
    lines = []
    for seed in range(options.seed, options.seed + options.seeds):
        runner.seed = seed
        one = {"seed": seed, **runner.ours(f"Seed {seed}")}
        print(printing.seed_line(one), flush=True)
        lines.append(one)
    for one in lines:
        for promise, examples in one["judgement"]["examples"].items():
            for sentence in examples[: printing.EXAMPLES]:
                print(f"seed {one['seed']}, {promise}: {sentence}")
    wrong = sum(_status(one) for one in lines)
    texts = sum(one["texts"] for one in lines)
    print(printing.in_time_over_all(lines))
    print(
        f"{len(lines)} seeds, {texts:,} texts: "
        + (f"{wrong} of them broke a promise." if wrong else "no promise was broken.")
    )
    _write(options.json, {"seeds": lines})
    return 1 if wrong else 0


def _plant(runner: Runner) -> int:
    from benchmarks import planted, printing

    bug = runner.options.plant
    if bug not in planted.BUGS:
        print(f"--plant takes one of: {', '.join(planted.BUGS)}", file=sys.stderr)
        return 2
    out = printing.console()
    says = (planted.BUGS[bug].__doc__ or "").strip()
    out.print(f'Seed {runner.seed}, with "{bug}" planted: {says}')
    found = runner.ours()
    printing.print_caught(out, bug, found["judgement"])
    _write(runner.options.json, {"plant": bug, "ours": found})
    return 0 if printing.broken(found["judgement"]) else 1


# --- The end ---


def _status(found: dict[str, Any]) -> int:
    from benchmarks import printing

    return 1 if printing.broken(found["judgement"]) or found["unaccounted"] else 0


def _verdict(found: dict[str, Any]) -> str:
    if not _status(found):
        return "No promise was broken, and everything is accounted for."
    from benchmarks import printing

    return (
        f"{printing.broken(found['judgement']):,} promises were broken; "
        f"{found['unaccounted']:,} obligations are unaccounted for."
    )


def _command(options: argparse.Namespace) -> str:
    return (
        f"python -m benchmarks.proof --seed {options.seed} --people {options.people} "
        f"--days {options.days} --tick-minutes {options.tick_minutes} --db {options.db} "
        f"--shards {options.shards}"
    )


def _write(path: Path | None, numbers: dict[str, Any]) -> None:
    if path:
        path.write_text(json.dumps(numbers, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
