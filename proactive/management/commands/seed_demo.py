from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from caregiving.management.base import ReportingCommand
from proactive import demo


class Command(ReportingCommand):
    help = (
        "Fill an empty database with people who do not exist, in every state, and create the "
        "login demo/demo. Only with DEBUG=true."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--caregivers", type=int, default=2000, metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seeded = demo.seed_demo(caregivers=options["caregivers"])
        except demo.DemoRefused as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            self.print_json({"login": demo.LOGIN, **vars(seeded)})
        elif seeded.already_here:
            self.stdout.write(
                f"{seeded.already_here:,} demo people are here already; nothing changed."
            )
        else:
            self.stdout.write(
                f"{seeded.created:,} demo people created. Log in as {demo.LOGIN} with password "
                f"{demo.LOGIN}.\nNext: manage.py sweep --dry-run"
            )
