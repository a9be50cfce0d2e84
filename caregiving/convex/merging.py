"""What a document changes in a person: newer values win, and nothing goes backwards.

Instants and counters only move forward, so the order of documents does not matter. Of everything
else (a name, a band) nobody knows when it was written; there a value wins that has changed in
Convex since the last import, unless staff have changed it here as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from caregiving.convex.snapshot import SCORES
from caregiving.intents import Intent
from caregiving.models import Caregiver, JourneyPhase, Language

# By table, the values that it had at the last import.
Taken = dict[str, dict[str, Any]]

# Each counter with the instant that it counts from: a newer one begins a new count.
COUNTED = {
    "last_contact_at": "reactivation_message_count",
    "last_crisis_event_at": "crisis_followup_count",
    "last_assessment_at": "assessment_reminder_count",
}
SIGN_UP_COUNT = "onboarding_nudge_count"
GATE = "last_proactive_message_at"
# Clocks of one event differ by less.
SAME_MOMENT = timedelta(hours=1)
_FORWARD = {*COUNTED, *COUNTED.values(), SIGN_UP_COUNT, GATE, "created_at", "opted_out_at"}
# What a new row has of itself, which is nobody's word.
_BLANK: dict[str, Any] = {
    "language": Language.ENGLISH,
    "journey_phase": JourneyPhase.ONBOARDING,
    "wellness_opt_in": False,
}


@dataclass
class Merged:
    """`changed`: fields of the row that are different now. `kept`: fields in which Convex has
    another value, and ours stays. `opted_out_at`: an opt-out to be put on record."""

    changed: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    opted_out_at: datetime | None = None
    earlier_crisis_at: datetime | None = None


def merge(
    person: Caregiver, values: Mapping[str, Any], *, table: str, taken: Taken, is_new: bool = False
) -> Merged:
    """Bring `person` up to date with the `values` of a document of `table`; nothing is saved.

    `taken` is brought up to date as well.
    """
    merged = Merged()
    before = {name: getattr(person, name) for name in (*values, *_MAY_FOLLOW)}
    _move_forward(person, values, is_new)
    _opt_out(person, values, merged)
    _take_words(person, values, table, taken, merged)
    if (
        before["last_contact_at"] != person.last_contact_at
        and before["journey_phase"] == person.journey_phase == JourneyPhase.CHURNED
        and not any(one.get("journey_phase") == JourneyPhase.CHURNED for one in taken.values())
    ):
        # They have written since they churned here.
        person.journey_phase = JourneyPhase.ACTIVE
    if is_new and "journey_phase" not in values and person.last_contact_at is not None:
        person.journey_phase = JourneyPhase.ACTIVE
    merged.changed = {name for name, value in before.items() if value != getattr(person, name)}
    if "last_crisis_event_at" in merged.changed:
        merged.earlier_crisis_at = before["last_crisis_event_at"]
    return merged


_MAY_FOLLOW = (*COUNTED, *COUNTED.values(), "journey_phase", "opted_out_at")


def hear_from(person: Caregiver, at: datetime) -> bool:
    """They wrote at `at`; returns whether that is news.

    A contact that is on record by another clock may come a moment later than the row has it. Who
    wrote before the last text has not answered it, so the count of unanswered texts stands.
    """
    return _happened(person, "last_contact_at", at)


def assess(person: Caregiver, at: datetime, band: str, taken: Taken) -> bool:
    """A self-assessment at `at`; returns whether it changed the row.

    The band is that of the row in Convex, where it has one.
    """
    is_latest = person.last_assessment_at is None or at >= person.last_assessment_at
    changed = _happened(person, "last_assessment_at", at)
    changed |= hear_from(person, at)
    stated = any("burnout_band" in one for name, one in taken.items() if name != SCORES)
    if is_latest and not stated:
        values = {"burnout_band": band}
        changed |= bool(merge(person, values, table=SCORES, taken=taken).changed)
    return changed


def heed(
    person: Caregiver, wishes: list[tuple[datetime, Intent]], *, refused_here_at: datetime | None
) -> bool:
    """Texts that ask for silence or for texts again, in order; returns whether the row changed.

    `refused_here_at`: the latest opt-out that happened here, which no text in Convex takes back.
    """
    before = (person.opted_out_at, person.opted_in_at)
    for at, wish in wishes:
        if wish == Intent.STOP:
            if person.opted_out_at is None and (
                person.opted_in_at is None or person.opted_in_at <= at
            ):
                person.opted_out_at = at
        elif refused_here_at is None and (person.opted_out_at is None or person.opted_out_at < at):
            person.opted_out_at = None
            person.opted_in_at = max(at, person.opted_in_at or at)
    return before != (person.opted_out_at, person.opted_in_at)


def _happened(person: Caregiver, anchor: str, at: datetime) -> bool:
    known = getattr(person, anchor)
    if known is not None and at <= known:
        return False
    setattr(person, anchor, at)
    unanswered_until = person.last_proactive_message_at or (known and known + SAME_MOMENT)
    if unanswered_until is not None and at <= unanswered_until:
        return True
    setattr(person, COUNTED[anchor], 0)
    if anchor == "last_contact_at" and person.journey_phase == JourneyPhase.CHURNED:
        person.journey_phase = JourneyPhase.ACTIVE
    return True


def _move_forward(person: Caregiver, values: Mapping[str, Any], is_new: bool) -> None:
    for anchor, counter in COUNTED.items():
        at, count = values.get(anchor), values.get(counter)
        known = getattr(person, anchor)
        if at is not None and (known is None or at > known):
            setattr(person, anchor, at)
            setattr(person, counter, count or 0)
        elif count is not None and (at is None or at == known):
            _count_up(person, counter, count)
    if SIGN_UP_COUNT in values:
        _count_up(person, SIGN_UP_COUNT, values[SIGN_UP_COUNT])
    gate = values.get(GATE)
    if gate is not None and (getattr(person, GATE) is None or gate > getattr(person, GATE)):
        setattr(person, GATE, gate)
    if is_new and "created_at" in values:
        person.created_at = values["created_at"]


def _count_up(person: Caregiver, counter: str, count: int) -> None:
    if count > (getattr(person, counter) or 0):
        setattr(person, counter, count)


def _opt_out(person: Caregiver, values: Mapping[str, Any], merged: Merged) -> None:
    at = values.get("opted_out_at")
    if at is None:
        return
    merged.opted_out_at = at
    newer_consent = person.opted_in_at is not None and person.opted_in_at > at
    if person.opted_out_at is None and not newer_consent:
        person.opted_out_at = at


def _take_words(
    person: Caregiver, values: Mapping[str, Any], table: str, taken: Taken, merged: Merged
) -> None:
    last = taken.setdefault(table, {})
    for name, value in values.items():
        if name in _FORWARD:
            continue
        theirs = _as_json(value)
        if last.get(name) == theirs:
            continue
        ours = getattr(person, name)
        from_there = any(one.get(name) == _as_json(ours) for one in taken.values())
        if from_there or ours == _BLANK.get(name, "") or ours is None:
            setattr(person, name, value)
        elif ours != value:
            merged.kept.append(name)
        last[name] = theirs


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
