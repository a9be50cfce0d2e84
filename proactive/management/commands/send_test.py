from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from caregiving.management.base import ReportingCommand
from proactive.trial import NotTaken, send_trial


class Command(ReportingCommand):
    help = (
        "Text your own phone, whatever the switches say. If the provider takes it, sending that "
        "the system halted goes on; what staff switched off or paused stays so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("phone", metavar="PHONE", help="your own, never a caregiver's")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            taken = send_trial(options["phone"], now=timezone.now(), by=None)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
        except NotTaken as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.print_json(vars(taken))
        else:
            self.stdout.write(taken.says())
