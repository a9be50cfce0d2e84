"""The list of texts: Twilio's filters, and its pages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tests.fake_twilio.texts import Text

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1000


def list_page(
    texts: Sequence[Text], query: dict[str, str], *, account_sid: str, path: str
) -> dict[str, Any]:
    """One page of `texts`, which come newest first. Raises ValueError for a wrong query.

    A page begins after the text that its token names, so texts that arrive meanwhile move nothing.
    """
    size = min(int(query.get("PageSize", DEFAULT_PAGE_SIZE)), LARGEST_PAGE_SIZE)
    number = int(query.get("Page", 0))
    if size < 1 or number < 0:
        raise ValueError("a page has a size and a number")
    bounds = _read_bounds(query)
    chosen = [text for text in texts if _matches(text, query, bounds)]
    start = _first_index(chosen, query.get("PageToken", ""), size, default=number * size)
    shown = chosen[start : start + size]

    def uri(page: int, token: str = "") -> str:
        parameters = {**query, "PageSize": size, "Page": page, "PageToken": token}
        return f"{path}?" + urlencode({k: v for k, v in parameters.items() if v != ""})

    more = start + size < len(chosen)
    return {
        "messages": [text.resource(account_sid) for text in shown],
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(len(shown) - 1, 0),
        "uri": uri(number, query.get("PageToken", "")),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, f"PA{shown[-1].sid}") if more else None,
        "previous_page_uri": (
            uri(number - 1, f"PB{shown[0].sid}") if shown and start and number else None
        ),
    }


def _first_index(texts: list[Text], token: str, size: int, *, default: int) -> int:
    """Where a page begins: after (PA) a text, so that it ends before (PB) one, or by default."""
    if not token:
        return default
    places = {text.sid: place for place, text in enumerate(texts)}
    if token[:2] not in ("PA", "PB") or token[2:] not in places:
        raise ValueError("no such page")
    place = places[token[2:]]
    return place + 1 if token.startswith("PA") else max(place - size, 0)


def _read_bounds(query: dict[str, str]) -> dict[str, datetime]:
    return {
        name: datetime.fromisoformat(value).replace(tzinfo=UTC)
        for name, value in query.items()
        if name.rstrip("<>") == "DateSent"
    }


def _matches(text: Text, query: dict[str, str], bounds: dict[str, datetime]) -> bool:
    for name, value in (("To", text.to), ("From", text.sender)):
        if query.get(name) and query[name] != value:
            return False
    if text.sent is None:
        return not bounds  # what has yet to leave has no such date
    sent = datetime.fromtimestamp(int(text.sent), UTC)
    return all(_holds(name, bound, sent) for name, bound in bounds.items())


def _holds(name: str, bound: datetime, sent: datetime) -> bool:
    if name == "DateSent>":
        return sent >= bound
    if name == "DateSent<":
        return sent <= bound
    return sent.date() == bound.date()
