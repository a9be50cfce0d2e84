"""Who is due, worked out for one person at a time: what a sweep must queue, and nothing else."""

from collections.abc import Collection
from datetime import datetime

from tests.proactive.machine.numbers import (
    CASCADE,
    CHURNED_AFTER,
    COUNTERS,
    GATE,
    LIVE,
    RECENT,
    RESERVED,
    STAGES,
    TIERS,
    WINDOWS,
    is_open,
    occasion,
    stage_at,
)
from tests.proactive.people import DAY

Row = dict
# What a text is: its cadence, and its stage or the name of its tier.
What = tuple[str, int | str]


def due(
    row: Row, texts: list[Row], zones: list[str], *, now: datetime, cadences: Collection[str]
) -> What | None:
    """The text that a sweep of `cadences` at `now` must queue for one person; None for none.

    `row`: their fields of Caregiver; `texts`: those of their messages; `zones`: where they are.
    """
    if row["opted_out_at"] or row["unreachable_at"]:
        return None
    if row["outreach_paused_until"] and row["outreach_paused_until"] > now:
        return None
    if any(text["status"] in ("queued", "sending") for text in texts):
        return None
    last = row["last_proactive_message_at"]
    if last and now - last < GATE:
        return None
    for cadence in WINDOWS:
        if cadence in cadences and is_open(cadence, zones, now):
            step = _tier(row, now) if cadence == "wellness" else _stage(cadence, row, texts, now)
            if step and _is_for(cadence, row, now) and not _wrote_lately(cadence, row, now):
                return cadence, step
    return None


def _is_for(cadence: str, row: Row, now: datetime) -> bool:
    phase = row["journey_phase"]
    crisis = row["last_crisis_event_at"]
    is_open_cascade = bool(crisis) and now - crisis < CASCADE
    if cadence == "crisis_followup":
        return phase != "churned"
    if _is_reserved(row, now):
        return False
    if cadence == "onboarding_nudge" and not (
        row["first_name"] == "" or row["relationship"] == "" or row["zip_code"] == ""
    ):
        return False
    if cadence == "dormant_reactivation" and is_open_cascade:
        return False
    if phase == "onboarding":
        return cadence == "onboarding_nudge"
    silence = now - (row["last_contact_at"] or row["created_at"])
    return phase == "active" and (silence < CHURNED_AFTER or is_open_cascade)


def _wrote_lately(cadence: str, row: Row, now: datetime) -> bool:
    quiet = LIVE if cadence == "crisis_followup" else DAY
    return bool(row["last_contact_at"]) and now - row["last_contact_at"] < quiet


def _is_reserved(row: Row, now: datetime) -> bool:
    crisis, done = row["last_crisis_event_at"], row["crisis_followup_count"] or 0
    if not crisis or now - crisis >= CASCADE:
        return False
    reached = [due for due in STAGES["crisis_followup"][:-1] if due - RESERVED <= now - crisis]
    return len(reached) > done


def _stage(cadence: str, row: Row, texts: list[Row], now: datetime) -> int:
    """The stage that is current and owed; 0 for none."""
    since = occasion(cadence, row)
    stage = stage_at(cadence, now - since) if since else 0
    has_its_text = any(
        (text["cadence"], text["stage"], text["occasion"]) == (cadence, stage, since)
        and text["status"] != "cancelled"
        for text in texts
    )
    return 0 if stage <= (row[COUNTERS[cadence]] or 0) or has_its_text else stage


def _tier(row: Row, now: datetime) -> str:
    """The tier of the person's band, if its interval and its silence are over; "" for none."""
    band, crisis = row["burnout_band"], row["last_crisis_event_at"]
    if band == "crisis":
        tier = "crisis_recent" if crisis and now - crisis <= RECENT else "crisis"
    elif band in ("mild", "thriving"):
        tier = "well" if row["wellness_opt_in"] else ""
    else:
        tier = band
    if not tier:
        return ""
    every, silence = TIERS[tier]
    last = row["last_proactive_message_at"]
    if last and now - last < every:
        return ""
    return tier if now - (row["last_contact_at"] or row["created_at"]) >= silence else ""
