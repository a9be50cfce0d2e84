import re
from argparse import ArgumentParser
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.table import Table

from caregiving.management.base import ReportingCommand
from caregiving.progress import bar
from proactive import archiving, stopping
from proactive.management.base import add_at, parse_at
from proactive.pruning import Report, prune

# Of years that an instant can have, and that anybody can mean.
MOST_DAYS = 36_500


class Command(ReportingCommand):
    help = (
        "Delete what is older than its retention and not needed any more: texts, what people "
        "wrote, resolved alerts, empty sweeps. Nothing of whoever is under a legal hold goes, nor "
        "consent, crises or the audit. With --dry-run: say how much. Safe at any time, and to run "
        "again after it was interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="change nothing")
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            help="such as 730d, in place of the retentions that are set (RETENTION_...)",
        )
        parser.add_argument(
            "--archive",
            metavar="FILE",
            help="write every row to a new FILE.jsonl.gz before it goes; it holds numbers and "
            "words, and only its owner can read it",
        )
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"] and options["archive"]:
            raise CommandError("--archive goes without --dry-run, which deletes nothing.")
        path = Path(options["archive"]) if options["archive"] else None
        if path and path.suffix != ".gz":
            raise CommandError(f"--archive {path}: give it a name that ends in .jsonl.gz.")
        older_than = _days(options["older_than"])
        now = parse_at(options["at"], read_only=options["dry_run"]) or timezone.now()
        try:
            with (
                stopping.on_signals(),
                bar("Pruning") as progress,
                archiving.opened(path, now=now) if path else nullcontext() as archive,
            ):
                report = prune(
                    now=now,
                    older_than=older_than,
                    dry_run=options["dry_run"],
                    archive=archive,
                    progress=progress,
                )
        except ValueError as error:
            raise CommandError(f"{str(error).capitalize()}.") from error
        except FileExistsError as error:
            raise CommandError(
                f"{path} exists already, and an archive is never added to: name another file."
            ) from error
        except OSError as error:
            raise CommandError(
                f"The archive {path} cannot be written: {error.strerror}. What is deleted by now "
                "is in it; nothing else is gone. Mend that and run this again with another file."
            ) from error
        kept = archive.rows if archive else 0
        if options["json"]:
            self.print_json(_as_json(report, path if kept else None))
        else:
            self._print(report, path if kept else None)
        if report.stopped:
            raise CommandError(
                f"Stopped early: {report.stopped}. Run this again for the rest"
                + (", with another file." if path else ".")
            )

    def _print(self, report: Report, path: Path | None) -> None:
        table = Table("what", "older than", "would go" if report.dry_run else "gone", "stays")
        for column in table.columns[2:]:
            column.justify = "right"
        for name, one in report.kinds.items():
            table.add_row(name, f"{one.before:%Y-%m-%d}", f"{one.gone:,}", f"{one.stays:,}")
        console = self.console()
        console.print(table)
        console.print(
            "What stays is old and still needed, or of somebody under a legal hold "
            f"({report.on_hold:,} people). As of {report.now:%Y-%m-%d %H:%M} UTC."
        )
        if passed_over := sum(one.passed_over for one in report.kinds.values()):
            console.print(
                f"{passed_over:,} more may go: somebody was at work on these people just then. "
                "The next run finds them."
            )
        if path:
            console.print(
                f"All of it is in {path}, with numbers and what people wrote: only its owner can "
                "read it. Keep it so."
            )
        if report.dry_run:
            console.print("Dry run: nothing was deleted.")


def _days(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if not (found := re.fullmatch(r"(\d{1,5})d", text)):
        raise CommandError(f"--older-than {text!r} is no number of days: write it as 730d.")
    if int(found[1]) > MOST_DAYS:
        raise CommandError(f"--older-than {text} is longer ago than there were texts.")
    return timedelta(days=int(found[1]))


def _as_json(report: Report, path: Path | None) -> dict[str, Any]:
    return {
        "now": report.now,
        "dry_run": report.dry_run,
        "kinds": {
            name: {
                "older_than": one.before,
                "gone": one.gone,
                "stays": one.stays,
                "passed_over": one.passed_over,
            }
            for name, one in report.kinds.items()
        },
        "on_hold": report.on_hold,
        "archive": str(path) if path else None,
        "stopped": report.stopped,
    }
