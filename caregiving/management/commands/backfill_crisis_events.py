from argparse import ArgumentParser
from typing import Any

from rich.table import Table

from caregiving import backfilling
from caregiving.management.base import ReportingCommand, add_batch_size
from caregiving.progress import bar


class Command(ReportingCommand):
    help = (
        "Date the crisis of people in band crisis who have no crisis on record, by their latest "
        "wellness score if that is in band crisis too. Follow-ups then fall due from that date."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what it would do")
        add_batch_size(parser, backfilling.BATCH)

    def handle(self, *args: Any, **options: Any) -> None:
        with bar("Dating crises") as progress:
            result = backfilling.backfill_crisis_events(
                dry_run=options["dry_run"], batch_size=options["batch_size"], progress=progress
            )
        if options["json"]:
            first = [
                {"phone_number": number, "last_crisis_event_at": at.isoformat()}
                for number, at in result.first
            ]
            answer = {"people": result.people, "written": result.written, "first": first}
            self.print_json(answer)
            return
        if result.first:
            table = Table("person", "crisis at (UTC)")
            for number, at in result.first:
                table.add_row(number, f"{at:%Y-%m-%d %H:%M}")
            self.console().print(table)
        if result.people > len(result.first):
            self.stdout.write(f"... and {result.people - len(result.first):,} more")
        verb = "got" if result.written else "would get"
        self.stdout.write(f"{result.people:,} people {verb} a crisis date.")
        if not result.written:
            self.stdout.write("Dry run: nothing was written.")
