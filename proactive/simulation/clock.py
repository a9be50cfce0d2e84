"""Simulated time, for a process that does nothing else."""

from datetime import datetime, timedelta


class Clock:
    """`true`: the time of the world, UTC, which only goes forward. `skew`: how much the workers'
    clock is ahead of it."""

    def __init__(self, starts: datetime) -> None:
        self.true = starts
        self.skew = timedelta()
        self._started = starts

    def now(self) -> datetime:
        """What the workers' clock shows: stands in for `timezone.now`."""
        return self.true + self.skew

    def monotonic(self) -> float:
        """Seconds that no step of the clock changes: stands in for `time.monotonic`."""
        return (self.true - self._started).total_seconds()

    def move_to(self, at: datetime) -> None:
        self.true = max(self.true, at)

    def pass_seconds(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)
