"""What the outreach commands share: --at, and looking a person up."""

from argparse import ArgumentParser
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from caregiving.fields import normalise_phone_number
from caregiving.models import Caregiver


def add_at(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--at", metavar="ISO", help="pretend that it is then, such as 2026-03-01T15:00:00+00:00"
    )


def parse_at(text: str | None, *, read_only: bool, flag: str = "--at") -> datetime | None:
    """The instant that --at, or another `flag`, names; None without it. Refused where it might send
    real texts."""
    if text is None:
        return None
    if not read_only and not settings.ALLOW_TIME_TRAVEL:
        raise CommandError(
            "--at goes with --dry-run only: another time could mean texts at night. "
            "On a rehearsal system, set ALLOW_TIME_TRAVEL=1."
        )
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{flag} {text!r} is not ISO 8601: write it as 2026-03-01T15:00:00+00:00."
        ) from error
    if timezone.is_naive(at):
        raise CommandError(f"{flag} {text!r} has no UTC offset: add one, such as +00:00 or Z.")
    # Rules subtract weeks and forecasts add months.
    if not 2000 <= at.year < 2200:
        raise CommandError(f"{flag} {text!r} is too far away: name a year from 2000 to 2199.")
    return at


def find_person(phone: str) -> Caregiver:
    """The caregiver with this number, in any notation."""
    try:
        number = normalise_phone_number(phone)
    except ValidationError as error:
        raise CommandError(error.messages[0]) from error
    try:
        return Caregiver.objects.get(phone_number=number)
    except Caregiver.DoesNotExist:
        raise CommandError(
            f"Nobody has the number {number}. Look the person up by name in the admin, or check "
            "the country code."
        ) from None
