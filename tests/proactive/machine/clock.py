"""The one clock of the machine, which the process shows as well."""

from datetime import datetime, timedelta

import time_machine


class Clock:
    """Stands still until somebody waits. `now` is UTC."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._travel = time_machine.travel(now, tick=False)
        self._traveller = self._travel.start()

    def wait(self, step: timedelta) -> None:
        """Time passes; or the clock is set back, when `step` is negative."""
        self.now += step
        self._traveller.move_to(self.now)

    def stop(self) -> None:
        self._travel.stop()
