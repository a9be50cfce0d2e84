from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.table import Table

from caregiving.convex.importing import ImportProblem, Report
from caregiving.convex.snapshot import TABLES
from caregiving.management.base import ReportingCommand
from caregiving.progress import bar
from proactive.moving_over import import_convex

# In full they are in the file, or in --json.
SHOWN = 20


class Command(ReportingCommand):
    help = (
        "Import people from the ZIP that npx convex export writes, with their scores and texts. "
        f"Tables: {', '.join(TABLES)}. What cannot be taken goes to a file beside the ZIP, with "
        "the reasons. The first import switches all cadences off. Run it again after an "
        "interruption, or with a later export: what is in already is not changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="SNAPSHOT.zip")
        parser.add_argument("--dry-run", action="store_true", help="count it all, write nothing")
        parser.add_argument(
            "--rejects", metavar="FILE", help="where rejected rows go; default: beside the ZIP"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with bar("Importing") as progress:
                report = import_convex(
                    options["file"],
                    rejects=options["rejects"],
                    dry_run=options["dry_run"],
                    progress=progress,
                )
        except ImportProblem as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            self.print_json(report.as_json())
        else:
            self._print(report)

    def _print(self, report: Report) -> None:
        for row in report.rejects.first[:SHOWN]:
            self.stderr.write(f"{row.table} line {row.line}: {row.reasons}")
        if report.bad > SHOWN:
            self.stderr.write(f"... and {report.bad - SHOWN:,} more bad rows")
        for person in report.differences[:SHOWN]:
            self.stderr.write(
                f"line {person.line}: {person.masked_number} is here with another "
                f"{', '.join(person.columns)}; left unchanged"
            )
        if report.differing > SHOWN:
            self.stderr.write(f"... and {report.differing - SHOWN:,} more")

        if report.opt_outs_lost:
            self.stderr.write(
                f"WARNING: an opt-out stands in {report.opt_outs_lost:,} of these rows, and nobody "
                "can tell whose it is. These people may be texted: look for OPT-OUT NOT RECORDED "
                f"in {report.rejects.path}, and opt them out by hand before you switch anything on."
            )

        table = Table("table", "rows", "new", "changed", "same", "unused", "bad")
        for column in table.columns[1:]:
            column.justify = "right"
        for name, counts in report.tables.items():
            numbers = (counts.documents, counts.new, counts.changed, counts.same)
            cells = (f"{number:,}" for number in (*numbers, counts.passed, counts.bad))
            table.add_row(name, *cells)
        self.console().print(table)
        for says in _notes(report):
            self.stdout.write(says)


def _notes(report: Report) -> list[str]:
    notes = []
    if report.resumed_at:
        notes.append(f"It had been interrupted, and went on at {report.resumed_at}.")
    if report.crises:
        notes.append(f"Crises dated by the latest score: {report.crises:,}.")
    if report.not_taken:
        names = ", ".join(f"{name} ({n:,})" for name, n in report.not_taken.most_common())
        notes.append(f"Fields that have no place here: {names}.")
    if report.others:
        notes.append(f"Tables that were not read: {', '.join(report.others)}.")
    if report.opt_outs_held:
        notes.append(f"Opt-outs in bad rows that hold all the same: {report.opt_outs_held:,}.")
    if report.bad:
        notes.append(f"Bad rows, with the reasons: {report.rejects.path}")
    off = ", ".join(report.switched_off)
    if not report.written:
        if off:
            notes.append(f"It would switch off: {off}.")
        notes.append("Dry run: nothing was imported. Next: the same without --dry-run.")
        return notes
    if off:
        notes.append(f"Switched off, and for 0 % of people, so nothing of it goes out: {off}.")
    else:
        notes.append("The switches were left as they are.")
    notes.append("Next: manage.py first_day, or First day in the admin.")
    return notes
