"""What is switched on, off or paused, by staff or by the system itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from proactive import alerts, audit
from proactive.audit import Changes
from proactive.declaring import Cadence
from proactive.models import CadenceSwitch, CareAlert
from proactive.prepared import prepared


@dataclass(frozen=True)
class Switchboard:
    """The switches as they stood when they were read. No row means on."""

    switches: dict[str, CadenceSwitch]

    @classmethod
    def load(cls) -> "Switchboard":
        return cls({switch.cadence: switch for switch in _all()})

    @property
    def everything(self) -> CadenceSwitch:
        return self.of(CadenceSwitch.EVERYTHING)

    def of(self, cadence: str) -> CadenceSwitch:
        """Its own switch; one that was never put is on, and not stored."""
        return self.switches.get(cadence) or CadenceSwitch(cadence=cadence)

    def limited(self, cadence: Cadence, *, share: int | None = None) -> Cadence:
        """`cadence` for the share of people for whom it is on: usually itself.

        It makes room for another cadence only where that is on for the person. `share`: as if it
        were so large.
        """
        own = self.of(cadence.name).share if share is None else share
        return cadence.yielding_within(lambda name: self.of(name).share).limited_to(own)

    def is_open(self, cadence: str, now: datetime) -> bool:
        return self.everything.is_open(now) and self.of(cadence).is_open(now)

    def opens_at(self, cadence: str, now: datetime) -> datetime | None:
        """The first instant from `now` on at which `cadence` may send; None while it is off."""
        both = (self.everything, self.of(cadence))
        if not all(switch.is_on for switch in both):
            return None
        return max([now, *(switch.paused_until for switch in both if switch.paused_until)])

    def says(self, cadence: str, now: datetime) -> str:
        for switch, what in ((self.everything, "everything"), (self.of(cadence), "cadence")):
            if not switch.is_open(now):
                because = f": {switch.reason}" if switch.reason else ""
                return f"{what} is {switch.words()}{because}"
        return "switched on"


@prepared
def _all() -> QuerySet[CadenceSwitch]:
    return CadenceSwitch.objects.order_by()


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
        switch, created = _lock(CadenceSwitch.EVERYTHING)
        mended = since is not None and not created and switch.changed_at > since
        if mended or not switch.is_open(now):
            return False
        switch.is_on, switch.halted, switch.reason = False, True, reason
        switch.changed_by = None
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
        switch.changed_by = by
        switch.save()
        resolve_halt(now=now, by=by, note=note)
    return True


def resolve_halt(*, now: datetime, by: User | None, note: str) -> None:
    """Resolve the open alert about a halt, if there is one; what staff noted on it stays."""
    alerts.resolve_for_service(CareAlert.Kind.SENDING_HALTED, note=note, now=now, by=by)


# --- What staff do ---


class NothingToChange(Exception):
    """The switch cannot be put so, or stands so already; the text says why."""


@dataclass(frozen=True)
class Switched:
    """The switch as it stands now, and what is different: {field: [before, after]}."""

    switch: CadenceSwitch
    changes: Changes


def switch_off(cadence: str, *, by: User | None, reason: str, now: datetime) -> Switched:
    """Stop `cadence`, or everything, until it is switched on; `by` nobody: the command line.

    What the system had halted is theirs from now on: a test text does not lift it. Raises
    NothingToChange when staff have it off already.
    """
    with transaction.atomic():
        switch, _ = _lock(cadence)
        if why_not := not_to_switch_off(switch):
            raise NothingToChange(why_not)
        return _put(switch, is_on=False, paused_until=None, by=by, reason=reason)


def pause(
    cadence: str, *, until: datetime, by: User | None, reason: str, now: datetime
) -> Switched:
    """Stop `cadence`, or everything, until `until`, when it goes on by itself.

    Raises NothingToChange for a time that is past, and for what the system halted: a pause would
    end without anybody having mended the cause.
    """
    with transaction.atomic():
        switch, _ = _lock(cadence)
        if why_not := not_to_pause(switch, until=until, now=now):
            raise NothingToChange(why_not)
        return _put(switch, is_on=True, paused_until=until, by=by, reason=reason)


def switch_on(cadence: str, *, by: User | None, reason: str, now: datetime) -> Switched:
    """Let `cadence`, or everything, send again: ends an "off", a pause or a halt.

    The alert about a halt is resolved, with `reason` in its note. Raises NothingToChange when it
    is on.
    """
    with transaction.atomic():
        switch, _ = _lock(cadence)
        if why_not := not_to_switch_on(switch, now=now):
            raise NothingToChange(why_not)
        switched = _put(switch, is_on=True, paused_until=None, by=by, reason="")
        if cadence == CadenceSwitch.EVERYTHING:
            resolve_halt(now=now, by=by, note=f"Switched on again: {reason}")
    return switched


def set_share(cadence: str, *, share: int, by: User | None, reason: str, now: datetime) -> Switched:
    """Have `cadence` on for `share` percent of people, 0 to 100, while it is on at all.

    A larger share has everybody of a smaller one. Decides whom the next sweep finds; what is queued
    by then goes out. `reason` is for whoever keeps an audit: the switch tells why it is off.
    Raises NothingToChange for all sending together, and where it is so already.
    """
    with transaction.atomic():
        switch, _ = _lock(cadence)
        if why_not := not_to_share(switch, share=share):
            raise NothingToChange(why_not)
        before = audit.snapshot(switch, ("share",))
        switch.share, switch.changed_by = share, by
        switch.save()
        return Switched(switch, audit.difference(before, switch))


def not_to_share(switch: CadenceSwitch, *, share: int | None) -> str:
    if switch.cadence == CadenceSwitch.EVERYTHING:
        return "a share is of one cadence: all sending is on or off"
    return f"it is for {share} % of people already" if share == switch.share else ""


def not_to_switch_off(switch: CadenceSwitch) -> str:
    """Why it is not switched off; "" when it can be."""
    return "it is off already" if not switch.is_on and not switch.halted else ""


def not_to_pause(switch: CadenceSwitch, *, until: datetime | None, now: datetime) -> str:
    if switch.halted:
        return (
            "the system halted it, and a pause would end without anybody having mended the cause: "
            "switch it off, or mend it and switch it on"
        )
    return "that time is past" if until is not None and until <= now else ""


def not_to_switch_on(switch: CadenceSwitch, *, now: datetime) -> str:
    return "it is on already" if switch.is_open(now) else ""


def _put(
    switch: CadenceSwitch,
    *,
    is_on: bool,
    paused_until: datetime | None,
    by: User | None,
    reason: str,
) -> Switched:
    before = audit.snapshot(switch, ("is_on", "paused_until", "reason", "halted"))
    switch.is_on, switch.paused_until, switch.reason = is_on, paused_until, reason
    # Whoever puts a switch takes it over: a test text lifts what the system did, not this.
    switch.halted, switch.changed_by = False, by
    switch.save()
    return Switched(switch, audit.difference(before, switch))


def _lock(cadence: str) -> tuple[CadenceSwitch, bool]:
    """The switch, locked until commit, and whether it had no row yet."""
    return CadenceSwitch.objects.select_for_update().get_or_create(cadence=cadence)


def _everything() -> QuerySet[CadenceSwitch]:
    return CadenceSwitch.objects.filter(cadence=CadenceSwitch.EVERYTHING)
