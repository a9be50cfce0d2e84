from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from caregiving.management.base import ReportingCommand
from caregiving.models import Caregiver
from proactive import archiving, audit, erasing
from proactive.care import Refused
from proactive.management.base import find_person


class Command(ReportingCommand):
    help = (
        "Erase one person for good: name, number, texts and notes go, counts and the audit stay, "
        "and so does that their number has opted out. See docs/security.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("person", metavar="PHONE|ID", help="number, or key in the admin")
        parser.add_argument("--reason", required=True, help="kept in the audit: without names")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument(
            "--archive",
            metavar="FILE",
            type=Path,
            action="append",
            default=[],
            help="take them out of this archive of prune too; may be given several times",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        caregiver = self._find(options["person"])
        now = timezone.now()
        try:
            if options["dry_run"]:
                says = f"would go: {erasing.foresee(caregiver, now=now)}"
            else:
                says = self._erase(caregiver, options["reason"], now)
        except Refused as refused:
            raise CommandError(f"Person {caregiver.pk} {refused}. Nothing was done.") from refused
        lines = 0
        for path in options["archive"]:
            try:
                lines += archiving.erase(path, caregiver.pk, dry_run=options["dry_run"])
            except OSError as error:
                raise CommandError(
                    f"The archive {path} is as it was: {error}. Run this again with "
                    "`manage.py erase_caregiver ID --archive FILE` once that is mended."
                ) from error
        if options["json"]:
            self.print_json(
                {
                    "person": caregiver.pk,
                    "dry_run": options["dry_run"],
                    "says": says,
                    "archived_lines": lines,
                }
            )
            return
        self.stdout.write(f"Person {caregiver.pk}: {says}.")
        if options["archive"]:
            self.stdout.write(f"Lines of archives about them: {lines}.")

    def _find(self, person: str) -> Caregiver:
        # No number has so few digits, and no table so many rows.
        if not (person.isdigit() and len(person) < 10):
            return find_person(person)
        caregiver = Caregiver.objects.filter(pk=int(person)).first()
        if caregiver is None:
            raise CommandError(f"Nobody has the key {person}: it stands in their page's address.")
        return caregiver

    def _erase(self, caregiver: Caregiver, reason: str, now: Any) -> str:
        if caregiver.erased_at is not None:
            return "was erased before"
        with transaction.atomic():
            deed = erasing.erase(caregiver, reason=reason, now=now)
            audit.record("erase", by=None, says=deed.says, now=now, target=caregiver, reason=reason)
        return deed.says
