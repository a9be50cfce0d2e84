"""Makes exactly so many people due at one instant, and undoes what a sweep then did.

What a measurement of claims needs before each run: the same people due for the same texts, whatever
the run before has changed.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from caregiving.models import BurnoutBand, Caregiver, JourneyPhase
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step
from proactive.models import CareAlert, Message

# Of a hundred people who are due at once, as simulated services have them: mostly check-ins.
SHARES = {
    "crisis_followup": 15,
    "wellness": 50,
    "dormant_reactivation": 20,
    "assessment_reminder": 10,
    "onboarding_nudge": 5,
}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Each fell due within so long, at an instant of their own.
SPREAD = 40 * 60


def make_due(number: int, *, now: datetime) -> dict[str, int]:
    """Make `number` people due at `now`, no more and no fewer; returns how many for which step.

    Whatever was queued for `now` before is deleted, with the alerts about it. The people are the
    same each time and lie scattered over the table. Raises ValueError if fewer could be texted.
    """
    wanted = _by_step(number)
    with transaction.atomic(), connection.cursor() as cursor:
        _undo(now)
        _choose(cursor, number, now)
        first = 1
        for cadence, step, many in wanted:
            _make_due(cursor, cadence, step, (first, first + many - 1), now)
            first += many
        cursor.execute("DROP TABLE chosen")
    with connection.cursor() as cursor:
        # Each run finds the tables as tidy as the one before it, and nothing left to write.
        cursor.execute("VACUUM (ANALYZE) caregiving_caregiver, proactive_message")
        cursor.execute("CHECKPOINT")
    return {f"{cadence.name} {step.variant}": many for cadence, step, many in wanted}


def _by_step(number: int) -> list[tuple[Cadence, Step, int]]:
    """How many for which step: by SHARES, and evenly over the steps of a cadence."""
    exact = {
        (cadence, step): number * SHARES[cadence.name] / 100 / len(cadence.steps)
        for cadence in CADENCES
        for step in cadence.steps
    }
    steps = []
    total = given = 0.0
    for (cadence, step), share in exact.items():
        total += share
        many = round(total - given)
        given += many
        steps.append((cadence, step, many))
    return steps


def _undo(now: datetime) -> None:
    texts = Message.objects.filter(queued_at=now)
    CareAlert.objects.filter(opened_at=now).delete()
    # Past the collector, which would load them all to see what else refers to them.
    texts._raw_delete(texts.db)


def _choose(cursor: Any, number: int, now: datetime) -> None:
    sql, parameters = _textable(now).values_list("pk").query.sql_with_params()
    cursor.execute(
        f"""
        CREATE TEMP TABLE chosen ON COMMIT DROP AS
        SELECT id, row_number() OVER (ORDER BY hashint8(id), id) AS place
        FROM ({sql}) AS textable (id) ORDER BY hashint8(id), id LIMIT %s
        """,
        [*parameters, number],
    )
    if cursor.rowcount != number:
        raise ValueError(f"only {cursor.rowcount} people can be texted, not {number}")
    cursor.execute("ANALYZE chosen")


def _textable(now: datetime) -> QuerySet[Caregiver]:
    """People who can be texted and are in the window of every cadence at `now`."""
    open_to_all = Q()
    for cadence in CADENCES:
        (window,) = (rule for rule in cadence.defers if rule.name == "window")
        open_to_all &= window.condition(now)
    return Caregiver.objects.reachable(now=now).filter(open_to_all).order_by()


def _make_due(
    cursor: Any, cadence: Cadence, step: Step, places: tuple[int, int], now: datetime
) -> None:
    ages: dict[str, timedelta | None] = {
        "last_contact_at": 2 * DAY,
        "last_proactive_message_at": 20 * DAY,
        "last_assessment_at": 400 * DAY,
        "last_crisis_event_at": None,
        "created_at": 500 * DAY,
        **_ages(cadence, step),
    }
    counters = {other.counter: 0 for other in CADENCES if other.counter}
    if cadence.counter and step.stage is not None:
        counters[cadence.counter] = step.stage - 1
    if step.tier == "crisis_recent":
        counters["crisis_followup_count"] = 2
    values: dict[str, object] = {
        "journey_phase": JourneyPhase.ACTIVE,
        "burnout_band": "",
        "wellness_opt_in": False,
        **_values(cadence, step),
    }
    columns = [
        *(f"{field} = {_INSTANT.format(field) if age else 'NULL'}" for field, age in ages.items()),
        *(f"{field} = {_COUNTER.format(field)}" for field in counters),
        *(f"{field} = %({field})s" for field in values),
    ]
    cursor.execute(
        f"UPDATE caregiving_caregiver AS person SET {', '.join(columns)} FROM chosen "
        "WHERE chosen.id = person.id AND place BETWEEN %(first)s AND %(last)s",
        {
            **ages,
            **counters,
            **values,
            "now": now,
            "spread": SPREAD,
            "first": places[0],
            "last": places[1],
        },
    )


_INSTANT = (
    "%(now)s - %({})s - (1 + mod(hashint8extended(person.id, 90) & 1073741823, %(spread)s)) "
    "* interval '1 second'"
)
# Some have a counter that was never set.
_COUNTER = "CASE WHEN %({0})s > 0 OR mod(person.id, 2) = 0 THEN %({0})s END"


def _ages(cadence: Cadence, step: Step) -> dict[str, timedelta | None]:
    """How long before it fell due what happened: that and nothing else is owed to them."""
    if step.due is None:
        (tier,) = (tier for tier in cadence.tiers if tier.name == step.tier)
        silence = max(tier.silence, cadence.quiet)
        # In the middle between two follow-ups.
        crisis = 4 * DAY if tier.name == "crisis_recent" else None
        return {
            "last_proactive_message_at": tier.every,
            "last_contact_at": crisis or silence,
            "last_crisis_event_at": crisis,
        }
    fields = dict.fromkeys(cadence.anchor.fields[:1], step.due)
    if cadence.name == "crisis_followup":
        # A crisis counts as contact.
        return {**fields, "last_contact_at": step.due, "last_proactive_message_at": 26 * HOUR}
    if cadence.name == "onboarding_nudge":
        return {**fields, "last_contact_at": None, "last_proactive_message_at": None}
    return {**fields}


def _values(cadence: Cadence, step: Step) -> dict[str, object]:
    if cadence.name == "crisis_followup":
        return {"burnout_band": BurnoutBand.CRISIS}
    if cadence.name == "onboarding_nudge":
        return {"journey_phase": JourneyPhase.ONBOARDING, "relationship": ""}
    match step.tier:
        case "crisis_recent":
            return {"burnout_band": BurnoutBand.CRISIS}
        case "well":
            return {"burnout_band": BurnoutBand.MILD, "wellness_opt_in": True}
        case tier:
            return {"burnout_band": tier}
