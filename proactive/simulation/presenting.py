"""What `figures` counted, made ready to show: rates, shares, medians, money, all as plain JSON.

A share is from 0 to 1, a wait in hours, money in US dollars. What there is nothing to divide by is
null. Counts are scaled up where only some of the people were simulated; waits and rates are not, as
they hold for each of them.
"""

from collections import Counter
from typing import Any

from caregiving.models import BurnoutBand
from proactive import naming
from proactive.cadences import BY_NAME
from proactive.rules import GATE_OPEN
from proactive.simulation.figures import NO_BAND

WEEK_SECONDS = 7 * 24 * 3600
# A month of a bill, whatever the calendar says.
MONTH_DAYS = 30
# Upper ends of the bars of a chart of waits, in hours; the last bar is open.
WAIT_BARS = (1, 2, 4, 8, 13, 24, 36, 48, 72)
SOON_HOURS = 36
# The worst first, as staff look for them.
BANDS = (
    *((band.value, band.label) for band in reversed(BurnoutBand)),
    (NO_BAND, "No band yet"),
)


def present(raw: dict[str, Any], *, segment_cost: float, scale: float = 1.0) -> dict[str, Any]:
    """`raw`: of one world, all its parts merged. `segment_cost`: US dollars for one segment.
    `scale`: how many people stand behind each who was simulated."""
    days = int(raw["days"])
    return {
        "people": raw["people"],
        "days": days,
        "scale": scale,
        "texts": _texts(raw, scale),
        "cost": _cost(raw, days, segment_cost, scale),
        "gate": _gate(raw, scale),
        "deferred": _deferred(raw, scale),
        "waits": [_waits(raw, name, scale) for name in _ordered(raw["waits"] | raw["unsent"])],
        "people_end": {name: _scaled(n, scale) for name, n in raw["people_end"].items()},
        "answers": _answers(raw),
    }


def _scaled(count: int, scale: float) -> int:
    return round(count * scale)


def _label(cadence: str) -> str:
    return naming.in_words(cadence, None)


def _ordered(by_cadence: dict[str, Any]) -> dict[str, Any]:
    """The most urgent first, as everywhere; a cadence that is not declared comes last."""
    order = [*BY_NAME, *sorted(by_cadence.keys() - BY_NAME.keys())]
    return {name: by_cadence[name] for name in order if name in by_cadence}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


# --- Texts and money ---


def _texts(raw: dict[str, Any], scale: float) -> dict[str, Any]:
    by_band = raw["texts"]
    seconds = raw["person_seconds"]
    texts_of_week: Counter[str] = Counter()
    seconds_of_week: Counter[str] = Counter()
    for weeks in by_band.values():
        texts_of_week.update(weeks)
    for weeks in seconds.values():
        seconds_of_week.update(weeks)
    return {
        "all": _scaled(texts_of_week.total(), scale),
        "per_person_week": _ratio(texts_of_week.total(), seconds_of_week.total() / WEEK_SECONDS),
        "by_band": [
            _rate(by_band.get(band, {}), seconds.get(band, {}), scale)
            | {"band": band, "label": label}
            for band, label in BANDS
            if band in seconds or band in by_band
        ],
        "by_week": [
            _rate(
                {week: texts_of_week[week]},
                {week: seconds_of_week[week]},
                scale,
            )
            | {
                "week": int(week) + 1,
                "by_cadence": {
                    name: _scaled(one["weeks"].get(week, 0), scale)
                    for name, one in _ordered(raw["cadences"]).items()
                },
            }
            for week in sorted(seconds_of_week, key=int)
        ],
        "by_cadence": [
            {
                "cadence": name,
                "label": _label(name),
                "texts": _scaled(sum(one["weeks"].values()), scale),
                "segments": _scaled(one["segments"], scale),
            }
            for name, one in _ordered(raw["cadences"]).items()
        ],
    }


def _rate(texts: dict[str, int], seconds: dict[str, int], scale: float) -> dict[str, Any]:
    count, weeks = sum(texts.values()), sum(seconds.values()) / WEEK_SECONDS
    return {
        "texts": _scaled(count, scale),
        "person_weeks": round(weeks * scale, 1),
        "per_person_week": _ratio(count, weeks),
    }


def _cost(
    raw: dict[str, Any], days: int, segment_cost: float, scale: float
) -> dict[str, float | None]:
    segments = sum(one["segments"] for one in raw["cadences"].values())
    total = segments * segment_cost
    seconds = sum(sum(weeks.values()) for weeks in raw["person_seconds"].values())
    months = seconds / (MONTH_DAYS * 24 * 3600)
    return {
        "segment_cost": segment_cost,
        "segments": _scaled(segments, scale),
        "total": total * scale,
        "per_month": total * scale * MONTH_DAYS / days,
        "per_person_month": _ratio(total, months),
    }


# --- What is held back ---


def _gate(raw: dict[str, Any], scale: float) -> dict[str, float | None]:
    """Texts that the 24-hour gate held back at some time, and how many they are of 1,000 owed."""
    together = _together(raw["held_back"])
    met = together["by_rule"][GATE_OPEN.name]
    return {
        "texts": _scaled(met, scale),
        "per_1000_texts": _ratio(1000 * met, together["texts"]),
    }


def _deferred(raw: dict[str, Any], scale: float) -> dict[str, Any]:
    """Shares are of the texts that were owed: those that something, or this rule, held back at some
    time. One text may have met several rules. `people`: held back at a time, on average."""
    together = _together(raw["held_back"])
    return {
        "texts": _scaled(together["texts"], scale),
        "share": _ratio(together["held"], together["texts"]),
        "people": _ratio(raw["people_held_back"] * scale, raw["looks"] / raw["worlds"]),
        "by_rule": _by_rule(together),
        "by_cadence": [
            {
                "cadence": name,
                "label": _label(name),
                "texts": _scaled(one["texts"], scale),
                "share": _ratio(one["held"], one["texts"]),
                "by_rule": _by_rule(one),
            }
            for name, one in _ordered(raw["held_back"]).items()
        ],
    }


def _together(by_cadence: dict[str, dict[str, Any]]) -> dict[str, Any]:
    by_rule: Counter[str] = Counter()
    for one in by_cadence.values():
        by_rule.update(one["by_rule"])
    return {
        "texts": sum(one["texts"] for one in by_cadence.values()),
        "held": sum(one["held"] for one in by_cadence.values()),
        "by_rule": by_rule,
    }


def _by_rule(held_back: dict[str, Any]) -> list[dict[str, Any]]:
    """What held back most comes first."""
    most_first = sorted(held_back["by_rule"].items(), key=lambda one: (-one[1], one[0]))
    return [
        {"rule": rule, "share": _ratio(count, held_back["texts"])} for rule, count in most_first
    ]


# --- How long it takes ---


def _waits(raw: dict[str, Any], cadence: str, scale: float) -> dict[str, Any]:
    minutes = sorted((int(length), n) for length, n in raw["waits"].get(cadence, {}).items())
    sent = sum(n for _, n in minutes)
    unsent = raw["unsent"].get(cadence, {})
    soon = sum(n for length, n in minutes if length <= SOON_HOURS * 60)
    return {
        "cadence": cadence,
        "label": _label(cadence),
        "sent": _scaled(sent, scale),
        "median_hours": _percentile(minutes, 0.5),
        "p95_hours": _percentile(minutes, 0.95),
        "worst_hours": _percentile(minutes, 1),
        "share_within_36_hours": _ratio(soon, sent),
        "superseded": _scaled(unsent.get("superseded", 0), scale),
        "failed": _scaled(unsent.get("failed", 0), scale),
        "histogram": [
            {
                "from_hours": lower,
                "to_hours": upper,
                "texts": _scaled(
                    sum(
                        n
                        for length, n in minutes
                        if lower * 60 <= length and (upper is None or length < upper * 60)
                    ),
                    scale,
                ),
            }
            for lower, upper in zip((0, *WAIT_BARS), (*WAIT_BARS, None), strict=True)
        ],
    }


def _percentile(minutes: list[tuple[int, int]], share: float) -> float | None:
    """The nearest rank, in hours, of {value: count} in order of value."""
    rank = share * sum(n for _, n in minutes)
    seen = 0
    for length, n in minutes:
        seen += n
        if seen >= rank:
            return round(length / 60, 2)
    return None


# --- What people made of it ---


def _answers(raw: dict[str, Any]) -> dict[str, Any]:
    total: Counter[str] = Counter()
    for counts in raw["answers"].values():
        total.update(counts)
    return {
        "share_answered": _ratio(total["answered"], total["texts"]),
        "share_stopped": _ratio(total["stopped"], total["texts"]),
        "by_cadence": [
            {
                "cadence": name,
                "label": _label(name),
                "share_answered": _ratio(counts.get("answered", 0), counts.get("texts", 0)),
                "share_stopped": _ratio(counts.get("stopped", 0), counts.get("texts", 0)),
            }
            for name, counts in _ordered(raw["answers"]).items()
        ],
    }
