"""What every admin page says at its top: whether texts go out at all."""

from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone

from proactive.admin.moments import clock
from proactive.running import Outreach, State, outreach

COLOURS = {
    State.NOT_RUNNING: "danger",
    State.HALTED: "danger",
    State.OFF: "warning",
    State.PAUSED: "warning",
    State.HELD: "warning",
    State.ON: "success",
}


def sending(request: HttpRequest) -> tuple[str, str]:
    """The words and the colour (Unfold's name for it) of the badge."""
    now = timezone.now()
    found = outreach(now=now)
    return headline(found, now=now), COLOURS[found.state]


def headline(found: Outreach, *, now: datetime) -> str:
    """How things stand, in a few words; the banner of the home page opens with the same."""
    match found.state:
        case State.NOT_RUNNING:
            sweep = found.last.sweep
            if sweep is None or sweep.finished_at is None:
                return "Not running: it never has"
            return f"Not running since {clock(sweep.finished_at, now=now)}"
        case State.HALTED:
            return "Sending halted"
        case State.OFF:
            return "Sending is off"
        case State.PAUSED:
            assert found.switch.paused_until is not None  # or it would not be paused
            return f"Paused until {clock(found.switch.paused_until, now=now)}"
        case State.HELD:
            return "Sweep held"
        case State.ON:
            return "Sending is on"
