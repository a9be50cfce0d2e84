"""A number of today's policy beside the same of a changed one, as staff read them."""

from dataclasses import dataclass
from enum import StrEnum

from proactive.clocks import MINUTE, length

NOTHING = "-"
# A number and its sign stay in one line.
PERCENT = "\u00a0%"


class Kind(StrEnum):
    """What a number is; the value is how a file calls its unit."""

    COUNT = "count"
    RATE = "per person and week"
    MONEY = "US dollars"
    SHARE = "share of 1"
    HOURS = "hours"


@dataclass(frozen=True)
class Row:
    """`today`, `changed`: None where there was nothing to count. `is_asked`: a changed policy was
    asked for at all."""

    label: str
    kind: Kind
    today: float | None
    changed: float | None
    is_asked: bool = True

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Heading and words of each cell."""
        cells = [("Today", say(self.kind, self.today))]
        if self.is_asked:
            cells += [("Changed", say(self.kind, self.changed)), ("Difference", self.difference)]
        return cells

    @property
    def difference(self) -> str:
        """`same`, `+0.40 (+12 %)`, `-2 h 05 min`, `+1.5 points`: of what is shown."""
        if self.today is None or self.changed is None:
            return NOTHING
        before, after = (_rounded(self.kind, one) for one in (self.today, self.changed))
        if before == after:
            return "same"
        sign = "+" if after > before else "-"
        more = abs(after - before)
        if self.kind == Kind.SHARE:
            return f"{sign}{more * 100:.1f} points"
        # As exact as what it is the difference of: 65 cents of $70 are not $0.650.
        cents = _cents(self.today)
        told = (
            f"{sign}${more:,.{cents}f}"
            if self.kind == Kind.MONEY
            else f"{sign}{say(self.kind, more)}"
        )
        return f"{told} ({percent(before, after)})" if before and self.kind != Kind.HOURS else told


def say(kind: Kind, number: float | None) -> str:
    """`1,204`, `2.41`, `$76.28`, `48.0 %`, `9 h 06 min`."""
    if number is None:
        return NOTHING
    shown = _rounded(kind, number)
    match kind:
        case Kind.COUNT:
            return f"{shown:,.0f}"
        case Kind.RATE:
            return f"{shown:.2f}"
        case Kind.MONEY:
            return f"${shown:,.{_cents(number)}f}"
        case Kind.SHARE:
            return f"{shown * 100:.1f}{PERCENT}"
        case Kind.HOURS:
            return length(round(shown * 60) * MINUTE)


def percent(before: float, after: float) -> str:
    """By how much it grows or falls: `+12 %`, `-18 %`, in tenths below one per cent."""
    grows = (after - before) / before * 100
    return f"{grows:+.0f}{PERCENT}" if abs(grows) >= 1 else f"{grows:+.1f}{PERCENT}"


def _rounded(kind: Kind, number: float) -> float:
    """As exact as it is shown: a difference of what nobody sees would puzzle whoever reckons."""
    match kind:
        case Kind.COUNT:
            return round(number)
        case Kind.RATE:
            return round(number, 2)
        case Kind.MONEY:
            return round(number, _cents(number))
        case Kind.SHARE:
            return round(number, 3)
        case Kind.HOURS:
            return round(number * 60) / 60


def _cents(number: float) -> int:
    # What a person costs a month is a few cents.
    return 2 if abs(number) >= 1 or not number else 3
