"""One row of an import: from cells of text to a person, or to all the reasons why not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from caregiving.fields import normalise_phone_number
from caregiving.models import BurnoutBand, Caregiver, JourneyPhase, Language

_COUNTERS = (
    "crisis_followup_count",
    "reactivation_message_count",
    "assessment_reminder_count",
    "onboarding_nudge_count",
)
_PAST = (
    "created_at",
    "last_contact_at",
    "last_assessment_at",
    "last_crisis_event_at",
    "last_proactive_message_at",
    "opted_out_at",
)
_ALLOWED = {
    "language": Language.values,
    "journey_phase": JourneyPhase.values,
    "burnout_band": BurnoutBand.values,
}
_CHOICES = tuple(_ALLOWED)
_TEXTS = ("first_name", "relationship", "care_recipient_name", "zip_code", "time_zone")
KNOWN_COLUMNS = (
    "phone_number",
    *_TEXTS,
    *_CHOICES,
    *_PAST,
    "outreach_paused_until",
    "wellness_opt_in",
    *_COUNTERS,
)

# Clocks differ a little; anything later is a mistake that would keep a person waiting.
AHEAD = timedelta(minutes=5)
# What spreadsheets and databases write for "never" (1900, 1970) lies before it.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# Already as we store it, with as many digits as it must have: nothing is left to parse.
_NORTH_AMERICAN = re.compile(r"\+1[2-9][0-9]{9}")
_ROUNDED = re.compile(r"\d([.,]\d+)?e\+?\d+", re.IGNORECASE)
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse(
    cells: dict[str, str], *, now: datetime
) -> tuple[dict[str, Any], list[str], Caregiver | None]:
    """Cells by column -> (the values that were given, the reasons against the row, the person).

    A blank cell means "not given": the field's default. The person is None if there are reasons.
    `full_clean` would ask the database for every row whether its number is taken; that is looked
    up by the batch instead, and each column is checked here.
    """
    values, reasons = read_values(cells, now=now)
    if not cells["phone_number"]:
        reasons.append("phone_number: is empty, and every person needs one")
    person = Caregiver(**values)
    try:
        person.clean()
    except ValidationError as error:
        reasons += [
            f"{column}: {' '.join(messages)}" for column, messages in error.message_dict.items()
        ]
    if reasons:
        return values, reasons, None
    if "journey_phase" not in values:
        heard = person.last_contact_at is not None
        person.journey_phase = JourneyPhase.ACTIVE if heard else JourneyPhase.ONBOARDING
    return values, reasons, person


def read_values(cells: dict[str, str], *, now: datetime) -> tuple[dict[str, Any], list[str]]:
    """Cells by column -> (the values that were given, the reasons against them).

    Each column by itself; whether they make a person is for `parse`.
    """
    values: dict[str, Any] = {}
    reasons: list[str] = []
    for column, text in cells.items():
        if not text:
            continue
        try:
            values[column] = _value(column, text, now)
        except ValueError as error:
            reasons.append(f"{column}: {error}")
        except ValidationError as error:
            reasons.append(f"{column}: {' '.join(error.messages)}")
    return values, reasons


def _value(column: str, text: str, now: datetime) -> Any:
    if "\0" in text:
        raise ValueError("has a NUL byte, which no text has: is this really a CSV file?")
    if column in _READERS:
        return _READERS[column](text, now)
    # Also what begins with = or @: text is never a formula here.
    return _text(column, text)


@lru_cache(maxsize=50_000)
def _text(column: str, text: str) -> Any:
    """What the model field says to `text`; remembered, since names and bands repeat."""
    if column in _ALLOWED:
        text = text.lower()
        if text not in _ALLOWED[column]:
            raise ValueError(f"{text!r} is none of {', '.join(_ALLOWED[column])}")
    return _MODEL_FIELDS[column].clean(text, None)


def _number(text: str, now: datetime) -> str:
    if _NORTH_AMERICAN.fullmatch(text):
        return text
    if _ROUNDED.fullmatch(text):
        raise ValueError(
            f"{text!r} was rounded by a spreadsheet: format the column as text there, "
            "and enter the numbers again"
        )
    return normalise_phone_number(text)


def _truth(text: str, now: datetime) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError(f"{text!r} is neither yes nor no")
    return _TRUTHS[text.lower()]


def _instant(text: str, now: datetime) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a date and time: write it as 2026-01-05T14:30:00Z"
        ) from None
    if instant.tzinfo is None:
        # Texts fall due hours and days after it: half a day of doubt could mean the wrong one.
        day = f"{instant:%Y-%m-%d}"
        raise ValueError(
            f"{text!r} does not say which instant is meant: write time and offset, such as "
            f"{day}T14:30:00Z (UTC) or {day}T09:30:00-05:00"
        )
    try:
        instant = instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond what a date can be") from None
    if instant < EARLIEST:
        raise ValueError(f"{text!r} is before 2000: leave the cell empty for never")
    return instant


def _past(text: str, now: datetime) -> datetime:
    instant = _instant(text, now)
    if instant > now + AHEAD:
        raise ValueError(f"{text!r} is in the future")
    return instant


def _largest_counts() -> dict[str, int]:
    """How far each counter may go, read from the constraint that the database checks."""
    most = {}
    for constraint in Caregiver._meta.constraints:
        condition = getattr(constraint, "condition", None)
        for part in condition.children if isinstance(condition, Q) else []:
            if isinstance(part, tuple) and part[0].endswith("_count__range"):
                most[part[0].removesuffix("__range")] = part[1][1]
    return most


def _count(most: int) -> Callable[[str, datetime], int]:
    def read(text: str, now: datetime) -> int:
        if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= most:
            raise ValueError(f"{text!r} is not a whole number from 0 to {most}")
        return int(text)

    return read


_READERS: dict[str, Callable[[str, datetime], Any]] = {
    "phone_number": _number,
    "wellness_opt_in": _truth,
    "outreach_paused_until": _instant,
    **dict.fromkeys(_PAST, _past),
    **{counter: _count(most) for counter, most in _largest_counts().items()},
}

_MODEL_FIELDS: dict[str, Any] = {field.name: field for field in Caregiver._meta.fields}
