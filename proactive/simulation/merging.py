"""Raw results of the shards of a world, put together."""

from typing import Any


def merge(results: list[dict[str, Any]]) -> dict[str, Any]:
    """By key: numbers add up, lists follow each other, dicts merge, equal values stay.

    Raises ValueError where two values cannot be one.
    """
    merged: dict[str, Any] = {}
    for result in results:
        for key, value in result.items():
            merged[key] = _together(key, merged[key], value) if key in merged else value
    return merged


def _together(key: str, one: Any, other: Any) -> Any:
    match one, other:
        case bool(), bool():
            return one or other
        case ((int() | float()), (int() | float())):
            return one + other
        case list(), list():
            return one + other
        case dict(), dict():
            return merge([one, other])
        case _ if one == other:
            return one
    raise ValueError(f"{key}: {one!r} and {other!r} cannot be put together")
