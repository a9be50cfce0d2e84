"""What the rows must say among themselves, and of what the provider received, at any moment."""

from collections import Counter
from typing import Any
from uuid import UUID

from caregiving.models import Caregiver
from proactive.models import Message
from tests.proactive.machine.facts import Facts
from tests.proactive.machine.numbers import COUNTERS, STAGES, occasion
from tests.proactive.machine.provider import Submission

FIELDS = (
    *("pk", "phone_number", "first_name", "relationship", "zip_code", "created_at"),
    *("journey_phase", "burnout_band", "wellness_opt_in", "opted_out_at", "unreachable_at"),
    *("outreach_paused_until", "last_contact_at", "last_crisis_event_at", "last_assessment_at"),
    *("last_proactive_message_at", *COUNTERS.values()),
)
TEXT = ("pk", "caregiver_id", "sweep_id", "cadence", "stage", "tier", "occasion", "status")

Row = dict[str, Any]


def rows() -> tuple[list[Row], dict[int, list[Row]]]:
    """Everybody, and by person their texts."""
    texts: dict[int, list[Row]] = {}
    for text in Message.objects.order_by("queued_at", "pk").values(*TEXT):
        texts.setdefault(text["caregiver_id"], []).append(text)
    return list(Caregiver.objects.order_by("pk").values(*FIELDS)), texts


def inconsistencies(
    people: dict[int, Facts], submissions: list[Submission], delivered: set[UUID]
) -> list[str]:
    """What is wrong, in words."""
    found = []
    everybody, texts = rows()
    for row in everybody:
        own = texts.get(row["pk"], [])
        found += _of_one(row, own, people[row["pk"]])
        gate = row["last_proactive_message_at"]
        for one in submissions:
            if one.person == row["pk"] and one.counts and (gate is None or gate < one.mark):
                found.append(f"gate {gate} of {row['pk']} is before the text of {one.mark}")
    statuses = {text["pk"]: text["status"] for own in texts.values() for text in own}
    found += [
        f"{key} had been delivered and is {statuses[key]}"
        for key in sorted(delivered)
        if statuses[key] != "delivered"
    ]
    return found


def _of_one(row: Row, own: list[Row], facts: Facts) -> list[str]:
    found = []
    if sum(text["status"] in ("queued", "sending") for text in own) > 1:
        found.append(f"{row['pk']} has several texts that wait")
    standing = [text for text in own if text["status"] != "cancelled"]
    stages = Counter((one["cadence"], one["occasion"], one["stage"]) for one in standing)
    found += [
        f"{row['pk']} has stage {what} {count} times"
        for what, count in stages.items()
        if count > 1 and what[2] is not None
    ]
    for cadence, counter in COUNTERS.items():
        since = occasion(cadence, row)
        count = row[counter] or 0
        reached = max(
            (
                one["stage"]
                for one in standing
                if (one["cadence"], one["occasion"]) == (cadence, since)
            ),
            default=0,
        )
        was_reset = (cadence, since) in facts.resets
        if count > reached or (count < reached and not was_reset):
            found.append(f"{counter} of {row['pk']} is {count}, its texts say {reached}")
        if not 0 <= count < len(STAGES[cadence]):
            found.append(f"{counter} of {row['pk']} is {count}")
    return found
