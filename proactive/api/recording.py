"""What was told, done: each kind over one function of `caregiving.events` or of the profiles."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from caregiving import events
from caregiving.models import Caregiver
from proactive import profiles
from proactive.api import idempotency
from proactive.api.authenticating import require
from proactive.api.idempotency import Answer
from proactive.api.problems import Problem, wrong_field
from proactive.api.schemas import (
    Contact,
    CrisisEvent,
    Event,
    OptIn,
    OptOut,
    ProfileChange,
    PutCaregiver,
    Refused,
    WellnessScore,
)
from proactive.models import ApiReceipt, ApiToken, Scope

People = dict[str, Caregiver]
Receipts = dict[str, ApiReceipt]


def record(token: ApiToken, event: Event, *, now: datetime) -> Answer:
    """Do what one event says. Raises Problem where it cannot be done."""
    return _record(token, event, *_look_up(token, [event]), now)


def record_batch(
    token: ApiToken, items: Sequence[Event | Refused], *, now: datetime
) -> list[dict[str, Any]]:
    """Each in a transaction of its own, in order; one that is refused stops no other."""
    told = [one for one in items if not isinstance(one, Refused)]
    people, receipts = _look_up(token, told)
    results = []
    for item in items:
        try:
            if isinstance(item, Refused):
                raise item.problem
            results.append(_record(token, item, people, receipts, now).result)
        except Problem as problem:
            results.append(
                {
                    "idempotency_key": item.idempotency_key,
                    "status": problem.status,
                    "problem": problem.as_json(),
                }
            )
    return results


def put(token: ApiToken, number: str, profile: PutCaregiver, *, now: datetime) -> Answer:
    """Add the person with this number, or change their profile. Raises Problem."""
    key, at, via = profile.idempotency_key, _not_ahead(profile.at, now), _via(token)
    values = profile.given()

    def do() -> dict[str, Any]:
        # Asked here: when somebody else has just added them, this is called again.
        caregiver = Caregiver.objects.filter(phone_number=number).first()
        if caregiver is not None:
            return _change_profile(caregiver, values, key, at, via, now)
        added = Caregiver(phone_number=number, created_at=at, **values)
        fields = ["phone_number", *values]
        profiles.save_added(added, fields, via=via, happened_at=at, now=now)
        return _done(key, "created", status=201)

    content = {"put": number, "at": profile.at, **values}
    known = idempotency.receipts(token, [key]).get(key)
    return idempotency.once(token, key, content, do, now=now, known=known)


def _look_up(token: ApiToken, told: Sequence[Event]) -> tuple[People, Receipts]:
    people = Caregiver.objects.in_bulk(
        {one.phone_number for one in told}, field_name="phone_number"
    )
    return people, idempotency.receipts(token, {one.idempotency_key for one in told})


def _record(
    token: ApiToken, event: Event, people: People, receipts: Receipts, now: datetime
) -> Answer:
    if isinstance(event, ProfileChange):
        require(token, Scope.WRITE_CAREGIVERS)

    def do() -> dict[str, Any]:
        caregiver = people.get(event.phone_number)
        if caregiver is None:
            raise _unknown()
        try:
            return _apply(event, caregiver, _via(token), now)
        except Caregiver.DoesNotExist:
            # Deleted since they were looked up.
            raise _unknown() from None

    return idempotency.once(
        token,
        event.idempotency_key,
        event.model_dump(exclude_unset=True, exclude={"idempotency_key"}),
        do,
        now=now,
        known=receipts.get(event.idempotency_key),
    )


def _apply(event: Event, caregiver: Caregiver, via: str, now: datetime) -> dict[str, Any]:
    at, key = _not_ahead(event.at, now), event.idempotency_key
    match event:
        case Contact():
            events.record_contact(caregiver, at=at)
        case CrisisEvent():
            events.record_crisis_event(caregiver, at=at, source=event.source or via)
        case WellnessScore():
            events.record_wellness_score(
                caregiver, score=event.score, burnout_band=event.burnout_band.value, at=at
            )
        case OptOut():
            events.record_opt_out(caregiver, at=at, source=event.source or via)
            if caregiver.opted_out_at is None:
                # They have allowed it again since.
                return _done(key, "unchanged")
        case OptIn():
            events.record_opt_in(caregiver, at=at, source=event.source or via)
        case ProfileChange():
            return _change_profile(caregiver, event.given(), key, at, via, now)
    return _done(key, "recorded")


def _change_profile(
    caregiver: Caregiver, values: dict[str, Any], key: str, at: datetime, via: str, now: datetime
) -> dict[str, Any]:
    changed, kept = profiles.save_told(caregiver, values, at=at, via=via, now=now)
    return _done(key, "changed" if changed else "unchanged", kept=kept)


def _not_ahead(at: datetime, now: datetime) -> datetime:
    """Of a clock that is fast the moment it is heard: nothing holds against a later STOP."""
    return min(at, now)


def _done(key: str, outcome: str, *, status: int = 200, kept: Sequence[str] = ()) -> dict[str, Any]:
    return {"idempotency_key": key, "status": status, "outcome": outcome, "kept": list(kept)}


def _via(token: ApiToken) -> str:
    return f"API: {token.name}"


def _unknown() -> Problem:
    return wrong_field(
        "phone_number",
        "nobody has this number. Add them first, with PUT /api/v1/caregivers/<number>/, and send "
        "the event again",
        status=404,
        kind="unknown-caregiver",
    )
