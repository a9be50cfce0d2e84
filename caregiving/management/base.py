"""What the commands share: --json, a plain console, failures of the database."""

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from rich.console import Console


class ReportingCommand(BaseCommand):
    """Parses, calls one function, prints: a short table, or JSON for machines.

    A failure leaves with a sentence that says what to do next, and a non-zero status.
    """

    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON for machines")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DatabaseError as error:
            raise CommandError(
                f"The database failed: {str(error).strip()}\nWhat was committed before stays. "
                "Check DATABASE_URL and that the server runs and is migrated (manage.py migrate), "
                "then run this again: nothing is done twice."
            ) from error

    def check_migrations(self) -> None:
        """Django's notice, on standard error: it would break the JSON on standard output."""
        output, self.stdout = self.stdout, self.stderr
        try:
            super().check_migrations()
        finally:
            self.stdout = output

    def console(self) -> Console:
        """Plain text when standard output is no terminal, and never narrower than its tables.

        Nothing in it is read as markup: people's names and staff's words are data.
        """
        return Console(
            file=cast(Any, self.stdout)._out,
            soft_wrap=True,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def print_json(self, data: Any) -> None:
        self.stdout.write(json.dumps(data, default=_encode, ensure_ascii=False, indent=2))


def add_batch_size(parser: ArgumentParser, default: int) -> None:
    parser.add_argument(
        "--batch-size", type=_positive, default=default, metavar="N", help="people at a time"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_positive.__name__ = "number of people, at least 1"  # as argparse names it in its error


def _encode(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"cannot print {type(value).__name__} as JSON")
