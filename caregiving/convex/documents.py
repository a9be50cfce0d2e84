"""One document: from the names and values of Convex to ours, or to all the reasons why not.

What a value may be is asked of the readers of the CSV import, so that both refuse the same in the
same words.
"""

import base64
import binascii
import math
import re
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from caregiving.importing_rows import KNOWN_COLUMNS, read_values

Document = dict[str, Any]

# Convex writes `timeZone`; these have had other names in the course of time.
_OLDER_NAMES = {
    "languagePreference": "language",
    "timezone": "time_zone",
    "pausedUntil": "outreach_paused_until",
}
INSTANTS = {name for name in KNOWN_COLUMNS if name.endswith(("_at", "_until"))}
# Of Convex itself, and what leads to a person.
_OWN = {"_id", "_creationTime", "userId", "updatedAt"}

_LOCALE = re.compile(r"([a-z]{2})[-_][a-z]{2,4}", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


@lru_cache(maxsize=4096)
def column(name: str) -> str:
    """Our name of a field, or "" for one that is not taken."""
    ours = _OLDER_NAMES.get(name, _snake(name))
    return ours if ours in KNOWN_COLUMNS else ""


def read_person(document: Document, *, now: datetime) -> tuple[dict[str, Any], list[str]]:
    """A document of a person -> (values by our names, reasons against it)."""
    cells: dict[str, str] = {}
    names: dict[str, str] = {}
    reasons = []
    for name, value in document.items():
        ours = column(name)
        if not ours or ours in cells:
            continue
        try:
            cells[ours] = _cell(ours, value)
        except ValueError as error:
            reasons.append(f"{name}: {error}")
        names[ours] = name
    values, refused = read_values(cells, now=now)
    for reason in refused:
        ours, colon, rest = reason.partition(":")
        reasons.append(f"{names.get(ours, ours)}{colon}{rest}")
    return values, reasons


def not_taken(document: Document) -> list[str]:
    """Fields that have a value and no place here."""
    return [
        name
        for name, value in document.items()
        if value is not None and name not in _OWN and not column(name)
    ]


def key(document: Document, name: str) -> str:
    """The identifier in the field `name`. Raises ValueError."""
    value = document.get(name)
    if not isinstance(value, str) or not value or len(value) > 64 or "\0" in value:
        raise ValueError(f"{name}: {_shown(value)} is no identifier of a document")
    return value


def created_at(document: Document) -> datetime | None:
    """When Convex stored it; None where that is no time."""
    try:
        return instant(document.get("_creationTime"))
    except ValueError:
        return None


def instant(value: Any) -> datetime:
    """Milliseconds since 1970 as an instant. Raises ValueError."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{_shown(value)} is no time in milliseconds")
    try:
        return _EPOCH + timedelta(milliseconds=number)
    except (OverflowError, ValueError):
        raise ValueError(f"{_shown(value)} is beyond what a date can be") from None


def plain(value: Any) -> Any:
    """What JSON has no form for, as Convex wraps it: int64, special floats, bytes. ValueError."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, packed),) = value.items()
    if kind not in ("$integer", "$float", "$bytes") or not isinstance(packed, str):
        return value
    try:
        raw = base64.b64decode(packed, validate=True)
        if kind == "$integer" and len(raw) == 8:
            return int.from_bytes(raw, "little", signed=True)
        if kind == "$float":
            return struct.unpack("<d", raw)[0]
    except (binascii.Error, struct.error, ValueError):
        raise ValueError(f"{_shown(value)} is not what Convex writes") from None
    if kind == "$bytes":
        return raw
    raise ValueError(f"{_shown(value)} is not what Convex writes")


def text(value: Any) -> str:
    """Words that a database takes, whatever was in them."""
    return _HALF_A_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", str(value)).replace("\0", "")


def _cell(ours: str, value: Any) -> str:
    """As the CSV would have it; "" for a value that is absent."""
    value = plain(value)
    if value is None:
        return ""
    if ours in INSTANTS and not isinstance(value, str):
        # Some fields were filled with 0 for "never" where the schema asked for a number.
        return instant(value).isoformat() if value != 0 else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError(f"{_shown(value)} is not a whole number")
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not text")
    if "\0" in value or _HALF_A_CHARACTER.search(value):
        raise ValueError("has a character that no text has")
    value = value.strip()
    if ours == "language" and (found := _LOCALE.fullmatch(value)):
        return found[1]
    return value


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
