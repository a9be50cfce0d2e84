"""One line of the table: what we measured, what the baseline took, and their ratio.

Every figure is the median of what was measured on either side. A ratio says more than a time: it
survives a change of machine.
"""

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`ours` and `baseline` in `unit`, each the median of `runs` measurements, and their ratio."""

    ratio: float
    ours: float
    baseline: float
    unit: str
    runs: int

    def as_json(self) -> dict[str, Any]:
        """{"ratio", "ours", "baseline", "unit", "runs"}."""
        return asdict(self)


def rate(ours: list[float], baseline: list[float], unit: str) -> Figure:
    """Of so much in a second, where more is better: how many times the baseline's we reach."""
    return _of(ours, baseline, unit, lambda one, other: one / other)


def growth(ours: list[float], baseline: list[float], unit: str) -> Figure:
    """Of what it costs, where less is better: how many times the baseline's we need.

    `ours` is measured with more, `baseline` with fewer.
    """
    return _of(ours, baseline, unit, lambda one, other: one / other)


def speedup(ours: list[float], baseline: list[float], unit: str) -> Figure:
    """Of times, where less is better: how many times as long the baseline takes."""
    return _of(ours, baseline, unit, lambda one, other: other / one)


def _of(ours: list[float], baseline: list[float], unit: str, ratio: Any) -> Figure:
    """Raises ValueError where a side has no measurements, or one that is not above zero."""
    if not ours or not baseline or min(*ours, *baseline) <= 0:
        raise ValueError(f"no ratio can be made of {ours} and {baseline}")
    middle, other = median(ours), median(baseline)
    return Figure(ratio(middle, other), middle, other, unit, min(len(ours), len(baseline)))
