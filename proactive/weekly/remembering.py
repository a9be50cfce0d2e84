"""What was counted of a week once it was over is kept: later looks at it read the same numbers."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from proactive.models import WeeklyReport
from proactive.weekly.measuring import Figures, measure
from proactive.weekly.weeks import Week


@dataclass(frozen=True)
class Report:
    """A week beside the one before. `row`: what is kept of it; None where it was only counted."""

    week: Week
    figures: Figures
    before: Figures
    counted_at: datetime
    row: WeeklyReport | None = None


class NotOver(ValueError):
    """A week that has not ended has no report yet; says which one has."""

    def __init__(self, week: Week, now: datetime) -> None:
        super().__init__(
            f"Week {week} is not over: the newest that has a report is {Week.last_ended(now)}."
        )


def look(week: Week, *, now: datetime) -> Report:
    """The report of `week`, without keeping anything: what is not kept is counted now.

    Raises NotOver.
    """
    _require_over(week, now)
    rows = {row.monday: row for row in _rows(week, week.before)}
    row, before = rows.get(week.monday), rows.get(week.before.monday)
    return Report(
        week,
        figures=row.figures if row else measure(week, now=now),
        before=before.figures if before else measure(week.before, now=now),
        counted_at=row.counted_at if row else now,
        row=row,
    )


def remember(week: Week, *, now: datetime) -> Report:
    """The same, and both weeks are kept from now on. Two at once keep what the first counted.

    Raises NotOver.
    """
    report = look(week, now=now)
    counted = {week: report.figures, week.before: report.before}
    WeeklyReport.objects.bulk_create(
        [
            WeeklyReport(
                monday=one.monday, time_zone=settings.TIME_ZONE, figures=figures, counted_at=now
            )
            for one, figures in counted.items()
        ],
        ignore_conflicts=True,
    )
    return look(week, now=now)


def _rows(*weeks: Week) -> list[WeeklyReport]:
    return list(WeeklyReport.objects.filter(monday__in=[one.monday for one in weeks]))


def _require_over(week: Week, now: datetime) -> None:
    if week > Week.last_ended(now):
        raise NotOver(week, now)
