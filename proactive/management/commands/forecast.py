from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.table import Table

from caregiving.management.base import ReportingCommand
from proactive.clocks import home, local
from proactive.forecasting import forecast
from proactive.management.base import add_at, find_person, parse_at


class Command(ReportingCommand):
    help = "What one person gets over the next days if they stay silent. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("phone", help="the person's number, in any notation")
        parser.add_argument("--days", type=int, default=35, metavar="N", help="default 35")
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["days"] <= 366:
            raise CommandError("--days must be 1 to 366.")
        person = find_person(options["phone"])
        now = parse_at(options["at"], read_only=True)
        result = forecast(person, now=now, days=options["days"])
        if options["json"]:
            self.print_json(result)
            return
        console = self.console()
        table = Table("when", "cadence", "text", title=f"{person}, times in {home(person).key}")
        for entry in result["messages"]:
            stage = f" {entry['stage']}" if entry["stage"] else ""
            table.add_row(local(entry["at"], person), f"{entry['cadence']}{stage}", entry["body"])
        if result["messages"]:
            console.print(table)
        else:
            console.print(
                f"Nothing within {options['days']} days. "
                f"Why: manage.py explain {person.phone_number}"
            )
