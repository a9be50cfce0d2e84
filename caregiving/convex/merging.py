"""What a document changes in a person: newer values win, and nothing goes backwards.

Instants and counters only move forward, so the order of documents does not matter. Of everything
else (a name, a band) nobody knows when it was written; there a value wins that has changed in
Convex since the last import, unless staff have changed it here as well, or the person has been
active here since.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from caregiving.convex.snapshot import SCORES
from caregiving.intents import Intent
from caregiving.models import Caregiver, JourneyPhase, Language

# By table, the values that it had at the last import; and as SEEN the latest of each instant in
# COUNTED that has come from Convex, whatever the table.
Taken = dict[str, dict[str, Any]]
SEEN = "instants"

# Each counter with the instant that it counts from: a newer one begins a new count.
COUNTED = {
    "last_contact_at": "reactivation_message_count",
    "last_crisis_event_at": "crisis_followup_count",
    "last_assessment_at": "assessment_reminder_count",
}
CRISIS = "last_crisis_event_at"
# What a newer instant from here says more of than a document there.
SAID_BY = {"journey_phase": "last_contact_at", "burnout_band": "last_assessment_at"}
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
    another value, and ours stays. `opted_out_at`: an opt-out to be put on record. `crisis_at`: a
    crisis that is none of those on record, `earlier_crisis_at`: whose place it takes; with
    `crisis_is_late` it came before that one, and changes nothing."""

    changed: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    opted_out_at: datetime | None = None
    crisis_at: datetime | None = None
    earlier_crisis_at: datetime | None = None
    crisis_is_late: bool = False


def merge(
    person: Caregiver,
    values: Mapping[str, Any],
    *,
    table: str,
    taken: Taken,
    is_new: bool = False,
    crises: Collection[datetime] = (),
) -> Merged:
    """Bring `person` up to date with the `values` of a document of `table`; nothing is saved.

    `taken` is brought up to date as well. `crises`: those of theirs that are on record. One of
    these is no news, wherever it is seen again: it begins no new follow-ups, and what has been
    taken off the row or dated otherwise by hand stays so.
    """
    merged = Merged()
    before = {name: getattr(person, name) for name in (*values, *_MAY_FOLLOW)}
    newer_here = {name for name in COUNTED if _is_newer_here(person, name, values, taken)}
    values = _without_known_crisis(person, values, crises, merged)
    _move_forward(person, values, newer_here, is_new)
    for name in COUNTED:
        _note_seen(taken, name, values.get(name))
    _opt_out(person, values, merged)
    _take_words(person, values, table, taken, newer_here, merged)
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
    return merged


_MAY_FOLLOW = (*COUNTED, *COUNTED.values(), "journey_phase", "opted_out_at")


def hear_from(person: Caregiver, at: datetime, taken: Taken) -> bool:
    """They wrote at `at`; returns whether that is news.

    A contact that is on record by another clock may come a moment later than the row has it. Who
    wrote before the last text has not answered it, so the count of unanswered texts stands.
    """
    return _happened(person, "last_contact_at", at, taken)


def assess(person: Caregiver, at: datetime, band: str, taken: Taken) -> bool:
    """A self-assessment at `at`; returns whether it changed the row.

    The band is that of the row in Convex, where it has one.
    """
    is_latest = person.last_assessment_at is None or at >= person.last_assessment_at
    changed = _happened(person, "last_assessment_at", at, taken)
    changed |= hear_from(person, at, taken)
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


def _happened(person: Caregiver, anchor: str, at: datetime, taken: Taken) -> bool:
    _note_seen(taken, anchor, at)
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


def _is_newer_here(person: Caregiver, anchor: str, values: Mapping[str, Any], taken: Taken) -> bool:
    """Whether the row has an instant later than any that has come from Convex."""
    known = getattr(person, anchor)
    from_there = (values.get(anchor), _seen(taken, anchor))
    return known is not None and all(known > at for at in from_there if at is not None)


def _seen(taken: Taken, anchor: str) -> datetime | None:
    at = taken.get(SEEN, {}).get(anchor)
    return datetime.fromisoformat(at) if at else None


def _note_seen(taken: Taken, anchor: str, at: datetime | None) -> None:
    seen = _seen(taken, anchor)
    if at is not None and (seen is None or at > seen):
        taken.setdefault(SEEN, {})[anchor] = _as_json(at)


def _without_known_crisis(
    person: Caregiver, values: Mapping[str, Any], crises: Collection[datetime], merged: Merged
) -> Mapping[str, Any]:
    """The values without a crisis that is no news; that of the row has the row's own instant."""
    at, known = values.get(CRISIS), person.last_crisis_event_at
    if at is None:
        return values
    if known is not None and abs(at - known) <= SAME_MOMENT:
        return {**values, CRISIS: known}
    if not any(abs(at - one) <= SAME_MOMENT for one in crises):
        merged.crisis_at, merged.earlier_crisis_at = at, known
        merged.crisis_is_late = known is not None and at < known
        if not merged.crisis_is_late:
            return values
    return {name: value for name, value in values.items() if name not in (CRISIS, COUNTED[CRISIS])}


def _move_forward(
    person: Caregiver, values: Mapping[str, Any], newer_here: set[str], is_new: bool
) -> None:
    for anchor, counter in COUNTED.items():
        at, count = values.get(anchor), values.get(counter)
        known = getattr(person, anchor)
        if at is not None and (known is None or at > known):
            setattr(person, anchor, at)
            setattr(person, counter, count or 0)
        elif count is not None and (at == known or (at is None and anchor not in newer_here)):
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
    person: Caregiver,
    values: Mapping[str, Any],
    table: str,
    taken: Taken,
    newer_here: set[str],
    merged: Merged,
) -> None:
    last = taken.setdefault(table, {})
    for name, value in values.items():
        if name in _FORWARD:
            continue
        theirs = _as_json(value)
        if last.get(name) == theirs:
            continue
        ours = getattr(person, name)
        came = [one[name] for one in taken.values() if name in one]
        # What is blank though a value had come was blanked here.
        is_free = _as_json(ours) in came if came else ours in (_BLANK.get(name, ""), None)
        overtaken = SAID_BY.get(name) in newer_here and value != JourneyPhase.ACTIVE
        if is_free and not overtaken:
            setattr(person, name, value)
        elif ours != value:
            merged.kept.append(name)
        last[name] = theirs


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
