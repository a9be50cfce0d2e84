"""What Chart.js draws, as JSON. Beside each chart stands a table of the same."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proactive.figures import TALLIED, Tally

# Numbers by the name of their series, one for each label.
Series = Mapping[str, Sequence[float | None]]
Drawing = Callable[[Sequence[str], Series], dict[str, str]]

# Each reads on white and on black, and differs from the others also by its dashes.
_STYLES: dict[str, tuple[str, list[int]]] = {
    "sent": ("#3b82f6", []),
    "delivered": ("#16a34a", [8, 3]),
    "replied": ("#a855f7", [2, 3]),
    "failed": ("#ea580c", [10, 3, 2, 3]),
}
# The first of two is what there is, the second what might be.
_COMPARED: tuple[tuple[str, list[int]], ...] = (("#64748b", []), ("#ea580c", [8, 3]))
# Ours replace Unfold's altogether; colours that are not named here are set by charts.js.
_OPTIONS: dict[str, Any] = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "plugins": {
        "legend": {
            "position": "bottom",
            "labels": {"boxWidth": 36, "boxHeight": 0},
        }
    },
    "interaction": {"mode": "index", "intersect": False},
}
# Without a height a box is a line, drawn with its dashes; bars want boxes.
_BOXES = {"legend": {"position": "bottom", "labels": {"boxWidth": 10, "boxHeight": 10}}}
_NUMBERS = {"beginAtZero": True, "ticks": {"precision": 0}}


def by_day_chart(tallies: Mapping[str, Tally]) -> dict[str, str]:
    """One line for each figure over the days, in their order."""
    scales = {
        "x": {"grid": {"display": False}, "ticks": {"maxTicksLimit": 6, "maxRotation": 0}},
        "y": _NUMBERS,
    }
    return _chart(tallies, {"borderWidth": 2, "pointRadius": 0}, _OPTIONS | {"scales": scales})


def by_cadence_chart(tallies: Mapping[str, Tally]) -> dict[str, str]:
    """Four bars for each cadence, in the order of the legend."""
    scales = {"x": _NUMBERS, "y": {"grid": {"display": False}}}
    options = _OPTIONS | {"indexAxis": "y", "scales": scales, "plugins": _BOXES}
    return _chart(tallies, {}, options)


def compared_bars(labels: Sequence[str], series: Series) -> dict[str, str]:
    """For each label a bar of each of at most two series, beside each other."""
    scales = {"x": {"grid": {"display": False}}, "y": {"beginAtZero": True}}
    options = _OPTIONS | {"scales": scales, "plugins": _BOXES}
    return _compared(labels, series, {}, options)


def compared_lines(labels: Sequence[str], series: Series) -> dict[str, str]:
    """One line for each of at most two series over the labels, in their order."""
    scales = {"x": {"grid": {"display": False}}, "y": {"beginAtZero": True}}
    style = {"borderWidth": 2, "pointRadius": 3}
    return _compared(labels, series, style, _OPTIONS | {"scales": scales})


def _compared(
    labels: Sequence[str],
    series: Series,
    style: Mapping[str, Any],
    options: Mapping[str, Any],
) -> dict[str, str]:
    datasets = [
        {"label": label, "data": [None if one is None else round(one, 3) for one in numbers]}
        | {"borderColor": colour, "backgroundColor": colour, "borderDash": dashes}
        | dict(style)
        for (label, numbers), (colour, dashes) in zip(series.items(), _COMPARED, strict=False)
    ]
    return {
        "data": json.dumps({"labels": list(labels), "datasets": datasets}),
        "options": json.dumps(options),
    }


def _chart(
    tallies: Mapping[str, Tally], style: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, str]:
    datasets = [
        {
            "label": name.capitalize(),
            "data": [getattr(one, name) for one in tallies.values()],
            "borderColor": colour,
            "backgroundColor": colour,
            "borderDash": dashes,
            **style,
        }
        for name in TALLIED
        for colour, dashes in (_STYLES[name],)
    ]
    return {
        "data": json.dumps({"labels": list(tallies), "datasets": datasets}),
        "options": json.dumps(options),
    }
