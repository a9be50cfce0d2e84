"""Who goes on writing while a database is changed: on connections of their own, as old code does.

They name the columns of the schema as it was before outreach, and nothing else.
"""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tests.conftest import database_url

INSERT = (
    "INSERT INTO caregiving_caregiver (phone_number, first_name, relationship,"
    " care_recipient_name, zip_code, time_zone, language, journey_phase, burnout_band, created_at)"
    " VALUES (%s, 'Ruth', '', '', '', 'UTC', 'en', 'active', '', now())"
)
UPDATE = (
    "UPDATE caregiving_caregiver SET last_contact_at = now(), first_name = %s WHERE id ="
    " (SELECT id FROM caregiving_caregiver ORDER BY id OFFSET %s LIMIT 1)"
)


@dataclass
class Written:
    """What the writers saw: how long each statement took, in seconds, and what failed."""

    waits: list[float] = field(default_factory=list)
    inserted: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def longest(self) -> float:
        return max(self.waits)


@contextmanager
def writing() -> Iterator[Written]:
    """One who adds people and one who changes them, without a pause, until the block ends."""
    written, over = Written(), threading.Event()
    threads = [
        threading.Thread(target=_work, args=(work, written, over)) for work in (_insert, _update)
    ]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=30)


def _work(work, written: Written, over: threading.Event) -> None:
    try:
        with psycopg.connect(database_url(), autocommit=True) as connection:
            for number in itertools.count():
                if over.is_set():
                    return
                began = time.monotonic()
                work(connection, written, number)
                written.waits.append(time.monotonic() - began)
                # Two processors do all of this. And who fills people batch by batch would never
                # come to an end if more of them were added meanwhile than it fills.
                over.wait(0.01)
    except Exception as error:
        written.errors.append(error)


def _insert(connection, written: Written, number: int) -> None:
    phone_number = f"+1312{number:07}"
    connection.execute(INSERT, [phone_number])
    written.inserted.append(phone_number)


def _update(connection, written: Written, number: int) -> None:
    connection.execute(UPDATE, [f"Ruth {number}", random.randrange(300)])


@contextmanager
def a_long_writer() -> Iterator[None]:
    """A transaction that has added somebody and stays open, as an import does."""
    with psycopg.connect(database_url()) as connection:
        # Should a migration wait for it without end after all, the test fails and does not hang.
        connection.execute("SET idle_in_transaction_session_timeout = '20s'")
        connection.execute(INSERT, ["+13129999999"])
        yield
        connection.rollback()
