from argparse import ArgumentParser
from typing import Any

from caregiving.management.base import ReportingCommand
from proactive import stopping
from proactive.management.base import add_at, parse_at
from proactive.reconciliation import reconcile


class Command(ReportingCommand):
    help = (
        "Look up at the provider what became of texts whose outcome nobody saw; ask a person "
        "about what stays unknown. Nothing is sent."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = parse_at(options["at"], read_only=False)
        with stopping.on_signals():
            report = reconcile(now=now)
        if options["json"]:
            self.print_json(vars(report))
            return
        self.stdout.write(
            f"{report.expired} submissions without an answer became unknown; "
            f"{report.looked_up} texts looked up at the provider, {report.found} of them found; "
            f"{report.alerts} alerts opened."
        )
