"""What of the policy can be changed in a simulation, read from the declarations.

A cadence that is declared can be changed without a word here. What is not settable are the
promises: the cap of 24 hours, the number of stages, and how long an occasion lasts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.utils import timezone

from proactive import cadences
from proactive.cadences import CADENCES
from proactive.clocks import DAY, HOUR, MINUTE, Window, duration
from proactive.declaring import Cadence
from proactive.models import CadenceSwitch
from proactive.rules import GATE
from proactive.switches import Switchboard

RESERVATION = "reservation"
UNITS = {"d": DAY, "h": HOUR, "m": MINUTE}

Value = timedelta | tuple[timedelta, ...] | Window | bool


class Kind(StrEnum):
    LENGTH = "length"  # of time: 36h, 3d, 90m
    LENGTHS = "lengths"  # as many as there are stages: 2d,5d
    WINDOW = "window"  # whole local hours: 9-20
    SWITCH = "switch"  # on or off


@dataclass(frozen=True)
class Setting:
    """One thing that can be different. `of`: what it is part of, such as "Wellness check-in, tier
    high"; `label`: what it is. `phrase` says a value in a sentence. A length is from `least` on
    and, with `below`, less than that."""

    key: str
    of: str
    label: str
    kind: Kind
    value: Value
    phrase: str = "{}"
    least: timedelta = timedelta()
    below: timedelta | None = None

    @property
    def text(self) -> str:
        """Its present value as it is written: `3d`, `2d,5d`, `9-20`, `on`."""
        return written(self.value)

    def in_words(self, value: Value) -> str:
        """`every 3 days`, `texts go out 09:00-20:00`, `off`."""
        return self.phrase.format(words_of(value))


def settable() -> list[Setting]:
    """Everything that can be changed, with what it is at present; one query, for the switches."""
    board, now = Switchboard.load(), timezone.now()
    everything = Setting(
        CadenceSwitch.EVERYTHING,
        "All sending",
        "on or off",
        Kind.SWITCH,
        board.everything.is_open(now),
    )
    found = [everything]
    for cadence in CADENCES:
        own = board.of(cadence.name).is_open(now)
        found.append(Setting(cadence.name, cadence.label, "on or off", Kind.SWITCH, own))
        found.extend(_of_cadence(cadence))
    found.append(
        Setting(
            f"{RESERVATION}.within",
            "Reservation",
            "from how long before a crisis follow-up its slot is kept free",
            Kind.LENGTH,
            cadences.KEPT_FREE,
            "the slot is kept free from {} before a crisis follow-up",
        )
    )
    return found


def _of_cadence(cadence: Cadence) -> Iterator[Setting]:
    def setting(field: str, label: str, kind: Kind, phrase: str, **limits: timedelta) -> Setting:
        value = getattr(cadence, field)
        return Setting(
            f"{cadence.name}.{field}", cadence.label, label, kind, value, phrase, **limits
        )

    if cadence.due:
        since = f"after {cadence.anchor.words}"
        yield setting(
            "due",
            f"when each stage falls due ({since})",
            Kind.LENGTHS,
            "due {} " + since,
            least=MINUTE,
            below=cadence.until,
        )
    yield setting("window", "local hours in which texts go out", Kind.WINDOW, "texts go out {}")
    yield setting(
        "quiet",
        "how long whoever wrote is left alone",
        Kind.LENGTH,
        "whoever wrote is left alone for {}",
    )
    for tier in cadence.tiers:
        key, of = f"{cadence.name}.{tier.name}", f"{cadence.label}, tier {_spaced(tier.name)}"
        yield Setting(
            f"{key}.every",
            of,
            "shortest time since the last text",
            Kind.LENGTH,
            tier.every,
            "every {}",
            least=GATE,
        )
        yield Setting(
            f"{key}.silence",
            of,
            "how long they must have been silent",
            Kind.LENGTH,
            tier.silence,
            "after {} of silence",
        )


def _spaced(name: str) -> str:
    return name.replace("_", " ")


# --- Values ---


def words_of(value: Value) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case Window():
            return str(value)
        case timedelta():
            minutes = value % HOUR
            return " ".join(
                duration(length) for length in (value - minutes, minutes) if length
            ) or duration(value)
    *some, last = (words_of(one) for one in value)
    return f"{', '.join(some)} and {last}" if some else last


def written(value: Value) -> str:
    """A value as `parse` reads it."""
    match value:
        case bool():
            return "on" if value else "off"
        case Window():
            return f"{value.opens}-{value.closes}"
        case timedelta():
            unit = next(one for one in UNITS if not value % UNITS[one])
            return f"{value // UNITS[unit]}{unit}"
    return ",".join(written(one) for one in value)
