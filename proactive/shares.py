"""For which people a cadence is on, while it is on for a share of them only.

Each person has a place in each cadence, a whole number below `PLACES` that is worked out of the
cadence's name and the person's key and never changes. Whoever stands before the share's end is
among them: so a share that is raised adds people and exchanges nobody. The arithmetic is `%`, `*`
and `+` on whole numbers below 2^62, which Python, SQLite and PostgreSQL all do exactly.
"""

from functools import cache
from hashlib import sha256
from typing import Any

from django.db.models import F, Q
from django.db.models.lookups import GreaterThanOrEqual, LessThan

from proactive.rules import Rule

EVERYBODY = 100  # percent
PLACES = 2**31 - 1  # a prime: no factor maps two keys to one place, until there are as many people


def place(cadence: str, key: Any) -> Any:
    """Of one person, by primary key; or of each row, where `key` is an expression."""
    factor, offset = _numbers(cadence)
    return (key % PLACES * factor + offset) % PLACES


def is_among(cadence: str, key: int, *, share: int) -> bool:
    return bool(place(cadence, key) < _end(share))


def among(cadence: str, *, share: int) -> Q:
    """The same, asked of rows; says nothing while the cadence is on for everybody."""
    if share == EVERYBODY:
        return Q()
    return Q(LessThan(place(cadence, F("pk")), _end(share)))


def not_among(cadence: str, *, share: int) -> Q:
    """The others: nobody, while the cadence is on for everybody."""
    return Q(GreaterThanOrEqual(place(cadence, F("pk")), _end(share)))


def in_share(cadence: str, share: int) -> Rule:
    """The person is among the `share` percent for whom `cadence` is on."""

    def says(caregiver: Any, now: Any) -> str:
        found = is_among(cadence, caregiver.pk, share=share)
        return (
            f"outreach by this cadence is on for {share} % of people; this person is "
            f"{'among them' if found else 'not among them'}"
        )

    return Rule(
        "share",
        lambda now: among(cadence, share=share),
        says,
        asked_again=False,  # what is queued goes out, whatever the share is by then
        test=lambda caregiver, now: is_among(cadence, caregiver.pk, share=share),
        means=f"is among the {share} % of people for whom it is on",
    )


def _end(share: int) -> int:
    return PLACES * share // EVERYBODY


@cache
def _numbers(cadence: str) -> tuple[int, int]:
    """Factor and offset of a cadence: the people that one begins with are not those of another."""
    digest = sha256(cadence.encode()).digest()
    return (
        int.from_bytes(digest[:8]) % (PLACES - 1) + 1,
        int.from_bytes(digest[8:16]) % PLACES,
    )
