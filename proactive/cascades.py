"""What staff do about stages: record a crisis, begin its follow-ups anew, count again, end.

As in `care`, each is foreseen in words first and done under a lock on the person afterwards.
"""

from copy import copy
from datetime import datetime

from caregiving import events
from caregiving.models import Caregiver, JourneyPhase
from proactive import accounting, clocks
from proactive.cadences import CRISIS_FOLLOWUP
from proactive.care import Deed, Refused, changing
from proactive.clocks import CRISIS
from proactive.declaring import Cadence, Step
from proactive.marking import give_back
from proactive.models import Message, Status
from proactive.rules import CONSENT, PAUSE, REACHABLE, look_up_standing, standing

# --- Crises ---


def foresee_crisis(caregiver: Caregiver, *, at: datetime, now: datetime) -> str:
    known = caregiver.last_crisis_event_at
    if known is not None and at <= known:
        raise Refused(
            f"a crisis {clocks.local(known, caregiver)} is on record, and has the follow-ups"
        )
    then = copy(caregiver)
    then.last_crisis_event_at, then.crisis_followup_count = at, 0
    if caregiver.last_contact_at is None or at > caregiver.last_contact_at:
        then.journey_phase = (
            JourneyPhase.ACTIVE
            if caregiver.journey_phase == JourneyPhase.CHURNED
            else caregiver.journey_phase
        )
    instead = f" in place of that of {clocks.local(known, caregiver)}" if known else ""
    return f"crisis {clocks.local(at, caregiver)}{instead}; " + says_owed(
        CRISIS_FOLLOWUP, then, now
    )


def record_crisis(caregiver: Caregiver, *, at: datetime, source: str, now: datetime) -> Deed:
    """A crisis `at` an instant that is not in the future; `source`: who says so, 40 characters."""
    with changing(caregiver) as deed:
        look_up_standing(caregiver)
        deed.says = foresee_crisis(caregiver, at=at, now=now)
        events.record_crisis_event(caregiver, at=at, source=source)
    return deed


def foresee_restart(caregiver: Caregiver, *, now: datetime) -> str:
    if CRISIS.of(caregiver) is None:
        raise Refused("no crisis is on record: record one")
    if caregiver.journey_phase == JourneyPhase.CHURNED:
        # It would bring them back without a word from them.
        raise Refused("has churned: record the contact, or a crisis, that brings them back")
    return foresee_crisis(caregiver, at=now, now=now)


def restart_crisis_followups(caregiver: Caregiver, *, now: datetime) -> Deed:
    """A new occasion from `now` on: all follow-ups are owed again.

    What had fallen due for the old one is accounted for by the next sweep, and what is queued for
    it falls at the recheck, as with any newer crisis.
    """
    with changing(caregiver) as deed:
        look_up_standing(caregiver)
        deed.says = foresee_restart(caregiver, now=now)
        events.record_crisis_event(caregiver, at=now, source="started again by staff")
    return deed


# --- Counters ---


def foresee_reset(caregiver: Caregiver, cadence: Cadence, *, now: datetime) -> str:
    """Expects the person's standing to be looked up."""
    done = getattr(caregiver, cadence.counter) or 0
    if not done:
        raise Refused(f"the counter of {cadence.label.lower()} is at 0")
    then = copy(caregiver)
    setattr(then, cadence.counter, 0)
    says = f"counter from {done} to 0; {says_owed(cadence, then, now)}"
    if missed := _missed(cadence, then, now):
        says += f"; passed without a text: {', '.join(map(str, missed))}"
    return says


def reset(caregiver: Caregiver, cadence: Cadence, *, now: datetime) -> Deed:
    """The stages of `cadence` count from 0 again; those that have their text do not get another."""
    with changing(caregiver) as deed:
        look_up_standing(caregiver)
        deed.says = foresee_reset(caregiver, cadence, now=now)
        setattr(caregiver, cadence.counter, 0)
        caregiver.save(update_fields=[cadence.counter])
    return deed


def still_to_send(cadence: Cadence, caregiver: Caregiver, now: datetime) -> list[Step]:
    """The stages of the person's occasion that may still get a text, soonest first.

    Expects their standing to be looked up.
    """
    return [
        step
        for step in cadence.steps
        if step.stage is not None
        and step.stage > dealt_with(cadence, caregiver)
        and all(rule.holds(caregiver, now) for rule in step.binds)
    ]


def _missed(cadence: Cadence, caregiver: Caregiver, now: datetime) -> list[int]:
    """The stages that are owed and whose time has passed: what comes next records them so."""
    since = cadence.anchor.of(caregiver)
    return [
        step.stage
        for step in cadence.steps
        if since is not None
        and step.stage is not None
        and step.limit is not None
        and since + step.limit <= now
        and (cadence.name, step.stage, since) not in standing(caregiver).taken
    ]


def dealt_with(cadence: Cadence, caregiver: Caregiver) -> int:
    """How far the counter of `cadence` has come; 0 where the texts that exist say it instead."""
    return getattr(caregiver, cadence.counter) or 0 if cadence.counter else 0


def says_owed(cadence: Cadence, caregiver: Caregiver, now: datetime) -> str:
    """Which stage is owed next to the person as they are given, and what holds it up.

    Expects their standing to be looked up.
    """
    since = cadence.anchor.of(caregiver)
    if since is None:
        return f"no {cadence.anchor.words} on record, so nothing is owed"
    left = still_to_send(cadence, caregiver, now)
    if not left:
        return "no stage is left to send: each has its text, or its time has passed"
    step = left[0]
    assert step.stage is not None and step.due is not None
    due = since + step.due
    when = "now" if due <= now else clocks.local(due, caregiver)
    says = f"next is {cadence.label.lower()} {step.stage} of {len(cadence.due)}, due {when}"
    rules = (*cadence.who, CONSENT, PAUSE, REACHABLE)
    in_the_way = [rule.says(caregiver, now) for rule in rules if not rule.holds(caregiver, now)]
    return says + "".join(f"; held up: {one}" for one in in_the_way)


# --- The end of a cascade ---


def foresee_end(caregiver: Caregiver, cadence: Cadence, *, now: datetime) -> str:
    since = cadence.anchor.of(caregiver)
    if since is None:
        raise Refused(f"no {cadence.anchor.words} on record")
    if since + cadence.until <= now:
        over = clocks.local(since + cadence.until, caregiver)
        raise Refused(f"{cadence.label.lower()} was over {over}")
    waiting = _waiting(caregiver, cadence)
    left = list(range(dealt_with(cadence, caregiver) + 1, len(cadence.due) + 1))
    if waiting is not None and waiting.stage and waiting.status == Status.QUEUED:
        left = sorted({*left, waiting.stage})
        also = f"; the text that waits ({waiting.stage}) is not sent"
    else:
        also = "; the text on its way cannot be called back" if waiting else ""
    if not left:
        raise Refused(f"no {cadence.label.lower()} is left to end")
    return (
        f"{cadence.label.lower()} {', '.join(map(str, left))} of {len(cadence.due)} "
        f"will not be sent{also}"
    )


def end(caregiver: Caregiver, cadence: Cadence, *, reason: str, now: datetime) -> Deed:
    """The stages that remain are not wanted: each is on record as superseded, with the reason.

    A text that is queued is cancelled, and gives back its slot. One that is being submitted goes
    out, and counts. To begin again takes a new occasion: what was ended is not owed any more.
    """
    because = f"ended by staff: {reason}"
    with changing(caregiver) as deed:
        deed.says = foresee_end(caregiver, cadence, now=now)
        waiting = _waiting(caregiver, cadence)
        if waiting is not None and waiting.mark_cancelled(reason=because):
            waiting.caregiver = caregiver
            give_back(waiting)
        stages = len(cadence.due)
        Message.objects.bulk_create(
            accounting.superseded(cadence, [caregiver], up_to=stages, reason=because, now=now)
        )
        if cadence.counter:
            setattr(caregiver, cadence.counter, stages)
            caregiver.save(update_fields=[cadence.counter])
    return deed


def _waiting(caregiver: Caregiver, cadence: Cadence) -> Message | None:
    """The text of the person's occasion that has not gone out yet, if there is one."""
    occasion = cadence.anchor.of(caregiver)
    waiting = caregiver.messages.waiting()
    return waiting.filter(cadence=cadence.name, occasion=occasion).first()
