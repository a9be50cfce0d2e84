from argparse import ArgumentParser
from typing import Any

from django.utils import timezone
from rich.table import Table

from caregiving.management.base import ReportingCommand
from proactive import first_day
from proactive.clocks import local
from proactive.management.base import add_at, parse_at


class Command(ReportingCommand):
    help = (
        "How many people the next 24 hours would text if every cadence were switched on now, with "
        "samples. An estimate; changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = parse_at(options["at"], read_only=True) or timezone.now()
        day = first_day.look(now=now)
        if options["json"]:
            self.print_json(first_day.as_json(day))
            return
        console = self.console()
        table = Table("cadence", "people")
        table.columns[1].justify = "right"
        for share in day.shares:
            table.add_row(share.cadence.name, f"{share.people:,}")
        table.add_section()
        table.add_row("all", f"{day.people:,} of {day.everybody:,}")
        console.print(table)
        for share in day.shares:
            for sample in share.samples:
                stage = f" {sample.step.stage}" if sample.step.stage else ""
                console.print(
                    f"  {sample.person.phone_number}  {share.cadence.name}{stage}, "
                    f"{local(sample.at, sample.person)}: {sample.body}"
                )
        if day.one_in > 1:
            console.print(f"Asked about one person in {day.one_in} and multiplied.")
        if day.limit and day.is_held:
            console.print(
                f"At one moment {day.most_at_once:,} people would be due: the sweep would be held "
                f"and ask a person. {day.limit.says()}"
            )
        console.print(
            f"An estimate for the 24 hours from {day.now:%Y-%m-%d %H:%M} UTC on, if all cadences "
            "were switched on now. Nothing was queued or changed."
        )
