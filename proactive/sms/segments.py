"""How many paid segments a text takes.

GSM 03.38: 160 characters in one segment, 153 in each of several, where the extension characters
count two. One character outside turns the whole text into UCS-2: 70 and 67, counted in UTF-16
code units, so that an emoji counts two.
"""

from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True)
class Size:
    """`units` are septets (GSM-7) or UTF-16 code units (UCS-2)."""

    encoding: str
    units: int
    segments: int


def measure(text: str) -> Size:
    """The size of `text` as a carrier bills it; the empty text takes one segment."""
    if len(text) <= 160 and GSM_BASIC.issuperset(text):
        return Size("GSM-7", len(text), 1)  # as most are
    if all(char in GSM_BASIC or char in GSM_EXTENSION for char in text):
        weights = [2 if char in GSM_EXTENSION else 1 for char in text]
        return Size("GSM-7", sum(weights), _segments(weights, one=160, several=153))
    weights = [len(char.encode("utf-16-be")) // 2 for char in text]
    return Size("UCS-2", sum(weights), _segments(weights, one=70, several=67))


def _segments(weights: list[int], *, one: int, several: int) -> int:
    if sum(weights) <= one:
        return 1
    # A character that takes two units is never split over two segments.
    segments, room = 1, several
    for weight in weights:
        if weight > room:
            segments, room = segments + 1, several
        room -= weight
    return segments
