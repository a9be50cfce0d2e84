"""Seven days of the people who are in the database: `python -m tests.rehearsal.week STARTS SEED
MINUTES`, a beat every so many minutes.

The real beat, webhooks and events in simulated time, as in a simulation, but on the database itself
and with the people who were imported into it. Prints JSON: the texts that the provider took.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import django

from proactive.simulation.clock import Clock
from proactive.simulation.happenings import Person
from proactive.simulation.spec import Spec

DAYS = 7
# They write of their own accord, and assess themselves, once in so many weeks; every third text of
# ours is answered, and of the answers one in a hundred says STOP.
WRITES, ASSESSES, ANSWERS, STOPS = 0.2, 0.05, 0.34, 0.01


def main(starts: str, seed: str, every: str) -> None:
    from django.utils import timezone

    clock = Clock(datetime.fromisoformat(starts))
    timezone.now = clock.now
    django.setup()
    from proactive.simulation.engine import World
    from proactive.simulation.faults import draw_faults
    from proactive.simulation.outreach import Outreach

    people = list(_people())
    spec = Spec(
        seed=int(seed),
        people=len(people),
        days=DAYS,
        starts=clock.true,
        tick_minutes=int(every),
    )
    world = World(
        spec,
        clock=clock,
        faults=draw_faults(spec, []),
        people=people,
        make_system=partial(Outreach, spec=spec),
    )
    log = world.run()
    print(json.dumps({"texts": len(log.accepted), "happenings": len(log.happened)}))


def _people() -> Iterator[Person]:
    from caregiving.models import Caregiver
    from proactive.simulation.homes import home_zone

    for row in Caregiver.objects.order_by("pk").values().iterator():
        yield Person(
            key=row.pop("id"),
            number=row.pop("phone_number"),
            zone=home_zone(row["time_zone"], row["derived_zones"]),
            row=row,
            answers=ANSWERS,
            stops=STOPS,
            writes=WRITES,
            assesses=ASSESSES,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
