"""The figures of a week in words, each beside that of the week before: for page, email, terminal.

Nothing is worked out here but sums, shares and differences.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from textwrap import wrap
from typing import Any

from django.utils import timezone

from caregiving.models import BurnoutBand, JourneyPhase
from proactive.cadences import BY_NAME, CADENCES
from proactive.clocks import duration, length
from proactive.models import CareAlert, Status
from proactive.weekly.measuring import Figures, late_after
from proactive.weekly.remembering import Report

NOT_KNOWN = "–"
SAME = "same"
HEADINGS = ("This week", "Week before", "Change")


@dataclass(frozen=True)
class Unit:
    """How a value is told, and how a difference that is above 0."""

    says: Callable[[float], str]
    differs: Callable[[float], str]


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else length(timedelta(seconds=seconds))


COUNT = Unit("{:,.0f}".format, "{:,.0f}".format)
SHARE = Unit("{:.1%}".format, lambda value: f"{100 * value:.1f} points")
PER_THOUSAND = Unit(lambda share: f"{1000 * share:.2f}", lambda share: f"{1000 * share:.2f}")
LENGTH = Unit(_length, _length)
MONEY = Unit("${:,.2f}".format, "${:,.2f}".format)


@dataclass(frozen=True)
class Row:
    """`now` and `before`: None where it is not known. `is_part`: of the row above it."""

    label: str
    now: float | None
    before: float | None
    unit: Unit = COUNT
    is_part: bool = False

    @property
    def cells(self) -> tuple[str, str, str]:
        """What stands under HEADINGS."""
        return self._in_words(self.now), self._in_words(self.before), self.change

    @property
    def change(self) -> str:
        if self.now is None or self.before is None:
            return NOT_KNOWN
        difference = self.now - self.before
        says = self.unit.differs(abs(difference))
        if says == self.unit.differs(0):
            return SAME
        return f"{'+' if difference > 0 else '−'}{says}"

    def _in_words(self, value: float | None) -> str:
        return NOT_KNOWN if value is None else self.unit.says(value)


@dataclass(frozen=True)
class Chart:
    """Two bars for each label: this week, and the week before (None where it is not known)."""

    name: str
    title: str
    bars: tuple[tuple[str, int, int | None], ...]


@dataclass(frozen=True)
class Section:
    title: str
    says: str
    rows: tuple[Row, ...]
    chart: Chart | None = None


def sections(report: Report) -> list[Section]:
    """Everything, what matters most first."""
    now, before = report.figures, report.before
    return [
        _followups(now["followups"], before["followups"]),
        _texts(now["texts"], before["texts"]),
        _replies(now["replies"], before["replies"]),
        _reactivated(now["reactivated"], before["reactivated"]),
        _opt_outs(now["opt_outs"], before["opt_outs"]),
        _gate(now["gate"], before["gate"]),
        _alerts(now["alerts"], before["alerts"]),
        _cost(now["cost"], before["cost"]),
        _people(now["people"], before["people"]),
    ]


def charts(report: Report) -> list[Chart]:
    return [one.chart for one in sections(report) if one.chart and one.chart.bars]


def as_text(report: Report) -> str:
    """All of it in plain text, at most 100 columns wide."""
    lines = [title(report), counted(report)]
    for one in sections(report):
        says = wrap(one.says, 100)
        lines += ["", one.title, *says, f"{'':<46}" + "".join(f"{h:>18}" for h in HEADINGS)]
        for row in one.rows:
            label = f"    {row.label}" if row.is_part else f"  {row.label}"
            lines.append(f"{label:<46}" + "".join(f"{cell:>18}" for cell in row.cells))
    return "\n".join(lines)


def title(report: Report) -> str:
    return f"Week {report.week}, {report.week.days}"


def counted(report: Report) -> str:
    at = timezone.localtime(report.counted_at)
    zone = report.row.time_zone if report.row else timezone.get_current_timezone_name()
    return f"Counted {at:%a} {at.day} {at:%b %Y %H:%M} ({zone})."


# --- Sections ---


def _followups(now: Figures, before: Figures) -> Section:
    late = ", ".join(
        f"{duration(late_after(one))} after it fell due" for one in CADENCES if one.vital
    )
    ends = _counts(now["ends"], before["ends"], {})
    return Section(
        "Crisis follow-ups",
        f"Those that fell due in the week. Late: handed over more than {late}.",
        (
            Row("Fell due", now["due"], before["due"]),
            *_parts(ends),
            Row("Sent", now["sent"], before["sent"]),
            Row("Sent late", now["late"], before["late"]),
        ),
        Chart("followups", "How crisis follow-ups ended", _bars(ends)),
    )


def _texts(now: Figures, before: Figures) -> Section:
    words = {str(value): str(label) for value, label in Status.choices}
    rows: list[Row] = []
    totals = []
    for name in _names(now, before):
        of_now, of_before = now.get(name, {}), before.get(name, {})
        total = Row(_label(name), sum(of_now.values()), sum(of_before.values()))
        totals.append(total)
        rows += [total, *_parts(_counts(of_now, of_before, words))]
    return Section(
        "Texts by cadence and outcome",
        "Those that were handed to the provider in the week, and those that were given up or "
        "overtaken before.",
        (Row("All", _sum(totals, "now"), _sum(totals, "before")), *rows),
        Chart("texts", "Texts by cadence", _bars(totals)),
    )


def _replies(now: Figures, before: Figures) -> Section:
    return Section(
        "Replies",
        "Of the texts that the provider took in the week, those answered before it ended; an "
        "answer counts for the latest text before it.",
        (
            Row("Reply rate", *_ratio(now, before, "replied", "sent"), SHARE),
            Row("Replied", now["replied"], before["replied"], is_part=True),
            Row("Sent", now["sent"], before["sent"], is_part=True),
            _median("Median time to reply", now, before),
        ),
    )


def _reactivated(now: Figures, before: Figures) -> Section:
    return Section(
        "Back within seven days",
        "Of the people who got a reactivation in the week before, those who wrote within seven "
        "days of it.",
        (
            Row("Share", *_ratio(now, before, "back", "texted"), SHARE),
            Row("Wrote", now["back"], before["back"], is_part=True),
            Row("Got one", now["texted"], before["texted"], is_part=True),
        ),
    )


def _opt_outs(now: Figures, before: Figures) -> Section:
    share, share_before = _ratio(now, before, "people", "sent")
    return Section(
        "Opt-outs",
        "People who asked for silence in the week and have not taken it back.",
        (
            Row("Per thousand texts sent", share, share_before, PER_THOUSAND),
            Row("People", now["people"], before["people"], is_part=True),
        ),
    )


def _gate(now: Figures | None, before: Figures | None) -> Section:
    shares = _ratio(now or {}, before or {}, "held_back", "owed")
    return Section(
        "Held back by the 24 hours",
        "Of the people who were owed a text, on average over the sweeps that counted (every ten "
        "minutes): those who had had one within 24 hours.",
        (Row("Gate hit rate", *shares, SHARE),),
    )


def _alerts(now: Figures, before: Figures) -> Section:
    kinds = {str(value): str(label) for value, label in CareAlert.Kind.choices}
    opened = _counts(now["opened"], before["opened"], kinds)
    return Section(
        "Care alerts",
        "Those that opened in the week.",
        (
            Row("Opened", _sum(opened, "now"), _sum(opened, "before")),
            *_parts(opened),
            Row("Claimed", now["claimed"], before["claimed"]),
            Row("Neither claimed nor resolved", now["nobody_yet"], before["nobody_yet"]),
            _median("Median time to claim", now, before),
        ),
    )


def _cost(now: Figures, before: Figures) -> Section:
    segments = [
        Row(_label(name), now["segments"].get(name, 0), before["segments"].get(name, 0))
        for name in _names(now["segments"], before["segments"])
    ]
    total, total_before = _sum(segments, "now"), _sum(segments, "before")
    return Section(
        "Segments and cost",
        f"Of the texts that the provider took, at ${now['per_segment']:g} a segment"
        + (
            "."
            if now["per_segment"] == before["per_segment"]
            else f" (${before['per_segment']:g} in the week before)."
        ),
        (
            Row(
                "Cost",
                total * now["per_segment"],
                total_before * before["per_segment"],
                MONEY,
            ),
            Row("Segments", total, total_before),
            *_parts(segments),
        ),
    )


def _people(now: Figures | None, before: Figures | None) -> Section:
    phases = {str(value): str(label) for value, label in JourneyPhase.choices}
    rows: list[Row] = []
    totals: list[Row] = []
    bands = [*reversed(BurnoutBand.values), ""]
    for band in [one for one in bands if one in {**(now or {}), **(before or {})}]:
        of_now = None if now is None else now.get(band, {})
        of_before = None if before is None else before.get(band, {})
        label = str(BurnoutBand(band).label) if band else "No band"
        total = Row(label, _all_of(of_now), _all_of(of_before))
        totals.append(total)
        rows += [total, *_parts(_counts(of_now, of_before, phases))]
    chart = Chart("people", "People by burnout band", _bars(totals)) if now is not None else None
    return Section(
        "People by burnout band and phase",
        "As they were when the week was counted; nobody knows it of a week that was counted more "
        "than seven days after its end.",
        (
            Row(
                "Everybody",
                None if now is None else _sum(totals, "now"),
                None if before is None else _sum(totals, "before"),
            ),
            *rows,
        ),
        chart,
    )


# --- What they share ---


def _names(*counts: Mapping[str, Any]) -> list[str]:
    """Every cadence, in its order; then whatever was counted of one that is no more."""
    gone = {name for one in counts for name in one} - set(BY_NAME)
    return [*BY_NAME, *sorted(gone)]


def _label(cadence: str) -> str:
    return BY_NAME[cadence].label if cadence in BY_NAME else cadence


def _counts(
    now: Mapping[str, int] | None, before: Mapping[str, int] | None, words: Mapping[str, str]
) -> list[Row]:
    """A row for each key of either: in the order of `words`, then of the alphabet."""
    keys = {**(now or {}), **(before or {})}
    order = [*(key for key in words if key in keys), *sorted(set(keys) - set(words))]
    return [
        Row(
            words.get(key, key[:1].upper() + key[1:] if key.islower() else key),
            None if now is None else now.get(key, 0),
            None if before is None else before.get(key, 0),
        )
        for key in order
    ]


def _parts(rows: Iterable[Row]) -> list[Row]:
    return [Row(one.label, one.now, one.before, one.unit, is_part=True) for one in rows]


def _bars(rows: Iterable[Row]) -> tuple[tuple[str, int, int | None], ...]:
    return tuple(
        (one.label, int(one.now or 0), None if one.before is None else int(one.before))
        for one in rows
    )


def _sum(rows: Iterable[Row], name: str) -> float:
    return float(sum(getattr(one, name) or 0 for one in rows))


def _all_of(counts: Mapping[str, int] | None) -> int | None:
    return None if counts is None else sum(counts.values())


def _ratio(
    now: Mapping[str, int], before: Mapping[str, int], part: str, whole: str
) -> tuple[float | None, float | None]:
    def of(one: Mapping[str, int]) -> float | None:
        return one[part] / one[whole] if one.get(whole) else None

    return of(now), of(before)


def _median(label: str, now: Figures, before: Figures) -> Row:
    return Row(label, now["median_seconds"], before["median_seconds"], LENGTH)
