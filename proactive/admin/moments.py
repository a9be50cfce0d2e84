"""Instants as staff read them: on the clock of the service."""

from datetime import datetime

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
