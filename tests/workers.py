"""What tests run in a process of its own: `python -m tests.workers WHAT ISO`.

The process says that it is ready and waits for a line on standard input, so that several begin at
the same moment. One that is to be killed says where it has got to, and stays there.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, NoReturn

import django


def stay(*args: Any, **options: Any) -> NoReturn:
    print("here", flush=True)
    time.sleep(120)
    raise SystemExit("nobody killed me")


def main(what: str, at: str) -> None:
    django.setup()
    import time_machine
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from caregiving import events
    from caregiving.models import Caregiver
    from proactive import cascades, ordering, recording, sweeps, tasks
    from proactive.cadences import CRISIS_FOLLOWUP
    from proactive.care import Refused
    from proactive.delivery import deliver_queued
    from proactive.models import Message
    from proactive.models.messages import MessageQuerySet
    from proactive.sms.console import ConsoleGateway

    now = datetime.fromisoformat(at)

    def sweep() -> None:
        sweeps.run_sweep(now=now)

    def sweep_in_small_steps() -> None:
        sweeps.BATCH = 2
        sweep()

    def sweep_at_leisure() -> None:
        """So that others come between: they would wait for the database until it is over."""
        claim = sweeps._Run._claim

        def claim_later(*args: Any) -> None:
            time.sleep(0.05)
            claim(*args)

        sweeps._Run._claim = claim_later  # type: ignore[method-assign]
        sweep_in_small_steps()

    def sweep_until_half_claimed() -> None:
        QuerySet.update = stay
        sweep()

    def opt_out_from_the_last_on() -> None:
        # The sweep begins with the first: they meet half way.
        while not Message.objects.exists():
            time.sleep(0.005)
        for caregiver in Caregiver.objects.order_by("-pk"):
            events.record_opt_out(caregiver, at=now, source="test")

    def from_the_last_on(do: Callable[[Caregiver], object]) -> None:
        """Staff, one person after the other, where the sweep has not been yet and where it has."""
        while not Message.objects.exists():
            time.sleep(0.005)
        for caregiver in Caregiver.objects.order_by("-pk"):
            with suppress(Refused):
                do(caregiver)

    def send_now_from_the_last_on() -> None:
        by = User.objects.get()
        step = CRISIS_FOLLOWUP.steps[0]
        from_the_last_on(lambda one: ordering.send_now(one, CRISIS_FOLLOWUP, step, by=by, now=now))

    def end_cascades_from_the_last_on() -> None:
        from_the_last_on(lambda one: cascades.end(one, CRISIS_FOLLOWUP, reason="test", now=now))

    def deliver() -> None:
        deliver_queued(now=now)

    def deliver_by_the_real_clock() -> None:
        deliver_queued()

    def deliver_several_at_once() -> None:
        """As in production, by the real clock; says how many it has handed over."""
        print(deliver_queued().results.total(), flush=True)

    def deliver_until_marking() -> None:
        MessageQuerySet.mark_sending = stay
        deliver()

    def deliver_until_submitting() -> None:
        ConsoleGateway.send = stay
        deliver()

    def deliver_until_recording() -> None:
        recording.record = stay
        deliver()

    def deliver_until_the_third_record() -> None:
        record = recording.record
        recorded: list[object] = []

        def record_twice(flights: Any, clock: Any) -> Any:
            recorded.append(flights)
            return record(flights, clock) if len(recorded) < 3 else stay()

        recording.record = record_twice
        deliver_queued()

    def tick() -> None:
        with time_machine.travel(now):
            tasks.tick()

    run = locals()[what]
    print("ready", flush=True)
    sys.stdin.readline()
    run()


if __name__ == "__main__":
    main(*sys.argv[1:])
