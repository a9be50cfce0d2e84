from typing import Any

from django.core.management.base import CommandError
from rich.table import Table

from caregiving.management.base import ReportingCommand
from proactive.promises import check_promises


class Command(ReportingCommand):
    help = (
        "Count the crisis follow-ups of the last 84 days by what became of them. Leaves with an "
        "error, and opens an alert for each person, when one is unaccounted for."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        report = check_promises()
        if options["json"]:
            self.print_json({"outcomes": report.outcomes, "unaccounted": report.unaccounted})
        else:
            table = Table("crisis follow-ups that fell due", "how many")
            for outcome, count in report.outcomes.most_common():
                table.add_row(outcome, f"{count:,}")
            table.add_row("in all", f"{report.outcomes.total():,}", style="bold")
            self.console().print(table)
        if report.unaccounted:
            raise CommandError(
                f"{report.unaccounted} crisis follow-ups are unaccounted for. Each person has an "
                "alert now. Does the tick run? See the last sweep in the admin, or run: "
                "manage.py sweep"
            )
