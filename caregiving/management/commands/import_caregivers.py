from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.table import Table

from caregiving import importing
from caregiving.importing_rows import KNOWN_COLUMNS
from caregiving.management.base import ReportingCommand
from caregiving.progress import bar


class Command(ReportingCommand):
    help = (
        "Import people from a CSV file in UTF-8 with a header. All rows or none; whoever is here "
        f"already is left unchanged. Columns: {', '.join(KNOWN_COLUMNS)}. Only phone_number is "
        "required. Times are ISO 8601 with an offset: 2026-01-05T14:30:00Z."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="check the file, write nothing")
        parser.add_argument(
            "--skip-bad", action="store_true", help="import the good rows although some are bad"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with bar("Importing") as progress:
                report = importing.import_caregivers(
                    options["file"],
                    skip_bad=options["skip_bad"],
                    dry_run=options["dry_run"],
                    progress=progress,
                )
        except importing.ImportProblem as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            self.print_json(importing.as_json(report))
        else:
            self._print(report)
        if report.bad and not options["skip_bad"]:
            raise CommandError(
                f"{report.bad:,} of {report.rows:,} rows are bad. Nothing was imported: correct "
                "them, or import the others with --skip-bad."
            )

    def _print(self, report: importing.Report) -> None:
        for row in report.bad_rows:
            self.stderr.write(f"line {row.line}: {'; '.join(row.reasons)}")
        if report.bad > len(report.bad_rows):
            self.stderr.write(f"... and {report.bad - len(report.bad_rows):,} more bad rows")
        for person in report.differences:
            self.stderr.write(
                f"line {person.line}: {person.masked_number} is already here with another "
                f"{', '.join(person.columns)}; left unchanged"
            )
        if report.differing > len(report.differences):
            self.stderr.write(f"... and {report.differing - len(report.differences):,} more")

        table = Table(show_header=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_row("rows", f"{report.rows:,}")
        table.add_row("imported" if report.written else "new", f"{report.new:,}")
        table.add_row("already here", f"{report.already_here:,}")
        table.add_row("  of which differ", f"{report.differing:,}")
        table.add_row("bad", f"{report.bad:,}")
        self.console().print(table)
        if report.written:
            self.stdout.write("Next: manage.py sweep --dry-run")
        elif not report.bad:
            self.stdout.write("Dry run: nothing was imported. Next: the same without --dry-run.")
