from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from caregiving.management.base import ReportingCommand
from proactive import audit
from proactive.hooks import replaying
from proactive.management.base import parse_at
from proactive.models import EventKind, WebhookEndpoint


class Command(ReportingCommand):
    help = (
        "Have webhooks delivered again that were given up, or with --all those that were "
        "delivered too. Each keeps its id, so that whoever has it already can tell."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", metavar="ISO", required=True, help="of events since then")
        parser.add_argument("--endpoint", metavar="NAME", help="of this endpoint only")
        parser.add_argument(
            "--kind",
            metavar="KIND",
            action="append",
            default=[],
            choices=EventKind.values,
            help="of this kind only; may be given several times",
        )
        parser.add_argument("--all", action="store_true", help="also what was delivered")

    def handle(self, *args: Any, **options: Any) -> None:
        # It only chooses: nothing is done at another time than now.
        since = parse_at(options["since"], read_only=True, flag="--since")
        assert since is not None
        endpoint = options["endpoint"]
        if endpoint and not WebhookEndpoint.objects.filter(name=endpoint).exists():
            raise CommandError(f"No endpoint is named {endpoint!r}: see Webhooks in the admin.")
        chosen = replaying.chosen(
            since=since,
            endpoint=endpoint,
            kinds=options["kind"],
            only_given_up=not options["all"],
        )
        now = timezone.now()
        with transaction.atomic():
            count = replaying.again(chosen, now=now)
            says = f"{count} webhooks since {since.isoformat()} are delivered again"
            if count:
                audit.record("replay", by=None, says=says, now=now)
        if options["json"]:
            self.print_json({"replayed": count})
        else:
            self.stdout.write(f"{count} will be delivered again.")
