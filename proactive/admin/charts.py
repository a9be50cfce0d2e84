"""What Chart.js draws on the home page, as JSON. Beside each chart stands a table of the same."""

import json
from collections.abc import Mapping
from typing import Any

from proactive.figures import TALLIED, Tally

# Each reads on white and on black, and differs from the others also by its dashes.
_STYLES: dict[str, tuple[str, list[int]]] = {
    "sent": ("#3b82f6", []),
    "delivered": ("#16a34a", [8, 3]),
    "replied": ("#a855f7", [2, 3]),
    "failed": ("#ea580c", [10, 3, 2, 3]),
}
# Ours replace Unfold's altogether; colours that are not named here are set by home.js.
_OPTIONS: dict[str, Any] = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "plugins": {
        "legend": {
            "position": "bottom",
            # Without a height a box is a line, drawn with the dashes of its own.
            "labels": {"boxWidth": 36, "boxHeight": 0},
        }
    },
    "interaction": {"mode": "index", "intersect": False},
}
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
    options = _OPTIONS | {"indexAxis": "y", "scales": scales}
    options["plugins"] = {
        "legend": {"position": "bottom", "labels": {"boxWidth": 10, "boxHeight": 10}}
    }
    return _chart(tallies, {}, options)


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
