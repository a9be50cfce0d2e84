from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from caregiving.management.base import ReportingCommand
from proactive import audit
from proactive.signing_in import second_factor


class Command(ReportingCommand):
    help = (
        "Take away a user's second factor, when no administrator is left who could do it in the "
        "admin. They set up a new one at their next sign-in, if they need one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="kept in the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"Nobody has the username {options['username']!r}.")
        with transaction.atomic():
            if not second_factor.reset(user):
                raise CommandError(f"{user} has no second factor.")
            audit.record(
                "reset_second_factor",
                by=None,
                says="the second factor was reset",
                now=timezone.now(),
                target=user,
                reason=options["reason"],
                changes={"second factor": ["phone", None]},
            )
        if options["json"]:
            self.print_json({"reset": user.get_username()})
        else:
            self.stdout.write(f"{user} signs in with the password alone the next time.")
