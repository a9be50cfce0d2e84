"""Synthetic people: who they are before their world begins, drawn from the seed of the world.

Each is drawn from their own key, so that they are the same whatever the number of people, the
shards and the policy.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from caregiving.models import BurnoutBand, JourneyPhase, Language
from proactive.cadences import CADENCES
from proactive.clocks import DAY, HOUR
from proactive.rules import CASCADE, CHURN_AFTER
from proactive.simulation.happenings import Person
from proactive.simulation.homes import HOMES, Home, number, zone_of_number
from proactive.simulation.spec import Spec

# Some are written outside the GSM alphabet, which makes a text longer.
NAMES = {
    Language.ENGLISH: ("Ada", "Ben", "Carol", "Dana", "Earl", "Faith", "Grace", "Zoë", "Irene"),
    Language.SPANISH: ("Ana", "Beatriz", "Carlos", "Diego", "Elena", "Inés", "José", "Lucía"),
}
RELATIONSHIPS = ("daughter", "son", "wife", "husband", "sister", "parent", "friend")
_RECIPIENTS = ("Rosa", "Walter", "Mom", "Dad", "Luis", "Edith", "")

# Of a hundred people. Without a band nobody has assessed themselves yet.
_BANDS = {
    "": 27,
    BurnoutBand.THRIVING: 23,
    BurnoutBand.MILD: 29,
    BurnoutBand.MODERATE: 14,
    BurnoutBand.HIGH: 3,
    BurnoutBand.CRISIS: 4,
}
_WELL = (BurnoutBand.THRIVING, BurnoutBand.MILD)

# Chances. The first is of everybody, the others of those who are there from the beginning.
_SIGN_UP_LATER = 0.10
_ONBOARDING = 0.06
_CHURNED = 0.42
_OPTED_OUT = 0.01
_PAUSED = 0.01
_IN_CASCADE = 0.05  # and most of those whose band is crisis
STOPS = 0.015  # that an answer says STOP
_HAS_COUNTERS = 0.7  # the others come from an import that knew of none

# How they write: of a hundred people so many, with so many texts a week.
_RHYTHMS = ((71, 0.0, 0.03), (14, 0.08, 0.3), (15, 1.2, 2.6))


def draw_people(spec: Spec) -> list[Person]:
    """The people of this shard, by key; the keys of all shards are 1 to `spec.people`."""
    keys = range(1, spec.people + 1)
    return [_draw(key, spec) for key in keys if key % spec.shards == spec.shard]


def _draw(key: int, spec: Spec) -> Person:
    random = Random(f"{spec.seed}/{key}/person")
    signs_up_later = random.random() < _SIGN_UP_LATER and not spec.silent
    zone, row = _draw_identity(key, random)
    if signs_up_later:
        row |= _newcomer(spec, random)
    else:
        row |= _history(spec.starts, random)
    return Person(
        key=key,
        number=number(key),
        zone=zone,
        row=row,
        answers=random.uniform(0.02, 0.24),
        stops=STOPS,
        writes=_draw_rhythm(random),
        # A fifth assess themselves about once a month, the others now and then.
        assesses=random.uniform(0.15, 0.3) if random.random() < 0.2 else random.uniform(0, 0.03),
        is_there=not signs_up_later,
    )


def _draw_rhythm(random: Random) -> float:
    _, least, most = random.choices(_RHYTHMS, weights=[share for share, *_ in _RHYTHMS])[0]
    return random.uniform(least, most)


# --- Who and where ---


def _draw_identity(key: int, random: Random) -> tuple[str, dict[str, Any]]:
    """Where they are, and the fields that say who they are and where."""
    home = random.choices(HOMES, weights=[home.share for home in HOMES])[0]
    postal_code = random.choice(home.postal_codes)
    language = _draw_language(home, random)
    given = {
        "first_name": random.choice(NAMES[language]) if random.random() < 0.9 else "",
        "relationship": random.choice(RELATIONSHIPS) if random.random() < 0.9 else "",
        "care_recipient_name": random.choice(_RECIPIENTS),
        "language": language.value,
    }
    known_by = random.random()
    if known_by < 0.08:
        return zone_of_number(key), {**given, "zip_code": "", "time_zone": ""}
    if known_by < 0.45 and home.is_american:
        return home.zone, {**given, "zip_code": postal_code, "time_zone": ""}
    has_code = random.random() < 0.93
    return home.zone, {
        **given,
        "zip_code": postal_code if has_code else "",
        "time_zone": home.zone,
    }


def _draw_language(home: Home, random: Random) -> Language:
    spanish = 0.9 if home.zone in ("Europe/Madrid", "America/Santiago") else 0.18
    return Language.SPANISH if random.random() < spanish else Language.ENGLISH


# --- What has been until now ---


def _newcomer(spec: Spec, random: Random) -> dict[str, Any]:
    """They sign up at `created_at`, and nothing is known of them but, for some, who they are."""
    offset = random.uniform(0, spec.days * DAY.total_seconds())
    row: dict[str, Any] = {
        "created_at": spec.starts + timedelta(microseconds=round(offset * 1e6)),
        "journey_phase": JourneyPhase.ONBOARDING.value,
        "burnout_band": "",
    }
    # Who signs up mostly leaves something for later.
    for name in ("first_name", "relationship"):
        if random.random() < 0.3:
            row[name] = ""
    return row


def _history(starts: datetime, random: Random) -> dict[str, Any]:
    chance = random.random()
    if chance < _CHURNED:
        row = _draw_past(starts, random, least=CHURN_AFTER + DAY, most=200 * DAY)
        row["journey_phase"] = JourneyPhase.CHURNED.value
    elif chance < _CHURNED + _ONBOARDING:
        row = _draw_beginning(starts, random)
    else:
        row = _draw_past(starts, random, least=timedelta(), most=CHURN_AFTER - DAY)
        row["journey_phase"] = JourneyPhase.ACTIVE.value
        _draw_crisis(row, starts, random)
    _count(row, starts, random)
    if random.random() < _OPTED_OUT:
        row["opted_out_at"] = _between(random, max(row["created_at"], starts - 60 * DAY), starts)
    if random.random() < _PAUSED:
        row["outreach_paused_until"] = starts + random.uniform(1, 21) * DAY
    return row


def _draw_beginning(starts: datetime, random: Random) -> dict[str, Any]:
    created = starts - random.uniform(0, 12) * DAY
    wrote = random.random() < 0.5
    return {
        "created_at": created,
        "journey_phase": JourneyPhase.ONBOARDING.value,
        "burnout_band": "",
        "last_contact_at": _between(random, created, starts) if wrote else None,
    }


def _draw_past(
    starts: datetime, random: Random, *, least: timedelta, most: timedelta
) -> dict[str, Any]:
    """Somebody last heard from between `least` and `most` ago, their band, their assessment."""
    silent = least + min(random.expovariate(1 / 9) * DAY, most - least)
    band = random.choices(list(_BANDS), weights=list(_BANDS.values()))[0]
    created = starts - silent - random.uniform(1, 400) * DAY
    heard: datetime | None = starts - silent
    if not band and silent < CHURN_AFTER and random.random() < 0.2:
        heard, created = None, starts - silent  # signed up and never wrote
    row: dict[str, Any] = {
        "created_at": created,
        "burnout_band": str(band),
        "last_contact_at": heard,
        "wellness_opt_in": band in _WELL and random.random() < 0.35,
    }
    if band and heard is not None:
        row["last_assessment_at"] = max(created, heard - random.expovariate(1 / 8) * DAY)
    return row


def _draw_crisis(row: dict[str, Any], starts: datetime, random: Random) -> None:
    in_band = row["burnout_band"] == BurnoutBand.CRISIS
    if random.random() >= (0.75 if in_band else _IN_CASCADE):
        return  # also of those in the band some have no date of their crisis
    crisis = max(row["created_at"], starts - random.uniform(0, 1.2) * CASCADE)
    row["last_crisis_event_at"] = crisis
    # It counts as contact.
    row["last_contact_at"] = max(crisis, row["last_contact_at"] or crisis)


def _count(row: dict[str, Any], starts: datetime, random: Random) -> None:
    """What has fallen due by now is dealt with, or, after an import, nobody has counted."""
    has_counters = random.random() < _HAS_COUNTERS
    texted = []
    for cadence in CADENCES:
        instants = (row.get(field) for field in cadence.anchor.fields)
        since = next((at for at in instants if at is not None), None)
        if not cadence.counter or since is None:
            continue
        fallen_due = [since + due for due in cadence.due if since + due <= starts]
        if has_counters:
            row[cadence.counter] = len(fallen_due)
            texted += fallen_due[-1:]
    if texted:
        row["last_proactive_message_at"] = min(max(texted) + random.uniform(0, 10) * HOUR, starts)
    elif has_counters and random.random() < 0.5:
        row["last_proactive_message_at"] = max(
            row["created_at"], starts - random.uniform(1, 20) * DAY
        )


def _between(random: Random, first: datetime, last: datetime) -> datetime:
    return first + random.random() * (last - first)
