from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from caregiving.management.base import ReportingCommand
from proactive import demo, demo_staff


class Command(ReportingCommand):
    help = (
        "Fill an empty database with people who do not exist, in every state, and create the "
        "logins demo, demo-viewer, demo-nurse and demo-lead, all with the password demo. Only with "
        "DEBUG=true."
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
            self.print_json({"login": demo_staff.LOGIN, **vars(seeded)})
        elif seeded.already_here:
            self.stdout.write(
                f"{seeded.already_here:,} demo people are here already; nothing changed."
            )
        else:
            self.stdout.write(
                f"{seeded.created:,} demo people created. Log in as {demo_staff.LOGIN} with "
                f"password {demo_staff.PASSWORD}; {', '.join(demo_staff.ROLES)} have the same, "
                "and may do less.\nNext: manage.py sweep --dry-run"
            )
