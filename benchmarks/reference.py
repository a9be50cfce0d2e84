"""Who is due, written once more: plain Python, in the numbers of the design, for one person.

It shares nothing with the declarations, the rules and the clocks of the sweep that it checks; it
reads rows only. Where texts tell what has been dealt with it does not believe a counter: that is
how a counter that was not given back shows.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import F, Q

from caregiving import zones
from caregiving.models import Caregiver, CaregiverQuerySet
from proactive.models import CadenceSwitch, Message
from proactive.sweeps import run_sweep

# cadence, stage, occasion, status
Text = tuple[str, int | None, datetime | None, str]
Due = tuple[str, int | None]

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
_MICROSECOND = timedelta(microseconds=1)

GATE = DAY
WITHIN = 12 * HOUR
QUIET, QUIET_IN_CRISIS = DAY, timedelta(minutes=60)
CHURN = 31 * DAY

# When each stage falls due; the last entry is the late limit of the last.
FOLLOWUPS = (DAY, 72 * HOUR, 7 * DAY, 14 * DAY, 21 * DAY, 28 * DAY, 35 * DAY, 42 * DAY)
REACTIVATIONS = (7 * DAY, 14 * DAY, 30 * DAY, 31 * DAY)
REMINDERS = (7 * DAY, 14 * DAY, 21 * DAY)
NUDGES = (48 * HOUR, 5 * DAY, 6 * DAY)
CASCADE = FOLLOWUPS[-1]

NEEDED = (
    *("journey_phase", "burnout_band", "wellness_opt_in"),
    *("first_name", "relationship", "zip_code", "time_zone", "derived_zones"),
    *("created_at", "last_contact_at", "last_crisis_event_at", "last_assessment_at"),
    *("last_proactive_message_at", "opted_out_at", "outreach_paused_until", "unreachable_at"),
    *("crisis_followup_count", "reactivation_message_count"),
    *("assessment_reminder_count", "onboarding_nudge_count"),
)


def due(
    caregiver: Any, texts: Sequence[Text], *, now: datetime, closed: frozenset[str] = frozenset()
) -> Due | None:
    """The one text (cadence, stage) that a sweep at `now` must queue for this person, or None.

    `caregiver`: a row with the fields NEEDED. `texts`: theirs, at least those that wait and those
    of their current occasions. `closed`: cadences that are switched off.
    """
    if (
        caregiver.opted_out_at is not None
        or caregiver.unreachable_at is not None
        or _less_than_ago(GATE, caregiver.last_proactive_message_at, now)
        or (caregiver.outreach_paused_until or now) > now
        or any(status in ("queued", "sending") for *_, status in texts)
    ):
        return None
    for cadence, stage, opens, closes in _candidates(caregiver, texts, now):
        if cadence not in closed and _is_open(opens, closes, caregiver, now):
            return cadence, stage
    return None


def _candidates(
    one: Any, texts: Sequence[Text], now: datetime
) -> Iterator[tuple[str, int | None, int, int]]:
    """What is owed and not held back by the person's own doing, most urgent first: (cadence, stage,
    window opens, closes)."""
    crisis, silent_since = one.last_crisis_event_at, one.last_contact_at or one.created_at
    followups = _dealt_with("crisis_followup", one.crisis_followup_count, crisis, texts)
    if one.journey_phase in ("onboarding", "active") and not _less_than_ago(
        QUIET_IN_CRISIS, one.last_contact_at, now
    ):
        stage = _stage(FOLLOWUPS, crisis, now)
        if stage > followups:
            yield "crisis_followup", stage, 8, 21
    if _less_than_ago(QUIET, one.last_contact_at, now) or _is_reserved(crisis, followups, now):
        return

    cascade_is_open = _less_than_ago(CASCADE, crisis, now)
    is_active = one.journey_phase == "active" and (
        cascade_is_open or _less_than_ago(CHURN, silent_since, now)
    )
    if is_active and (tier := _tier(one, now)):
        every, silence = tier
        last = one.last_proactive_message_at
        if not _less_than_ago(every * DAY, last, now) and now - silent_since >= silence * DAY:
            yield "wellness", None, 9, 20
    if is_active and not cascade_is_open:
        stage = _stage(REACTIVATIONS, silent_since, now)
        count = one.reactivation_message_count
        if stage > _dealt_with("dormant_reactivation", count, silent_since, texts):
            yield "dormant_reactivation", stage, 11, 20
    if is_active:
        stage = _stage(REMINDERS, one.last_assessment_at, now)
        count = one.assessment_reminder_count
        if stage > _dealt_with("assessment_reminder", count, one.last_assessment_at, texts):
            yield "assessment_reminder", stage, 9, 20
    is_incomplete = not (one.first_name and one.relationship and one.zip_code)
    if (is_active or one.journey_phase == "onboarding") and is_incomplete:
        stage = _stage(NUDGES, one.created_at, now)
        if stage > _dealt_with(
            "onboarding_nudge", one.onboarding_nudge_count, one.created_at, texts
        ):
            yield "onboarding_nudge", stage, 9, 20


def _less_than_ago(span: timedelta, instant: datetime | None, now: datetime) -> bool:
    return instant is not None and now - instant < span


def _stage(times: tuple[timedelta, ...], occasion: datetime | None, now: datetime) -> int:
    """The stage whose time it is, 0 for none."""
    if occasion is None or now - occasion >= times[-1]:
        return 0
    return sum(now - occasion >= time for time in times)


def _dealt_with(
    cadence: str, counter: int | None, occasion: datetime | None, texts: Sequence[Text]
) -> int:
    """Up to which stage this occasion is dealt with.

    Once it has had a text, its texts tell: those that were given back do not count, and what was
    overtaken or ended has a text that says so. Before, only the counter can know of what was done
    elsewhere, as before an import.
    """
    own = [
        (stage, status)
        for name, stage, when, status in texts
        if name == cadence and when == occasion and stage is not None
    ]
    if not own:
        return counter or 0
    # What was dealt with before the first text has none: it is below all of them.
    return max((stage for stage, status in own if status != "cancelled"), default=0)


def _is_reserved(crisis: datetime | None, dealt_with: int, now: datetime) -> bool:
    """A follow-up is due, or falls due within twelve hours: the slot is kept for it."""
    if crisis is None or dealt_with >= len(FOLLOWUPS) - 1 or now - crisis >= CASCADE:
        return False
    return now - crisis >= FOLLOWUPS[dealt_with] - WITHIN


def _tier(one: Any, now: datetime) -> tuple[int, int] | None:
    """(every so many days, after so many of silence)"""
    match one.burnout_band:
        case "crisis":
            crisis = one.last_crisis_event_at
            recent = crisis is not None and now - crisis <= 7 * DAY
            return (1, 2) if recent else (7, 3)
        case "high":
            return 3, 2
        case "moderate":
            return 7, 3
        case "mild" | "thriving" if one.wellness_opt_in:
            return 14, 3
    return None


def _is_open(opens: int, closes: int, one: Any, now: datetime) -> bool:
    hours = _local_hours(one.time_zone, one.derived_zones, now)
    return bool(hours) and all(opens <= hour < closes for hour in hours)


@lru_cache(maxsize=1024)
def _local_hours(time_zone: str, derived_zones: str, now: datetime) -> frozenset[int]:
    """What the clocks show in every zone in which somebody may be."""
    places = zones.of(time_zone=time_zone, derived_zones=derived_zones)
    return frozenset(now.astimezone(place).hour for place in places)


# --- Against the sweep ---


def check(now: datetime, *, limit: int | None = None) -> tuple[int, list[str]]:
    """Compare with what a dry run of the sweep plans at `now`, on the current database.

    `now` may be any instant, as the rows stand. Returns how many people were compared, all or the
    first `limit` of them, and a sentence for each difference. Three queries besides the dry run.
    """
    planned = {
        one.phone_number: (one.cadence, one.stage)
        for one in run_sweep(dry_run=True, now=now).planned
    }
    closed = _closed(now)
    people = list(_rows(Caregiver.objects.all())[:limit])
    texts = _texts()
    differences = []
    for one in people:
        expected = due(one, texts.get(one.pk, ()), now=now, closed=closed)
        found = planned.get(str(one.phone_number))
        if expected != found:
            differences.append(
                f"{one.phone_number} at {now:%Y-%m-%d %H:%M:%S.%f} UTC: the reference says "
                f"{_says(expected)}, the sweep plans {_says(found)}"
            )
    return len(people), differences


def boundaries(now: datetime, *, seed: str, sample: int) -> list[datetime]:
    """Instants on the edge near `now` at which to check as well, drawn by `seed` and `now`.

    Of `sample` people to whom something is due at the very instant at which the 24 hours since
    their last text are over: that instant, and a microsecond before. There a `<` for a `<=` shows,
    which instants drawn at random never meet.
    """
    lately = Caregiver.objects.filter(last_proactive_message_at__range=(now - 2 * GATE, now))
    texts = _texts()
    edges = {
        one.last_proactive_message_at + GATE
        for one in _rows(lately)
        if due(one, texts.get(one.pk, ()), now=one.last_proactive_message_at + GATE)
    }
    draw = random.Random(f"{seed}/boundaries/{now.isoformat()}")
    chosen = draw.sample(sorted(edges), min(sample, len(edges)))
    return sorted(at - early for at in chosen for early in (timedelta(), _MICROSECOND))


def _rows(people: CaregiverQuerySet) -> Any:
    return people.order_by("pk").values_list("pk", "phone_number", *NEEDED, named=True)


def _texts() -> dict[int, list[Text]]:
    """What waits, and the staged texts of occasions that are still current; by person."""
    anchors = ("last_crisis_event_at", "last_contact_at", "created_at", "last_assessment_at")
    current = Q(status__in=("queued", "sending"))
    for anchor in anchors:
        current |= Q(occasion=F(f"caregiver__{anchor}"), stage__isnull=False)
    found: dict[int, list[Text]] = {}
    rows = Message.objects.filter(current).order_by()
    for pk, *text in rows.values_list("caregiver_id", "cadence", "stage", "occasion", "status"):
        found.setdefault(pk, []).append(tuple(text))  # type: ignore[arg-type]
    return found


def _closed(now: datetime) -> frozenset[str]:
    """Cadences that are off or paused; where everything is, all of them."""
    shut = {
        one.cadence
        for one in CadenceSwitch.objects.all()
        if not one.is_on or (one.paused_until is not None and one.paused_until > now)
    }
    everything = {
        *("crisis_followup", "wellness", "dormant_reactivation", "assessment_reminder"),
        "onboarding_nudge",
    }
    return frozenset(everything if "everything" in shut else shut)


def _says(text: Due | None) -> str:
    return "nothing" if text is None else f"{text[0]} {text[1] or ''}".strip()


def second_opinion(now: datetime) -> tuple[int, list[str]]:
    """`check` at `now`, and at the edges of two people near it: what a world asks now and then."""
    looked_at, differences = check(now)
    for instant in boundaries(now, seed="second opinion", sample=2):
        more, others = check(instant)
        looked_at += more
        differences += [f"as of {instant:%Y-%m-%d %H:%M:%S.%f}: {one}" for one in others]
    return looked_at, differences
