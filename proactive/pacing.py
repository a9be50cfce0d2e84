"""How fast we send, and when not at all: turns and waits that all workers keep together.

One row per sender is shared by all workers. Its lock is held for a tiny transaction, and never
while anybody sleeps or submits.

Each worker goes by its own clock. A skew shifts turns; it never makes two of one. A turn that its
worker does not use, because everything was switched off meanwhile, is lost.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from proactive.models import Sender
from proactive.prepared import prepared

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(minutes=30)
# How long a pass without a budget waits for its turn.
PATIENCE = timedelta(seconds=5)
# No turn is taken that is further away, whatever the budget.
FURTHEST_TURN = timedelta(minutes=1)
# Turns that lie so close together are taken at once: their texts are marked together, and the last
# of them is held for so long. A worker that is slow to mark may use so many at one moment, and not
# more over any longer time.
CLOSELY = timedelta(milliseconds=100)


def sender_identity() -> str:
    """The number or messaging service that texts come from; else the name of the gateway."""
    if settings.SMS_GATEWAY == "twilio":
        return settings.TWILIO_MESSAGING_SERVICE_SID or settings.TWILIO_FROM_NUMBER
    return settings.SMS_GATEWAY


def load_sender() -> Sender:
    """The sender as it stands; one that was never noted has nothing to wait for."""
    identity = sender_identity()
    known = {sender.identity: sender for sender in _senders()}
    return known.get(identity) or Sender(identity=identity)


@prepared
def _senders() -> QuerySet[Sender]:
    """One for each that this service has ever had: a few."""
    return Sender.objects.order_by()


# --- Turns: SMS_PER_SECOND over all workers ---


class TooFarAway(Exception):
    """The next turn comes later than whoever asked wants to wait; the text says when."""


def is_kept() -> bool:
    """Whether there is a pace at all: where there is no carrier there is none."""
    return settings.SMS_GATEWAY != "console"


def take_turns(
    seen: Sender, *, now: datetime, patience: timedelta, at_most: int = 1
) -> list[datetime]:
    """Take the next turns of the sender that was `seen`: the first, and those that follow closely.

    Raises TooFarAway when the first is more than `patience` away, and takes none: passes that give
    up must not push the turns of others ever further away.
    """
    # Mostly nobody was faster.
    turns, then = _next_turns(seen, now, patience, at_most)
    unchanged = Sender.objects.filter(pk=seen.pk, next_turn_at=seen.next_turn_at)
    if unchanged.update(next_turn_at=then):
        return turns
    with transaction.atomic(durable=True):
        sender = _lock_sender()
        turns, sender.next_turn_at = _next_turns(sender, now, patience, at_most)
        sender.save(update_fields=["next_turn_at"])
    return turns


def _next_turns(
    sender: Sender, now: datetime, patience: timedelta, at_most: int
) -> tuple[list[datetime], datetime]:
    """The turns, and when the next one after them is. Raises TooFarAway."""
    gap = timedelta(seconds=1 / settings.SMS_PER_SECOND)
    first = sender.next_turn_at
    # Nobody takes a turn so far ahead: a clock wrote it that has been set back since.
    if first is None or not now < first <= now + FURTHEST_TURN + CLOSELY + gap:
        first = now
    if first - now > min(patience, FURTHEST_TURN):
        wait = (first - now).total_seconds()
        raise TooFarAway(f"the next turn to send comes in {wait:.0f} s (see SMS_PER_SECOND)")
    turns = [first + n * gap for n in range(at_most) if n * gap < CLOSELY]
    return turns, turns[-1] + gap


# --- Waits: when the provider takes nothing, nobody asks ---


def wait_after(*, attempts: int, asked: timedelta | None) -> timedelta:
    """How long to wait after the n-th attempt was turned away: as asked, else twice as long."""
    if asked:
        return min(asked, LONGEST_RETRY)
    wait = FIRST_RETRY
    for _ in range(1, attempts):
        wait = min(2 * wait, LONGEST_RETRY)
    return wait


def back_off(*, until: datetime, reason: str, now: datetime) -> None:
    """Have every worker wait `until` then; a longer wait that is under way stays."""
    with transaction.atomic():
        sender = _lock_sender()
        if is_busy(sender, now) and sender.busy_until and sender.busy_until >= until:
            return
        sender.busy_until, sender.busy_reason = until, reason
        sender.save(update_fields=["busy_until", "busy_reason"])


def is_busy(sender: Sender, now: datetime) -> bool:
    # Nobody is made to wait longer: a clock wrote it that has been set back since.
    return sender.busy_until is not None and now < sender.busy_until <= now + LONGEST_RETRY


def busy_says(sender: Sender, now: datetime) -> str:
    """Until when the provider takes nothing, and why; "" when it may be asked."""
    if not is_busy(sender, now):
        return ""
    return (
        f"the provider takes nothing until {sender.busy_until:%Y-%m-%d %H:%M:%S} UTC: "
        f"{sender.busy_reason}"
    )


def end_wait(seen: Sender) -> None:
    """The provider takes texts again: forget the wait that was `seen`, not one noted since."""
    Sender.objects.filter(pk=seen.pk, busy_until=seen.busy_until).update(
        busy_until=None, busy_reason=""
    )


def _lock_sender() -> Sender:
    # Two that come first at once: the constraint lets one create it, and the other finds it.
    sender, _ = Sender.objects.select_for_update().get_or_create(identity=sender_identity())
    return sender
