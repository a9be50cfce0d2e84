"""Is outreach running? What the switches say, and when a sweep last came to its end.

The home page, the badge on every page and `/health/` all ask here, so that they cannot disagree.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from proactive import switches
from proactive.clocks import MINUTE
from proactive.models import CadenceSwitch, Sweep
from proactive.switches import Standing

# The clock ticks once a minute: after five without a sweep somebody has to look.
STALE_AFTER = 5 * MINUTE


@dataclass(frozen=True)
class LastRun:
    """The last sweep that came to its end, dry runs aside; None when there was none ever.

    `age`: how long before `now` it ended, never negative.
    """

    sweep: Sweep | None
    age: timedelta | None

    @property
    def is_stale(self) -> bool:
        """So long ago that sweeps must have stopped."""
        return self.age is None or self.age > STALE_AFTER

    @property
    def is_held(self) -> bool:
        """It queued nothing and asks a person, who has not answered yet."""
        return bool(self.sweep and self.sweep.held and self.sweep.approved_at is None)


def last_run(now: datetime) -> LastRun:
    """When a sweep last ran to its end, by one small query. One that failed has no end."""
    ended = Sweep.objects.filter(dry_run=False, finished_at__isnull=False)
    sweep = ended.order_by("-finished_at").first()
    if sweep is None or sweep.finished_at is None:
        return LastRun(None, None)
    return LastRun(sweep, max(now - sweep.finished_at, timedelta()))


class State(StrEnum):
    """What outreach as a whole is doing; if nothing goes out, why."""

    NOT_RUNNING = "not running"
    HALTED = "halted"
    OFF = "off"
    PAUSED = "paused"
    HELD = "held"
    ON = "on"


# What staff or the system decided, while sweeps run.
_DECIDED = {Standing.HALTED: State.HALTED, Standing.OFF: State.OFF, Standing.PAUSED: State.PAUSED}


@dataclass(frozen=True)
class Outreach:
    """`switch`: the one over everything; `standing`: what it says, also when nothing is running."""

    state: State
    switch: CadenceSwitch
    standing: Standing
    last: LastRun


def outreach(*, now: datetime, switch: CadenceSwitch | None = None) -> Outreach:
    """How things stand at `now`, by two small queries; by one if `switch` is at hand.

    That nothing runs outranks what was decided: whatever is switched on, nothing goes out then.
    """
    switch = switch or switches.everything()
    standing = switches.standing(switch, now)
    last = last_run(now)
    if last.is_stale:
        state = State.NOT_RUNNING
    elif standing in _DECIDED:
        state = _DECIDED[standing]
    else:
        state = State.HELD if last.is_held else State.ON
    return Outreach(state, switch, standing, last)
