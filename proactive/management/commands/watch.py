from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from caregiving.management.base import ReportingCommand
from proactive import stopping, watching

LOOK_EVERY_SECONDS = 60.0


class Command(ReportingCommand):
    help = (
        "See once a minute whether ticks go through, and send an email to ALERT_ESCALATION_EMAIL "
        "when none has for TICK_OVERDUE_MINUTES, and when they do again. Runs in a process of its "
        "own, until it is asked to stop."
    )
    # It must start, and tell, also while the database does not answer.
    requires_migrations_checks = False
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--once",
            action="store_true",
            help="look once, as from cron; leaves with an error when no tick goes through",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with stopping.on_signals():
            while True:
                found = watching.look()
                _hang_up()
                if options["once"]:
                    break
                if not found.ok:
                    self.stderr.write(found.says)
                stopping.sleep(LOOK_EVERY_SECONDS)
                if stopping.asked():
                    return
        if options["json"]:
            self.print_json({"ok": found.ok, "says": found.says})
        elif found.ok:
            self.stdout.write(found.says)
        if not found.ok:
            raise CommandError(found.says)


def _hang_up() -> None:
    """The next look connects anew: a connection whose server has gone may hang for long."""
    if not connection.in_atomic_block:
        connection.close()
