from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from caregiving.management.base import ReportingCommand
from proactive.weekly import mailing, presenting
from proactive.weekly.remembering import Report, remember
from proactive.weekly.weeks import Week


class Command(ReportingCommand):
    help = (
        "A week's outreach in numbers, beside the week before. What was counted of a week that is "
        "over is kept. The clock sends it by email on Monday, 08:00, to WEEKLY_REPORT_EMAIL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--week", metavar="WEEK", help="such as 2026-W48; default: the last that is over"
        )
        parser.add_argument(
            "--send", action="store_true", help="send it by email too, if it was not sent yet"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["send"] and not settings.WEEKLY_REPORT_EMAIL:
            raise CommandError("Nobody would get it: set WEEKLY_REPORT_EMAIL, then run this again.")
        try:
            week = Week.parse(options["week"]) if options["week"] else Week.last_ended(now)
            report = remember(week, now=now)
        except ValueError as error:  # NotOver is one
            raise CommandError(str(error)) from error
        if options["send"]:
            self._send(report)
        if options["json"]:
            self.print_json(_for_machines(report))
        else:
            self.console().print(presenting.as_text(report))

    def _send(self, report: Report) -> None:
        assert report.row is not None
        try:
            sent = mailing.send(report, now=timezone.now())
        except OSError as error:  # smtplib's are OSErrors too
            raise CommandError(
                f"The mail server did not take it: {error}. Check EMAIL_URL, then run this again: "
                "it is sent once."
            ) from error
        if sent:
            self.stderr.write(f"Sent to {', '.join(settings.WEEKLY_REPORT_EMAIL)}.")
        else:
            self.stderr.write("It was sent before, or is being sent: nothing is sent twice.")


def _for_machines(report: Report) -> dict[str, Any]:
    assert report.row is not None
    return {
        "week": str(report.week),
        "begins": report.week.begins,
        "ends": report.week.ends,
        "counted_at": report.counted_at,
        "sent_at": report.row.sent_at,
        "figures": report.figures,
        "before": report.before,
    }
