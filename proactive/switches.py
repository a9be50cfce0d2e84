"""What is switched on, off or paused, by staff or by the system itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from proactive import alerts
from proactive.models import CadenceSwitch, CareAlert


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


class Standing(StrEnum):
    """Whether texts go out at all, and who stopped them."""

    ON = "on"
    OFF = "off"  # by staff
    PAUSED = "paused"  # by staff
    HALTED = "halted"  # by the system: our own configuration


def everything() -> CadenceSwitch:
    """The switch over all sending as it stands, by one small query."""
    return _everything().first() or CadenceSwitch(cadence=CadenceSwitch.EVERYTHING)


def standing(switch: CadenceSwitch, now: datetime) -> Standing:
    if not switch.is_on:
        return Standing.HALTED if switch.halted else Standing.OFF
    return Standing.ON if switch.is_open(now) else Standing.PAUSED


def halt_everything(
    *, reason: str, since: datetime | None = None, now: datetime | None = None
) -> bool:
    """Stop all sending until it is resumed; what is queued stays queued.

    `since` is when the text that failed was submitted: what was switched after it stays, as the
    trouble may be mended by now. So do an "off" and a pause of staff, with their reason. Returns
    whether sending was on and is now halted.
    """
    now = now or timezone.now()
    with transaction.atomic():
        switch, created = CadenceSwitch.objects.select_for_update().get_or_create(
            cadence=CadenceSwitch.EVERYTHING
        )
        mended = since is not None and not created and switch.changed_at > since
        if mended or not switch.is_open(now):
            return False
        switch.is_on, switch.halted, switch.reason = False, True, reason
        switch.save()
    return True


def resume(*, now: datetime, by: User | None, note: str) -> bool:
    """Undo a halt and resolve its alert, `by` a person or the command line.

    Returns whether there was one: an "off" of staff is theirs to lift, and a pause goes on.
    """
    with transaction.atomic():
        switch = _everything().select_for_update().filter(is_on=False, halted=True).first()
        if switch is None:
            return False
        switch.is_on, switch.halted, switch.reason = True, False, ""
        switch.save()
        resolve_halt(now=now, by=by, note=note)
    return True


def resolve_halt(*, now: datetime, by: User | None, note: str) -> None:
    """Resolve the open alert about a halt, if there is one; what staff noted on it stays."""
    alerts.resolve_for_service(CareAlert.Kind.SENDING_HALTED, note=note, now=now, by=by)


def _everything() -> QuerySet[CadenceSwitch]:
    return CadenceSwitch.objects.filter(cadence=CadenceSwitch.EVERYTHING)
