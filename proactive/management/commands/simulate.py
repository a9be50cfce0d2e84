import csv
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from caregiving.csv_cells import harmless
from caregiving.management.base import ReportingCommand
from proactive.management.base import add_at, parse_at
from proactive.simulation import comparing, policy
from proactive.simulation.side_by_side import difference, rows, say


class Command(ReportingCommand):
    help = (
        "Run the next days in simulated time under today's policy, and under a changed one beside "
        "it. On a copy of the people of this database: nothing is written to it, nothing is sent."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        asked = comparing.Request
        parser.add_argument(
            "--change",
            action="append",
            default=[],
            metavar="TEXT",
            help="what is different, such as wellness.high.every=4d, crisis_followup.window=9-20 "
            "or dormant_reactivation=off; may be given several times (--list-settings: all)",
        )
        parser.add_argument("--days", type=_from_1_to(365), default=asked.days, metavar="N")
        parser.add_argument(
            "--people",
            type=_from_1_to(100_000),
            default=asked.people,
            metavar="N",
            help=f"how many at most, drawn by the seed (default {asked.people:,})",
        )
        parser.add_argument(
            "--synthetic", action="store_true", help="of made-up people, whoever is in the database"
        )
        parser.add_argument(
            "--seed", type=int, default=asked.seed, metavar="N", help="decides whatever is chance"
        )
        parser.add_argument(
            "--silent",
            action="store_true",
            help="nobody writes, has a crisis or signs up: what the policy alone makes of them",
        )
        parser.add_argument(
            "--faults", action="store_true", help="with outages, crashes and lost reports"
        )
        parser.add_argument(
            "--segment-cost", type=_dollars, metavar="X", help="US dollars for one segment"
        )
        parser.add_argument(
            "--csv", metavar="FILE", help="also write every figure there: figure, unit, numbers"
        )
        parser.add_argument(
            "--list-settings", action="store_true", help="show what can be changed, and its value"
        )
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list_settings"]:
            self._list_settings(is_json=options["json"])
            return
        now = parse_at(options["at"], read_only=True)
        request = comparing.Request(
            days=options["days"],
            people=options["people"],
            seed=options["seed"],
            synthetic=options["synthetic"],
            silent=options["silent"],
            faults=options["faults"],
            changes=tuple(options["change"]),
            segment_cost=options["segment_cost"],
        )
        if options["csv"]:
            _claim(Path(options["csv"]))
        try:
            with _ending_in_order(), _progress(is_shown=not options["json"]) as on_progress:
                result = comparing.compare(request, on_progress=on_progress, now=now)
        except comparing.Unanswered as error:
            raise CommandError(str(error)) from error
        if options["csv"]:
            _write_csv(Path(options["csv"]), result)
        if options["json"]:
            self.print_json(result)
        else:
            self._print_tables(result)
        _complain(result)

    def _list_settings(self, *, is_json: bool) -> None:
        settings = policy.settable()
        if is_json:
            self.print_json(
                [
                    {"setting": one.key, "today": one.text, "of": one.of, "what": one.label}
                    for one in settings
                ]
            )
            return
        width = max(len(f"{one.key}={one.text}") for one in settings)
        for of, own in groupby(settings, key=lambda one: one.of):
            self.stdout.write(of)
            for one in own:
                self.stdout.write(f"  {f'{one.key}={one.text}':<{width}}  {one.label}")
        self.stdout.write(
            "Each as it is today; write it after --change with another value. Lengths of time are "
            "written 90m, 36h or 3d."
        )

    def _print_tables(self, result: dict[str, Any]) -> None:
        console = self.console()
        for line in _opening(result):
            console.print(line)
        is_compared = result["changed"] is not None
        headings = ["today", "changed", "difference"] if is_compared else ["today"]
        table = Table("", *headings)
        for column in table.columns[1:]:
            column.justify = "right"
        shown = (row for row in rows(result) if not row.is_detail)
        for section, of_section in groupby(shown, key=lambda row: row.section):
            table.add_section()
            table.add_row(section, style="bold")
            for row in of_section:
                cells = [say(row.unit, row.today)]
                if is_compared:
                    cells += [say(row.unit, row.changed), difference(row)]
                table.add_row(f"  {row.figure}", *cells)
        console.print(table)
        if not _broken(result):
            console.print("No promise was broken (docs/promises.md says what they are).")


def _opening(result: dict[str, Any]) -> Iterator[str]:
    request, people = result["request"], result["people"]
    yield "Nothing was written to this database, and nothing was sent."
    if request["synthetic"]:
        whom = f"{people['taken']:,} made-up people"
    else:
        whom = f"a copy of {people['taken']:,} of {people['all']:,} people"
    how = ["nobody writes, has a crisis or signs up"] if request["silent"] else []
    how += ["with faults"] if request["faults"] else []
    begins = f"{result['from'][:16].replace('T', ' ')} UTC"
    yield (
        f"{request['days']} simulated days from {begins} with {whom}"
        f"{''.join(f', {one}' for one in how)}; seed {request['seed']}."
    )
    if people["taken"] < people["all"]:
        yield "Counts and cost are scaled up to all of them; rates, shares and waits are not."
    for key, of in result["switched_off"].items():
        yield f"Switched off today, and so here: {of}. --change {key}=on asks what if it were on."
    for change in result["changes"]:
        yield f"Changed: {change}."
    if result["changed"] is None:
        yield "No change was asked for: --change compares, --list-settings shows what there is."


def _broken(result: dict[str, Any]) -> list[str]:
    return [
        f"{arm} policy: {promise} ({count:,} times)"
        for arm in ("today", "changed")
        for promise, count in ((result["broken_promises"][arm] or {}).get("broken") or {}).items()
        if count
    ]


def _complain(result: dict[str, Any]) -> None:
    """A policy that breaks a promise in simulation must not go unnoticed in a script either."""
    if broken := _broken(result):
        raise CommandError(
            f"Promises were broken in simulation. {'; '.join(broken)}. What each of them says: "
            "docs/promises.md. With --synthetic --json, examples are listed."
        )


def _claim(path: Path) -> None:
    """Find out that a file cannot be written before the minutes that it takes to fill it."""
    try:
        path.open("a").close()
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error.strerror}.") from error


def _write_csv(path: Path, result: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("figure", "unit", "today", "changed"))
        for row in rows(result):
            figure = harmless(f"{row.section}: {row.figure}")
            writer.writerow((figure, row.unit.value, row.today, row.changed))


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Whoever ends this, or closes its terminal, ends it as Ctrl-C does: the copy is removed."""

    def leave(signal_number: int, _: object) -> None:
        raise SystemExit(128 + signal_number)

    before = {one: signal.signal(one, leave) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[comparing.Progress]:
    """A bar on standard error where that is a terminal; else nothing."""
    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield lambda share: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Simulating", total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _from_1_to(most: int) -> Any:
    def number(text: str) -> int:
        if not 1 <= int(text) <= most:
            raise ValueError
        return int(text)

    number.__name__ = f"number from 1 to {most:,}"  # as argparse names it in its error
    return number


def _dollars(text: str) -> float:
    amount = float(text)
    if not 0 <= amount <= 10:
        raise ValueError
    return amount


_dollars.__name__ = "price from 0 to 10 US dollars"
