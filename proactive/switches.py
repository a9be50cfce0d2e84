"""Which cadences staff have switched off or paused, read once per pass."""

from dataclasses import dataclass
from datetime import datetime

from proactive.models import CadenceSwitch


@dataclass(frozen=True)
class Switchboard:
    """The switches as they stood when they were read. No row means on."""

    switches: dict[str, CadenceSwitch]

    @classmethod
    def load(cls) -> "Switchboard":
        return cls({switch.cadence: switch for switch in CadenceSwitch.objects.all()})

    @property
    def everything(self) -> CadenceSwitch:
        return self._switch(CadenceSwitch.EVERYTHING)

    def is_open(self, cadence: str, now: datetime) -> bool:
        return self.everything.is_open(now) and self._switch(cadence).is_open(now)

    def opens_at(self, cadence: str, now: datetime) -> datetime | None:
        """The first instant from `now` on at which `cadence` may send; None while it is off."""
        both = (self.everything, self._switch(cadence))
        if not all(switch.is_on for switch in both):
            return None
        return max([now, *(switch.paused_until for switch in both if switch.paused_until)])

    def says(self, cadence: str, now: datetime) -> str:
        for switch, what in ((self.everything, "everything"), (self._switch(cadence), "cadence")):
            if not switch.is_open(now):
                because = f": {switch.reason}" if switch.reason else ""
                return f"{what} is {switch.words()}{because}"
        return "switched on"

    def _switch(self, cadence: str) -> CadenceSwitch:
        return self.switches.get(cadence) or CadenceSwitch(cadence=cadence)


def halt_everything(*, reason: str, since: datetime | None = None) -> None:
    """Stop all sending until staff switch it on again; what is queued stays queued."""
    CadenceSwitch.objects.update_or_create(
        cadence=CadenceSwitch.EVERYTHING, defaults={"is_on": False, "reason": reason}
    )
