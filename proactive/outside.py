"""People for whom a vital cadence is not on: what fell due for them is recorded, and alarms nobody.

While a cadence is on for a share of people, nothing is owed to the others. So that nothing is lost
sight of all the same, each of their stages gets its row once its time has passed, and the counter
moves on. Whoever is among the share later is owed the stage that is current then; what went by
before is neither sent nor told as missed.
"""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from caregiving.models import Caregiver, CaregiverQuerySet
from proactive.accounting import BATCH, held_up_ripening, lock_free, passed, run_out
from proactive.declaring import Cadence
from proactive.models import Message
from proactive.prepared import prepared
from proactive.rules import CASCADE
from proactive.shares import EVERYBODY


def settle(cadence: Cadence, *, now: datetime, dry_run: bool = False) -> int:
    """Returns how many stages are recorded (in a dry run: would be) as superseded."""
    if cadence.share == EVERYBODY:
        return 0
    settled = 0
    last = 0
    while people := _outside_among(cadence, now=now, after=last):
        last = people[-1].pk
        with transaction.atomic():
            if not dry_run:
                locked = lock_free([one.pk for one in people])
                people = list(_outside(cadence, now).filter(pk__in=locked))
            for stage, theirs in _by_last_passed(cadence, people, now).items():
                rows = run_out(cadence, theirs, up_to=stage, now=now)
                settled += len(rows)
                if not dry_run:
                    Message.objects.bulk_create(rows)
                    Caregiver.objects.filter(pk__in=[one.pk for one in theirs]).update(
                        **{cadence.counter: stage}
                    )
    return settled


def _outside(cadence: Cadence, now: datetime) -> CaregiverQuerySet:
    return Caregiver.objects.filter(
        held_up_ripening(cadence).by(now),
        reduce(or_, (passed(cadence, step, now) for step in cadence.steps[:-1])),
        cadence.anchor.less_than(CASCADE, now),
        ~cadence.among,
    )


@prepared
def _outside_among(cadence: Cadence, *, now: datetime, after: Any) -> QuerySet[Caregiver]:
    return _outside(cadence, now).filter(pk__gt=after).order_by("pk")[:BATCH]


def _by_last_passed(
    cadence: Cadence, people: list[Caregiver], now: datetime
) -> dict[int, list[Caregiver]]:
    """By the last stage whose time has passed: it says the same of those before it."""
    found: dict[int, list[Caregiver]] = {}
    for one in people:
        since = cadence.anchor.of(one)
        stage = sum(
            since is not None and step.limit is not None and since + step.limit <= now
            for step in cadence.steps
        )
        found.setdefault(stage, []).append(one)
    return found
