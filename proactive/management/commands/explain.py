from argparse import ArgumentParser
from typing import Any

from rich.table import Table

from caregiving.management.base import ReportingCommand
from proactive.clocks import home, local
from proactive.explaining import explain
from proactive.management.base import add_at, find_person, parse_at


class Command(ReportingCommand):
    help = "Why one person does or does not hear from us: every cadence with every rule."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("phone", help="the person's number, in any notation")
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        person = find_person(options["phone"])
        result = explain(person, now=parse_at(options["at"], read_only=True))
        if options["json"]:
            self.print_json(result)
            return
        console = self.console()
        console.print(
            f"{person} ({result['phone_number']}) at {local(result['now'], person)}; "
            f"all times are local to them ({home(person).key}).",
        )
        for entry in result["cadences"]:
            stage = f" {entry['stage']}" if entry["stage"] else ""
            if entry["sendable"]:
                verdict = "would be queued now"
            elif entry["earliest"]:
                verdict = f"not now; earliest {local(entry['earliest'], person)}"
            else:
                verdict = "not as things stand"
            table = Table(
                "",
                "rule",
                "state",
                title=f"{entry['label']}{stage}: {verdict}",
                title_justify="left",
            )
            for rule in entry["rules"]:
                table.add_row("yes" if rule["holds"] else "NO", rule["rule"], rule["says"])
            console.print(table)
