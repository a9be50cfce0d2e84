"""Instants and lengths of time as staff read them: on the clock of the service."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone


def clock(instant: datetime, *, now: datetime) -> str:
    """`07:40` when that is today, `Wed 14 Jan 07:40` on another day, with its year if another."""
    here, today = timezone.localtime(instant), timezone.localtime(now)
    if here.date() == today.date():
        return f"{here:%H:%M}"
    year = f" {here.year}" if here.year != today.year else ""
    return f"{here:%a} {here.day} {here:%b}{year} {here:%H:%M}"


def in_full(instant: datetime | None) -> str:
    """`Tue 5 Jan 2027 12:00 (America/Chicago)`, for what somebody decides; it must be set."""
    assert instant is not None
    here = timezone.localtime(instant)
    return f"{here:%a} {here.day} {here:%b %Y %H:%M} ({settings.TIME_ZONE})"


def length(duration: timedelta) -> str:
    """`25 min`, `2 h 05 min`, `3 d 4 h`; home.js says it likewise."""
    minutes = int(duration.total_seconds() // 60)
    hours, days = minutes // 60, minutes // (24 * 60)
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} d {hours % 24} h"
