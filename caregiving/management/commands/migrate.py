"""Django's `migrate`, which on PostgreSQL gives up rather than have writers wait behind it.

A table that refers to people cannot be made or dropped without a lock on the people, and whoever
writes while `migrate` waits for that lock waits behind it. So no statement waits for a lock longer
than LOCK_TIMEOUT; builds of indexes, behind which nobody waits, take the time that they need. What
was given up is rolled back, or can be run again.
"""

from contextlib import suppress
from typing import Any

from django.core.management.commands import migrate
from django.db import DatabaseError, connections

from caregiving.migration_operations import LOCK_TIMEOUT


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
        try:
            super().handle(*args, **options)
        finally:
            # Where it failed at the end of a transaction, that is still open and takes nothing.
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
