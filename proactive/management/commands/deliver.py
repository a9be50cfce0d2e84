from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from caregiving.management.base import ReportingCommand
from proactive import stopping
from proactive.delivery import Pass, deliver_queued
from proactive.management.base import add_at, parse_at
from proactive.models import Message
from proactive.recording import Result


class Command(ReportingCommand):
    help = "Take queued texts to the provider, most urgent first. Each is asked about once more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--limit", type=int, metavar="N", help="at most N texts")
        add_at(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.")
        now = parse_at(options["at"], read_only=False)
        with stopping.on_signals():
            report = deliver_queued(now=now, limit=options["limit"])
        queued = Message.objects.queued().count()
        if options["json"]:
            self.print_json(
                {"results": report.results, "stopped": report.stopped, "still_queued": queued}
            )
        else:
            self._print(report, queued)
        if broken := report.results[Result.BROKEN]:
            raise CommandError(
                f"{broken} could not be dealt with and stay as they are: the log above says why."
            )

    def _print(self, report: Pass, queued: int) -> None:
        done = ", ".join(f"{count} {result}" for result, count in report.results.items())
        self.stdout.write(f"{done or 'Nothing was due for delivery'}. {queued} still queued.")
        if report.stopped:
            self.stdout.write(f"Stopped early: {report.stopped}.")
