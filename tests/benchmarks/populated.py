"""What a populated database holds, told from a process of its own: for `test_speed`."""

import json
import sys

import django

if __name__ == "__main__":
    django.setup()

from benchmarks.speed import baselines, due_now, populating, swept
from benchmarks.speed.populating import NIGHT, NOW
from caregiving import zones
from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.models import Message
from proactive.sweeps import run_sweep


def people() -> dict[str, object]:
    everybody = list(Caregiver.objects.all())
    by_day = run_sweep(now=NOW).texts_queued
    found_due = sum(populating.count_due(now=NOW).values())
    populating.settle(now=NIGHT)
    by_night = run_sweep(now=NIGHT).texts_queued
    return {
        "people": len(everybody),
        "due": found_due,
        "idle": {"day": by_day, "night": by_night},
        "wrong zones": [
            person.phone_number
            for person in everybody
            if person.derived_zones
            != zones.derive(
                time_zone=person.time_zone,
                zip_code=person.zip_code,
                phone_number=person.phone_number,
            )
        ],
        "invalid constraints": [
            str(error) for error in map(_constraint_error, everybody) if error is not None
        ],
    }


def _constraint_error(person: Caregiver) -> Exception | None:
    try:
        person.full_clean(exclude=["phone_number"])
    except Exception as error:
        return error
    return None


def due_people(number: int) -> dict[str, object]:
    planned = due_now.make_due(number, now=NOW)
    found = {
        "planned": planned,
        "due": populating.count_due(now=NOW),
        "scan": baselines.scan(now=NOW),
    }
    claimed = []
    for _ in range(2):
        due_now.make_due(number, now=NOW)
        claimed.append(run_sweep(now=NOW, force=True).texts_queued)
    return {**found, "claimed": claimed}


def claimed_by(how: str) -> list[list[object]]:
    """What there is of each claim, but for its words and its key."""
    due_now.make_due(60, now=NOW)
    if how == "sweep":
        run_sweep(now=NOW, force=True)
    else:
        {"statement": swept.statement, "loop": swept.loop}[how](60)
    texts = Message.objects.filter(queued_at=NOW).order_by("caregiver_id")
    return [
        [
            *(one.caregiver_id, one.cadence, one.stage, one.tier, str(one.occasion), one.priority),
            *(one.status, str(one.gate_before), one.to_number, one.segments),
            str(one.caregiver.last_proactive_message_at),
            *(getattr(one.caregiver, cadence.counter) for cadence in CADENCES if cadence.counter),
        ]
        for one in texts.select_related("caregiver")
    ]


def main() -> None:
    match sys.argv[1:]:
        case ["people"]:
            found: object = people()
        case ["due", number]:
            found = due_people(int(number))
        case ["claims"]:
            found = {how: claimed_by(how) for how in ("sweep", "statement", "loop")}
        case _:
            sys.exit(__doc__)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
