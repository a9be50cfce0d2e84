"""The doorbell: what a clock tick sets off. What is to be done stands in the database."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down
from django.conf import settings
from django.utils import timezone

from caregiving import importing_uploads
from proactive import (
    dead_mans_switch,
    delivery,
    escalating,
    housekeeping,
    promises,
    pruning,
    reconciliation,
    stopping,
    sweeps,
    tallies,
    ticking,
)
from proactive.hooks import sending
from proactive.models import TickPart
from proactive.weekly import mailing

DELIVERY_BUDGET = timedelta(seconds=45)
# They are rung twice as often as the tick; whatever is left over goes then.
WEBHOOKS_BUDGET = timedelta(seconds=20)

logger = logging.getLogger(__name__)


@shared_task(name="proactive.tasks.tick")
def tick() -> None:
    """One beat: look after what is under way, find who is due, deliver, escalate.

    Doubled, late or redelivered it does no harm. One part that fails does not keep the next from
    running: what is queued already goes out even if the sweep cannot run. Whoever waits for a sign
    of life from outside gets one if all of it went through.
    """
    parts: dict[str, Callable[[], object]] = {
        "reconcile": reconciliation.reconcile,
        "run_sweep": sweeps.run_sweep,
        # A long queue must not keep this worker from the next sweep.
        "deliver_queued": partial(delivery.deliver_queued, budget=DELIVERY_BUDGET),
        # Last: a mail server that is slow to answer holds up nothing of this tick.
        "escalate": escalating.escalate,
        # What staff look at may be a minute old; the texts come first.
        "remember_tallies": remember_tallies,
    }
    began = time.monotonic()
    went_through = False
    try:
        went_through = _do_all(
            "tick", {name: ticking.timed(name, part) for name, part in parts.items()}
        )
    finally:
        ticking.note(TickPart.TICK, seconds=time.monotonic() - began, succeeded=went_through)
    if went_through:
        dead_mans_switch.call()


def remember_tallies() -> None:
    tallies.remember(now=timezone.now())


@shared_task(name="proactive.tasks.check_promises")
def check_promises() -> None:
    """Once a day: is every crisis follow-up accounted for? What is not opens an alert."""
    report = promises.check_promises()
    if report.unaccounted:
        logger.error("%d crisis follow-ups are unaccounted for", report.unaccounted)


@shared_task(name="proactive.tasks.tidy_up")
def tidy_up() -> None:
    """Once a day: what is of no use any more goes. Doubled or late it does no harm."""
    now = timezone.now()
    _do_all(
        "housekeeping",
        {
            "forget_sessions": housekeeping.forget_sessions,
            "forget_sign_ins": partial(housekeeping.forget_sign_ins, now=now),
            "forget_uploads": partial(importing_uploads.forget_old, now=now),
            "forget_simulations": partial(housekeeping.forget_simulations, now=now),
            "forget_receipts": partial(housekeeping.forget_receipts, now=now),
            "forget_webhooks": partial(housekeeping.forget_webhooks, now=now),
            # Last, as it may take long. What is gone is gone: only where somebody said so.
            **({"prune": partial(pruning.prune_daily, now=now)} if settings.PRUNE_DAILY else {}),
        },
    )


@shared_task(name="proactive.tasks.deliver_webhooks")
def deliver_webhooks() -> None:
    """Every half minute: what others are to hear of. Apart from the tick, lest they hold it up."""
    sending.deliver(budget=WEBHOOKS_BUDGET)


@shared_task(name="proactive.tasks.send_weekly_report")
def send_weekly_report() -> None:
    """Every quarter of an hour: is it time? Once a week it is, however many ask."""
    mailing.send_when_due()


def _do_all(task: str, parts: dict[str, Callable[[], object]]) -> bool:
    """Each part, also after one that fails; raises the first failure at the end.

    False when it was asked to stop before all were done.
    """
    failures: list[Exception] = []
    done = True
    for name, part in parts.items():
        if stopping.asked():
            logger.info("%s: asked to stop before %s; the next %s goes on", task, name, task)
            done = False
            break
        try:
            part()
        except Exception as error:
            logger.exception("%s: %s failed; the next %s tries again", task, name, task)
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def ring() -> bool:
    """Ask for a tick now. False when the broker is down: the next tick finds the work anyway."""
    try:
        tick.delay()
    except Exception as error:
        # Whatever the broker's trouble is called (a full disk under the embedded one is an
        # OSError), whoever rings has done their work, and the tick finds it.
        logger.warning(
            "the broker is down (%s); the next scheduled tick will do the work",
            type(error).__name__,
        )
        return False
    return True


@worker_init.connect
def begin(**_: Any) -> None:
    stopping.forget()


@worker_shutting_down.connect
def finish_what_is_in_hand(**_: Any) -> None:
    """On SIGTERM, in the worker's main process: its children see the flag between two texts."""
    stopping.ask()
