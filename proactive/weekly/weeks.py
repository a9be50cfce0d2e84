"""Weeks as the calendar of the service has them: from Monday, midnight, to Monday, midnight."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from proactive.clocks import midnight

_WEEK = timedelta(days=7)
_WRITTEN = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, order=True)
class Week:
    """An ISO week; written as `2026-W48`. An hour longer or shorter where the clocks change."""

    monday: date

    @classmethod
    def parse(cls, text: str) -> "Week":
        """Raises ValueError, with a sentence, for what is no week of the years 2000 to 2199."""
        try:
            found = _WRITTEN.fullmatch(text.strip())
            if found is None or not 2000 <= int(found[1]) < 2200:
                raise ValueError
            return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        except ValueError:
            raise ValueError(f"{text!r} is not a week: write it as 2026-W48.") from None

    @classmethod
    def last_ended(cls, now: datetime) -> "Week":
        """The newest week that is over at `now`, where the service is."""
        today = timezone.localdate(now)
        return cls(today - timedelta(days=today.weekday()) - _WEEK)

    @property
    def begins(self) -> datetime:
        return midnight(self.monday)

    @property
    def ends(self) -> datetime:
        """The first instant that is not in it."""
        return midnight(self.monday + _WEEK)

    @property
    def before(self) -> "Week":
        return Week(self.monday - _WEEK)

    @property
    def after(self) -> "Week":
        return Week(self.monday + _WEEK)

    @property
    def days(self) -> str:
        """`23 to 29 Nov 2026`, `28 Dec 2026 to 3 Jan 2027`."""
        first, last = self.monday, self.monday + timedelta(days=6)
        if first.year != last.year:
            start = f"{first.day} {first:%b %Y}"
        elif first.month != last.month:
            start = f"{first.day} {first:%b}"
        else:
            start = f"{first.day}"
        return f"{start} to {last.day} {last:%b %Y}"

    def __str__(self) -> str:
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02}"
