from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from caregiving.management.base import ReportingCommand
from proactive import audit
from proactive.management.base import parse_at
from proactive.restoring import recover
from proactive.sms.gateway import Keeping, SmsError, get_gateway

WORDS = {
    "known": "on record already",
    "taken": "queued here, and gone out: marked as sent",
    "told": "sent after the dump, put on record by their words",
    "asked": "sent after the dump, nobody can tell what: person paused, care alert",
    "strangers": "to numbers of nobody we know",
    "received": "texts from people taken in, STOP among them",
}


class Command(ReportingCommand):
    help = (
        "After a backup was restored and before anything ticks: ask the provider what went out and "
        "came in since, so that nothing is sent twice and no STOP is lost. See docs/backup.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from",
            dest="since",
            metavar="ISO",
            required=True,
            help="when the dump was begun, or earlier, such as 2026-03-01T02:00:00+00:00",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = parse_at(options["since"], read_only=True, flag="--from")
        assert since is not None
        now = timezone.now()
        if since > now:
            raise CommandError("--from is ahead of now: give the time at which the dump was begun.")
        gateway = get_gateway()
        if not isinstance(gateway, Keeping):
            raise CommandError("This provider keeps no list to ask: SMS_GATEWAY must be twilio.")
        try:
            recovered = recover(gateway, since=since, now=now)
        except SmsError as error:
            raise CommandError(
                f"The provider's list could not be read to its end: {error}. Keep the workers "
                "stopped and run this again: nothing is done twice."
            ) from error
        counts = asdict(recovered)
        says = ", ".join(f"{name} {count}" for name, count in counts.items())
        with transaction.atomic():
            audit.record(
                "after_restore", by=None, says=f"asked the provider since {since}: {says}", now=now
            )
        if options["json"]:
            self.print_json({"from": since, **counts})
            return
        for name, count in counts.items():
            self.stdout.write(f"{count:>8}  {WORDS[name]}")
