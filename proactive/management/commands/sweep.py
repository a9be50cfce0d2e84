from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.table import Table

from caregiving.management.base import ReportingCommand
from proactive import deferring
from proactive.blast_guard import NEXT_STEP
from proactive.cadences import BY_NAME
from proactive.management.base import add_at, parse_at
from proactive.models import Sweep
from proactive.sweeps import run_sweep

SHOWN = 20


class Command(ReportingCommand):
    help = "Find who is due and queue their texts. With --dry-run: show them and queue nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cadence", metavar="NAME", help=f"only one of {', '.join(BY_NAME)}")
        parser.add_argument("--dry-run", action="store_true", help="change nothing")
        parser.add_argument(
            "--force", action="store_true", help="go on however many texts are due at once"
        )
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = parse_at(options["at"], read_only=options["dry_run"])
        cadences = [options["cadence"]] if options["cadence"] else None
        try:
            sweep = run_sweep(
                now=now,
                cadences=cadences,
                dry_run=options["dry_run"],
                force=options["force"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        is_held = sweep.held and not sweep.dry_run
        if options["json"]:
            self.print_json(_as_json(sweep))
        elif not is_held:
            self._print_table(sweep)
        if is_held:
            raise CommandError(f"{sweep.held} Nothing was queued.\n{NEXT_STEP}")

    def _print_table(self, sweep: Sweep) -> None:
        console = self.console()
        table = Table(
            "cadence", "would queue" if sweep.dry_run else "queued", "superseded", "deferred by"
        )
        for name in BY_NAME:
            table.add_row(
                name,
                str(sweep.counts["queued"][name]),
                str(sweep.counts["superseded"][name]),
                deferring.in_words(sweep.counts, name),
            )
        console.print(table)
        churned = "would become churned" if sweep.dry_run else "became churned"
        console.print(
            f"{sweep.counts['churned']} people {churned}. As of {sweep.now:%Y-%m-%d %H:%M} UTC."
        )
        for planned in sweep.planned[:SHOWN]:
            stage = f" {planned.stage}" if planned.stage else ""
            console.print(
                f"  {planned.phone_number}  {planned.cadence}{stage}: {planned.body}",
            )
        if len(sweep.planned) > SHOWN:
            console.print(f"  ... and {len(sweep.planned) - SHOWN} more (--json lists all)")
        if sweep.held:
            console.print(
                f"{sweep.held} A real sweep would be held and ask a person (sweep --force goes on)."
            )
        if sweep.dry_run:
            console.print(
                "Nothing was queued. Why somebody is or is not listed: manage.py explain PHONE"
            )


def _as_json(sweep: Sweep) -> dict[str, Any]:
    result = {"now": sweep.now, "dry_run": sweep.dry_run, **sweep.counts, "held": sweep.held}
    if sweep.dry_run:
        result["messages"] = [vars(planned) for planned in sweep.planned]
    return result
