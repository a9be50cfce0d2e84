"""The policy with something changed: as people write it, in words, and as a world lives by it.

wellness.high.every=4d          crisis_followup.window=9-20     onboarding_nudge.due=2d,4d
wellness.high.silence=36h       assessment_reminder.quiet=12h   dormant_reactivation=off
reservation.within=6h
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

from proactive import cadences, prepared
from proactive.cadences import CADENCES
from proactive.clocks import DAY, Window
from proactive.declaring import Cadence, reserved_for
from proactive.models import CadenceSwitch
from proactive.rules import GATE
from proactive.simulation.settable import (
    RESERVATION,
    UNITS,
    Kind,
    Setting,
    Value,
    settable,
    words_of,
    written,
)

__all__ = ["Change", "Setting", "apply", "changed", "describe", "in_words", "parse", "settable"]

MOST = 365 * DAY
# A window that closed at 24 would have to say on which day it does.
LAST_HOUR = 23


@dataclass(frozen=True)
class Change:
    """`key`: of the Setting that is put to `value`."""

    key: str
    value: Value

    def __str__(self) -> str:
        return f"{self.key}={written(self.value)}"


# --- As people write it ---


def parse(texts: Iterable[str]) -> list[Change]:
    """Read changes such as `wellness.high.every=4d`.

    Raises ValueError with a sentence that says what to write instead.
    """
    settings = {setting.key: setting for setting in settable()}
    changes: dict[str, Change] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise ValueError(
                f"{text!r} does not say to what it is changed: write wellness.high.every=4d, "
                "crisis_followup.window=9-20 or dormant_reactivation=off."
            )
        if key not in settings:
            raise ValueError(_unknown(key, settings))
        if key in changes:
            raise ValueError(f"{key} is changed twice: write it once.")
        changes[key] = Change(key, _value(settings[key], value))
    return list(changes.values())


def _unknown(key: str, settings: dict[str, Setting]) -> str:
    """What exists at the first part of `key` that does not."""
    parts = [name.split(".") for name in settings]
    name, *rest = key.split(".")
    if all(one[0] != name for one in parts):
        names = ", ".join(dict.fromkeys(one[0] for one in parts))
        return f"There is no cadence {name!r}: choose from {names}."
    own = [one[1:] for one in parts if one[0] == name and len(one) > 1]
    tiers = list(dict.fromkeys(one[0] for one in own if len(one) > 1))
    if len(rest) > 1 and tiers and rest[0] not in tiers:
        return f"{name} has no tier {rest[0]!r}: choose from {', '.join(tiers)}."
    choices = ", ".join(".".join((name, *one)) for one in own)
    switch = f", or write {name}=off" if name in settings else ""
    if not choices:
        return f"There is no {key} to change: write {name}=off or {name}=on."
    return f"There is no {key} to change: choose from {choices}{switch}."


def _value(setting: Setting, text: str) -> Value:
    match setting.kind:
        case Kind.SWITCH:
            if text not in ("on", "off"):
                raise ValueError(f"{setting.key} is on or off, not {text!r}.")
            return text == "on"
        case Kind.WINDOW:
            return _window(setting, text)
        case Kind.LENGTHS:
            return _lengths(setting, text)
        case Kind.LENGTH:
            return _length(setting, text)


def _length(setting: Setting, text: str) -> timedelta:
    written_so = re.fullmatch(r"(\d{1,6}) ?([mhd])", text, re.ASCII)
    if written_so is None:
        raise ValueError(f"{setting.key}: {text!r} is no length of time: write 36h, 3d or 90m.")
    length = int(written_so[1]) * UNITS[written_so[2]]
    if length < setting.least:
        because = " Nobody gets two texts within 24 hours." if setting.least == GATE else ""
        raise ValueError(
            f"{setting.key}: {text} is too short: write {written(setting.least)} or more.{because}"
        )
    if length > MOST:
        raise ValueError(f"{setting.key}: {text} is too long: write at most {written(MOST)}.")
    return length


def _lengths(setting: Setting, text: str) -> tuple[timedelta, ...]:
    lengths = tuple(_length(setting, part.strip()) for part in text.split(","))
    assert isinstance(setting.value, tuple) and setting.below is not None
    count = len(setting.value)
    if len(lengths) != count:
        raise ValueError(
            f"{setting.key} has {count} stages, and {text} names {len(lengths)}: write {count} "
            f"lengths of time, such as {setting.text}."
        )
    if any(one >= other for one, other in pairwise(lengths)):
        raise ValueError(
            f"{setting.key}: {text} is not in order: each stage falls due after the one before, "
            f"such as {setting.text}."
        )
    if lengths[-1] >= setting.below:
        raise ValueError(
            f"{setting.key}: the last stage falls due after {words_of(lengths[-1])}, but all is "
            f"over after {words_of(setting.below)}: write less than {written(setting.below)}."
        )
    return lengths


def _window(setting: Setting, text: str) -> Window:
    hours = re.fullmatch(r"(\d{1,2})(?::00)? ?- ?(\d{1,2})(?::00)?", text, re.ASCII)
    if hours is None:
        raise ValueError(f"{setting.key}: {text!r} is no window: write whole hours, such as 9-20.")
    opens, closes = int(hours[1]), int(hours[2])
    if closes > LAST_HOUR:
        raise ValueError(f"{setting.key}: {text} ends too late: write at most {LAST_HOUR}.")
    if opens >= closes:
        raise ValueError(
            f"{setting.key}: {text} closes before it opens: write the earlier hour first, "
            "such as 9-20."
        )
    return Window(opens, closes)


# --- In words ---


def in_words(change: Change) -> str:
    """`Wellness check-in, tier high: every 4 days instead of 3 days`, against the policy of this
    process."""
    return describe([change])[0]


def describe(changes: Iterable[Change]) -> list[str]:
    """The same for several, by one query."""
    settings = {setting.key: setting for setting in settable()}
    return [_difference(settings[change.key], change.value) for change in changes]


def _difference(setting: Setting, value: Value) -> str:
    says = f"{setting.of}: {setting.in_words(value)}"
    if value == setting.value:
        return f"{says}, as today"
    return f"{says} instead of {words_of(setting.value)}"


# --- Applied ---


def apply(changes: Iterable[Change]) -> None:
    """Change the policy of this process: of a world's only, never of one that texts people.

    An "off" is a switch in the database of the process, as staff would put it.
    """
    for change in changes:
        match change.key.split("."), change.value:
            case [name], bool(is_on):
                CadenceSwitch.objects.update_or_create(
                    cadence=name,
                    defaults={
                        "is_on": is_on,
                        "paused_until": None,
                        "halted": False,
                        "reason": f"Simulated: {change}.",
                    },
                )
            case [name, _], timedelta() as within if name == RESERVATION:
                _reserve(within)
            case [name, field], value:
                _put(cadences.BY_NAME[name], **{field: value})
            case [name, tier_name, field], value:
                cadence = cadences.BY_NAME[name]
                put: Any = {field: value}
                tiers = (
                    replace(tier, **put) if tier.name == tier_name else tier
                    for tier in cadence.tiers
                )
                _put(cadence, tiers=tuple(tiers))


def _reserve(within: timedelta) -> None:
    """The rule has closed over how long; whoever yields by the old one yields by a new one."""
    before = cadences.RESERVATION
    cadences.KEPT_FREE = within
    cadences.RESERVATION = reserved_for(cadences.CRISIS_FOLLOWUP, within=within)
    for cadence in CADENCES:
        _put(
            cadence,
            yields=tuple(
                cadences.RESERVATION if rule is before else rule for rule in cadence.yields
            ),
        )


def _put(cadence: Cadence, **values: Any) -> None:
    """Put fields of a declaration in place, frozen as it is.

    Every module has imported these very objects, and rules have closed over them: a changed copy
    would reach only those who look it up again. What a declaration has worked out of its fields is
    forgotten, and worked out anew.
    """
    for field, value in values.items():
        object.__setattr__(cadence, field, value)
    for name in _DERIVED:
        cadence.__dict__.pop(name, None)
    prepared.forget()


_DERIVED = [name for name, one in vars(Cadence).items() if isinstance(one, cached_property)]


@contextmanager
def changed(changes: Iterable[Change]) -> Iterator[None]:
    """`apply` for as long as the block lasts; what was before is put back whatever happens."""
    chosen = list(changes)
    declared = [
        (cadence, {field.name: getattr(cadence, field.name) for field in fields(cadence)})
        for cadence in CADENCES
    ]
    reserved = cadences.KEPT_FREE, cadences.RESERVATION
    names = [change.key for change in chosen if isinstance(change.value, bool)]
    switches = list(CadenceSwitch.objects.filter(cadence__in=names)) if names else []
    try:
        apply(chosen)
        yield
    finally:
        for cadence, values in declared:
            _put(cadence, **values)
        cadences.KEPT_FREE, cadences.RESERVATION = reserved
        if names:
            CadenceSwitch.objects.filter(cadence__in=names).delete()
            CadenceSwitch.objects.bulk_create(switches)
