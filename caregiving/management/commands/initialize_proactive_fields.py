from argparse import ArgumentParser
from typing import Any

from rich.table import Table

from caregiving import backfilling
from caregiving.management.base import ReportingCommand, add_batch_size
from caregiving.progress import bar


class Command(ReportingCommand):
    help = (
        "Fill empty counters with 0 and derive missing time zones. Safe while the system runs, "
        "and to run again: what is filled is passed over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_batch_size(parser, backfilling.BATCH)

    def handle(self, *args: Any, **options: Any) -> None:
        with bar("Filling") as progress:
            filled = backfilling.initialize_proactive_fields(
                batch_size=options["batch_size"], progress=progress
            )
        if options["json"]:
            self.print_json(filled)
            return
        table = Table("field", "filled")
        table.columns[1].justify = "right"
        for name, count in filled.items():
            if name != "people":
                table.add_row(name, f"{count:,}")
        self.console().print(table)
        self.stdout.write(f"{filled['people']:,} people seen.")
