"""What staff do for one person, each asked twice: what would it do, and do it.

Of stages and crises see `cascades`, of a text that is sent now `ordering`.

Each `foresee_...` says what would happen, in the person's time, from what is loaded, or raises
`Refused` with the reason. Its twin locks the person, asks the same again, changes what is to be
changed, and returns the sentence with what has changed. `now` is an aware datetime.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from caregiving import events
from caregiving.models import Caregiver, JourneyPhase
from proactive import clocks
from proactive.audit import Changes, difference, snapshot
from proactive.rules import CHURN_AFTER, CONSENT, PAUSE, REACHABLE

_FIELDS = tuple(one.attname for one in Caregiver._meta.concrete_fields)


class Refused(Exception):
    """It cannot be done for this person; the text says why, such as "has opted out already"."""


@dataclass
class Deed:
    """What was done: a sentence, and {field: [before, after]} of the person."""

    says: str = ""
    changes: Changes = field(default_factory=dict)


@contextmanager
def changing(caregiver: Caregiver) -> Iterator[Deed]:
    """Lock the person for what is done inside; afterwards the deed says what has changed."""
    deed = Deed()
    with transaction.atomic():
        events.lock(caregiver)
        before = snapshot(caregiver, _FIELDS)
        yield deed
        deed.changes |= difference(before, caregiver)


# --- Consent, pauses, numbers ---


def end_of_day(caregiver: Caregiver, day: date) -> datetime:
    """Midnight that ends `day` where the person is: in all places where they may be."""
    zones = clocks.places(caregiver) or [ZoneInfo("UTC")]
    midnight = datetime.combine(day + timedelta(days=1), time())
    return max(midnight.replace(tzinfo=zone).astimezone(ZoneInfo("UTC")) for zone in zones)


def foresee_pause(caregiver: Caregiver, *, last_day: date, now: datetime) -> str:
    until = end_of_day(caregiver, last_day)
    if until <= now:
        raise Refused("that day is over where they are")
    if caregiver.outreach_paused_until == until:
        raise Refused(f"is {PAUSE.says(caregiver, now)} already")
    before = caregiver.outreach_paused_until
    instead = f" instead of {clocks.local(before, caregiver)}" if before and before > now else ""
    return f"paused until {clocks.local(until, caregiver)} on their clock{instead}"


def pause(caregiver: Caregiver, *, last_day: date, now: datetime) -> Deed:
    """No texts until the end of `last_day` on the person's own clock."""
    with changing(caregiver) as deed:
        deed.says = foresee_pause(caregiver, last_day=last_day, now=now)
        events.record_pause(caregiver, until=end_of_day(caregiver, last_day))
    return deed


def foresee_resume(caregiver: Caregiver, *, now: datetime) -> str:
    if PAUSE.holds(caregiver, now):
        raise Refused("is not paused")
    return f"no longer {PAUSE.says(caregiver, now)}"


def resume(caregiver: Caregiver, *, now: datetime) -> Deed:
    with changing(caregiver) as deed:
        deed.says = foresee_resume(caregiver, now=now)
        events.record_pause(caregiver, until=None)
    return deed


def foresee_opt_out(caregiver: Caregiver, *, now: datetime) -> str:
    if caregiver.opted_out_at is not None:
        raise Refused(f"{CONSENT.says(caregiver, now)} already")
    return "opted out: nothing is sent until they opt in"


def opt_out(caregiver: Caregiver, *, how: str, now: datetime) -> Deed:
    """They asked us to stop; `how`: in what way, at most 40 characters."""
    with changing(caregiver) as deed:
        deed.says = foresee_opt_out(caregiver, now=now)
        events.record_opt_out(caregiver, at=now, source=how)
        if caregiver.opted_out_at is None:
            raise Refused("a newer consent is on record")
    return deed


def foresee_opt_in(caregiver: Caregiver, *, now: datetime) -> str:
    if caregiver.opted_out_at is None:
        raise Refused("has not opted out")
    return f"opted in again ({CONSENT.says(caregiver, now)})"


def opt_in(caregiver: Caregiver, *, where: str, now: datetime) -> Deed:
    """They allow us to text again; `where` they said so, at most 40 characters."""
    with changing(caregiver) as deed:
        deed.says = foresee_opt_in(caregiver, now=now)
        events.record_opt_in(caregiver, at=now, source=where)
        if caregiver.opted_out_at is not None:
            raise Refused("a newer opt-out is on record")
    return deed


def foresee_clearing(caregiver: Caregiver, *, now: datetime) -> str:
    if caregiver.unreachable_at is None:
        raise Refused(REACHABLE.says(caregiver, now))
    return f"texted again, though it {REACHABLE.says(caregiver, now)}"


def clear_unreachable(caregiver: Caregiver, *, now: datetime) -> Deed:
    """Somebody has checked the number: it can be texted."""
    with changing(caregiver) as deed:
        deed.says = foresee_clearing(caregiver, now=now)
        events.record_reachable(caregiver, at=now)
        if caregiver.unreachable_at is not None:
            raise Refused("a newer report says that it cannot be texted")
    return deed


# --- Contact ---


def foresee_contact(caregiver: Caregiver, *, at: datetime, now: datetime) -> str:
    last = caregiver.last_contact_at
    if last is not None and at <= last:
        raise Refused(f"was heard from since then: {clocks.local(last, caregiver)}")
    says = f"heard from {clocks.local(at, caregiver)}; silence counts from then"
    return says + _after_contact(caregiver, at, now)


def _after_contact(caregiver: Caregiver, at: datetime, now: datetime) -> str:
    says = ""
    if caregiver.reactivation_message_count:
        says += f", and reactivation from 0 instead of {caregiver.reactivation_message_count}"
    if caregiver.journey_phase == JourneyPhase.CHURNED:
        says += "; active again, and churned again if silent until " + clocks.local(
            at + CHURN_AFTER, caregiver
        )
    return says


def record_contact(caregiver: Caregiver, *, at: datetime, now: datetime) -> Deed:
    """They called or were called, `at` an instant that is not in the future."""
    with changing(caregiver) as deed:
        deed.says = foresee_contact(caregiver, at=at, now=now)
        events.record_contact(caregiver, at=at)
    return deed


def foresee_reactivation(caregiver: Caregiver, *, at: datetime, now: datetime) -> str:
    if caregiver.journey_phase != JourneyPhase.CHURNED:
        raise Refused(f"is not churned: {caregiver.get_journey_phase_display().lower()}")
    if at + CHURN_AFTER <= now:
        raise Refused(
            f"would be churned again at once: {clocks.duration(CHURN_AFTER)} of silence have "
            f"passed since {clocks.local(at, caregiver)}"
        )
    return foresee_contact(caregiver, at=at, now=now)


def reactivate(caregiver: Caregiver, *, at: datetime, now: datetime) -> Deed:
    """Who had churned is back: they were heard from `at` an instant, and silence counts from it.

    Never without contact: churned is the promise that nothing more comes until they are heard from,
    and whoever were active without it would be churned by the next sweep, still as silent.
    """
    with changing(caregiver) as deed:
        deed.says = foresee_reactivation(caregiver, at=at, now=now)
        events.record_contact(caregiver, at=at)
    return deed
