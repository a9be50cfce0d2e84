"""What a sweep is measured against: the same decision, and the same claim, as commonly written.

`scan` loads every person of a band and decides in Python; `claim_one_at_a_time` claims through the
ORM; `claim_by_statement` is the least that PostgreSQL must do for a claim. Each is as fast as we
could make it without making it something else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from caregiving import zones
from caregiving.models import BurnoutBand, Caregiver
from proactive.cadences import BY_NAME, CADENCES, CRISIS_FOLLOWUP, KEPT_FREE
from proactive.declaring import Cadence, Step, Tier
from proactive.models import Message, Sweep
from proactive.rules import CASCADE, CHURN_AFTER, GATE, RECENT_CRISIS
from proactive.sms import segments
from proactive.wording import Wording

BANDS = ("", *BurnoutBand.values)
# Rows are read in portions, which is kinder to the baseline than a list of everybody.
PORTION = 2000

Due = tuple[Cadence, Step]


def scan(*, now: datetime) -> int:
    """Load each band, person by person, and ask in Python who is due; returns how many are."""
    found = 0
    for band in BANDS:
        people = Caregiver.objects.filter(burnout_band=band).order_by()
        for person in people.iterator(chunk_size=PORTION):
            found += due_for(person, now) is not None
    return found


# --- Who is due, in plain comparisons ---


def due_for(person: Caregiver, now: datetime) -> Due | None:
    """The most urgent step that is due for `person` at `now`, from their row alone.

    The cheapest questions come first, and most people fail one of them.
    """
    last = person.last_proactive_message_at
    if last is not None and now - last < GATE:
        return None
    if person.opted_out_at or person.unreachable_at or person.journey_phase == "churned":
        return None
    if person.outreach_paused_until and person.outreach_paused_until > now:
        return None
    for cadence in CADENCES:
        step = _step(cadence, person, now)
        if step is not None and _may_go(cadence, person, now):
            return cadence, step
    return None


def _step(cadence: Cadence, person: Caregiver, now: datetime) -> Step | None:
    """Whose turn it is in `cadence`."""
    if not _is_for(cadence, person, now):
        return None
    if cadence.tiers:
        return next(
            (
                step
                for step, tier in zip(cadence.steps, cadence.tiers, strict=True)
                if _is_in(tier, person, now) and _is_time(tier, person, now)
            ),
            None,
        )
    since = cadence.anchor.of(person)
    if since is None:
        return None
    age = now - since
    done = getattr(person, cadence.counter) or 0
    for step in cadence.steps:
        assert step.due is not None and step.limit is not None and step.stage is not None
        if step.due <= age < step.limit:
            return step if done < step.stage else None
    return None


def _is_for(cadence: Cadence, person: Caregiver, now: datetime) -> bool:
    crisis = person.last_crisis_event_at
    in_cascade = crisis is not None and now - crisis < CASCADE
    lapsed = now - (person.last_contact_at or person.created_at) >= CHURN_AFTER and not in_cascade
    match cadence.name:
        case "crisis_followup":
            return True
        case "onboarding_nudge":
            complete = person.first_name and person.relationship and person.zip_code
            return not complete and (person.journey_phase == "onboarding" or not lapsed)
        case "dormant_reactivation":
            return person.journey_phase == "active" and not lapsed and not in_cascade
        case _:
            return person.journey_phase == "active" and not lapsed


def _is_in(tier: Tier, person: Caregiver, now: datetime) -> bool:
    band, crisis = person.burnout_band, person.last_crisis_event_at
    recent = crisis is not None and now - crisis <= RECENT_CRISIS
    match tier.name:
        case "crisis_recent":
            return band == BurnoutBand.CRISIS and recent
        case "crisis":
            return band == BurnoutBand.CRISIS and not recent
        case "well":
            return person.wellness_opt_in and band in (BurnoutBand.MILD, BurnoutBand.THRIVING)
        case name:
            return band == name


def _is_time(tier: Tier, person: Caregiver, now: datetime) -> bool:
    last = person.last_proactive_message_at
    silence = now - (person.last_contact_at or person.created_at)
    return silence >= tier.silence and (last is None or now - last >= tier.every)


def _may_go(cadence: Cadence, person: Caregiver, now: datetime) -> bool:
    contact = person.last_contact_at
    if contact is not None and now - contact < cadence.quiet:
        return False
    if cadence.yields and _followup_is_near(person, now):
        return False
    there = zones.of(time_zone=person.time_zone, derived_zones=person.derived_zones)
    return cadence.window.is_open(there, now)


def _followup_is_near(person: Caregiver, now: datetime) -> bool:
    crisis = person.last_crisis_event_at
    if crisis is None or now - crisis >= CASCADE:
        return False
    done = person.crisis_followup_count or 0
    current = sum(due <= now - crisis for due in CRISIS_FOLLOWUP.due)
    ahead: tuple[timedelta, ...] = CRISIS_FOLLOWUP.due[max(done, current - 1) :]
    return bool(ahead) and now - crisis > ahead[0] - KEPT_FREE


# --- Claims ---


def claim_one_at_a_time(keys: Sequence[int], *, now: datetime) -> int:
    """Read, check, insert and save each of `keys` in a transaction of its own; returns how many."""
    wording = Wording.load()
    claimed = 0
    for key in keys:
        with transaction.atomic():
            person = Caregiver.objects.select_for_update().get(pk=key)
            found = due_for(person, now)
            if found is None:
                continue
            cadence, step = found
            body = wording.compose(person, cadence, step)
            Message.objects.create(
                caregiver=person,
                to_number=person.phone_number,
                cadence=cadence.name,
                stage=step.stage,
                tier=step.tier,
                occasion=cadence.anchor.of(person),
                priority=list(BY_NAME).index(cadence.name),
                body=body,
                segments=segments.measure(body).segments,
                because="; ".join(rule.says(person, now) for rule in step.rules),
                queued_at=now,
                gate_before=person.last_proactive_message_at,
            )
            person.last_proactive_message_at = now
            changed = ["last_proactive_message_at"]
            if cadence.counter:
                setattr(person, cadence.counter, step.stage)
                changed.append(cadence.counter)
            person.save(update_fields=changed)
            claimed += 1
    return claimed


CLAIM = """
WITH locked AS (
    SELECT id, phone_number, first_name, last_proactive_message_at,
        coalesce({anchor}) AS occasion
    FROM caregiving_caregiver
    WHERE id = ANY(%(keys)s)
    ORDER BY id
    FOR UPDATE SKIP LOCKED
), queued AS (
    INSERT INTO proactive_message (
        id, caregiver_id, sweep_id, to_number, cadence, stage, tier, occasion, priority, body,
        segments, status, because, reason, queued_at, gate_before, attempts, lookups, error_code
    )
    SELECT
        gen_random_uuid(), id, %(sweep)s, phone_number, %(cadence)s, %(stage)s, %(tier)s, occasion,
        %(priority)s, replace(%(body)s, '$first_name', first_name), 1, 'queued', %(because)s, '',
        %(now)s, last_proactive_message_at, 0, 0, ''
    FROM locked
)
UPDATE caregiving_caregiver AS person
SET last_proactive_message_at = %(now)s{counter}
FROM locked
WHERE person.id = locked.id
"""


def claim_by_statement(batches: Sequence[tuple[Cadence, Step, list[int]]], *, now: datetime) -> int:
    """Claim each of `batches` in one statement, which is its own transaction; returns how many.

    The statement locks the rows, inserts as many texts with the same columns and of about the same
    length, and updates gate and counter. That is all: it finds nobody, checks no rule, and puts a
    first name into a text with `replace`. Who is due for what was read before the clock starts.
    """
    wording = Wording.load()
    sweep = Sweep.objects.create(now=now)
    because = "burnout band is moderate; every 7 days: next after Mon 2 Mar 11:04; last heard from "
    because += "Thu 26 Feb 10:17, silent for 3 days at Sun 1 Mar 10:17"
    sample = Caregiver(first_name="$first_name", language="en", last_proactive_message_at=now)
    claimed = 0
    with connection.cursor() as cursor:
        for cadence, step, keys in batches:
            cursor.execute(
                CLAIM.format(
                    anchor=", ".join(cadence.anchor.fields),
                    counter=f", {cadence.counter} = {step.stage}" if cadence.counter else "",
                ),
                {
                    "keys": keys,
                    "sweep": sweep.pk,
                    "cadence": cadence.name,
                    "stage": step.stage,
                    "tier": step.tier,
                    "priority": list(BY_NAME).index(cadence.name),
                    "body": wording.compose(sample, cadence, step),
                    "because": because,
                    "now": now,
                },
            )
            claimed += cursor.rowcount
    return claimed
