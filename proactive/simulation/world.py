"""One world, in a process of its own: `python -m proactive.simulation.world`.

Standard input has a JSON object: {"spec": Spec, "system", "options", "plant"}. `system` is the
dotted name of what builds the System, with `options` as keyword arguments; `plant` names a bug of
`benchmarks.planted` to be caught. Standard output has {"progress": share} lines and at last
{"result": ...}. The environment names a scratch database that is migrated and empty, and holds
neither the address of the real one nor any credentials (`running`).

The clock is in place before Django is set up, so that everything sees it, defaults of models too.
"""

import gc
import hashlib
import json
import logging
import os
import random
import sys
from datetime import timedelta
from functools import partial
from typing import Any

from proactive.simulation.clock import Clock
from proactive.simulation.spec import SYNTHETIC, Spec


def main() -> None:
    given = json.load(sys.stdin)
    spec = Spec.from_json(given.pop("spec"))
    clock = Clock(spec.starts)
    _set_up(spec, clock)
    _say({"result": simulate(spec, clock, **given)})


def _set_up(spec: Spec, clock: Clock) -> None:
    from django.utils import timezone

    timezone.now = clock.now
    # Keys of texts decide between two that are equally urgent; there are no secrets here.
    os.urandom = random.Random(f"{spec.seed}/keys/{spec.shard}").randbytes
    import django

    django.setup()
    logging.disable(logging.CRITICAL)
    from proactive import deferring, delivery, reconciliation

    # A world looks for itself (`Outreach.look`); its sweeps need not count what they defer.
    deferring.COUNT_EVERY = timedelta(days=spec.days + 1)
    # How long a pass may take is counted in the time of the world, or a slow machine would change
    # what happens there.
    delivery.time = reconciliation.time = clock  # type: ignore[assignment,attr-defined]


def simulate(
    spec: Spec, clock: Clock, *, system: str, options: dict[str, Any], plant: str
) -> dict[str, Any]:
    """The raw result of one world: see `merging` for what raw means."""
    from django.db.backends.signals import connection_created
    from django.utils.module_loading import import_string

    from proactive.cadences import CADENCES
    from proactive.models import CadenceSwitch
    from proactive.simulation import loading, policy
    from proactive.simulation.engine import World
    from proactive.simulation.faults import draw_faults
    from proactive.simulation.people import draw_people

    connection_created.connect(_hurry)
    if spec.population == SYNTHETIC:
        people = draw_people(spec)
    else:
        loading.load_rows(spec)
        people = loading.load_people(spec)
    policy.apply(policy.parse(spec.changes))
    if plant:
        import_string("benchmarks.planted.plant")(plant)
    # What the policy has switched off no fault switches on again.
    off = set(CadenceSwitch.objects.filter(is_on=False).values_list("cadence", flat=True))
    world = World(
        spec,
        clock=clock,
        faults=draw_faults(spec, [one.name for one in CADENCES]).without_switches(off),
        people=people,
        make_system=partial(import_string(system), spec=spec, **options),
    )
    # What there is by now stays to the end, and the log grows: looking through it all again and
    # again would take a good part of the time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 1_000)
    log = world.run(on_progress=lambda share: _say({"progress": share}))
    digest = hashlib.sha256()
    for one in log.accepted:
        digest.update(repr((one.at, one.number, one.cadence, one.stage, one.status)).encode())
    return {
        "texts": len(log.accepted),
        "happenings": len(log.happened),
        "faults": dict(log.faults),
        "digests": {str(spec.shard): digest.hexdigest()},
        **world.system.conclude(log, people),
    }


def _hurry(*, connection: Any, **_: Any) -> None:
    """Nothing here must outlive the power: do not wait for the disk."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA journal_mode=MEMORY")
            cursor.execute("PRAGMA synchronous=OFF")
        else:
            cursor.execute("SET synchronous_commit TO off")


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
