"""What every admin page says at its top: whether texts go out at all."""

from django.http import HttpRequest
from django.utils import timezone

from proactive import switches
from proactive.switches import Standing


def sending(request: HttpRequest) -> tuple[str, str]:
    """The words and the colour (Unfold's name for it) of the badge."""
    switch = switches.everything()
    match switches.standing(switch, timezone.now()):
        case Standing.ON:
            return "Sending is on", "success"
        case Standing.OFF:
            return "Sending is off", "warning"
        case Standing.PAUSED:
            return f"Paused until {switch.paused_until:%Y-%m-%d %H:%M} UTC", "warning"
        case Standing.HALTED:
            return "Sending halted", "danger"
