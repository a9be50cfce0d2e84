from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from caregiving.management.base import ReportingCommand
from proactive import stopping
from proactive.hooks.sending import deliver
from proactive.models import WebhookDelivery


class Command(ReportingCommand):
    help = "Hand over the webhooks that are due, to each endpoint by itself. Beat does it too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--limit", type=int, metavar="N", help="at most N deliveries")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.")
        with stopping.on_signals():
            report = deliver(limit=options["limit"])
        waiting = WebhookDelivery.objects.waiting().count()
        counts = {
            "delivered": report.delivered,
            "failed": report.failed,
            "given_up": report.given_up,
        }
        if options["json"]:
            self.print_json(
                {
                    **counts,
                    "switched_off": report.switched_off,
                    "stopped": report.stopped,
                    "still_waiting": waiting,
                }
            )
            return
        done = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in counts.items() if n)
        self.stdout.write(f"{done or 'Nothing was due'}. {waiting} still waiting.")
        for name in report.switched_off:
            self.stdout.write(f"{name} is switched off: see Webhooks in the admin for why.")
        if report.stopped:
            self.stdout.write(f"Stopped early: {report.stopped}.")
