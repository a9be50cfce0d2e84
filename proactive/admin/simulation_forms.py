"""The form behind "What if?": whom, for how long, and every number of the policy.

What can be different is read from `settable`. Each setting stands there as it is today, and
only what somebody makes different becomes a change.
"""

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from proactive.cadences import BY_NAME
from proactive.models import Simulation
from proactive.simulation import policy
from proactive.simulation.comparing import Request
from proactive.simulation.policy import Change
from proactive.simulation.settable import Kind, Setting, settable

FEWEST_DAYS, USUAL_DAYS, MOST_DAYS = 7, 30, 120
USUAL_PEOPLE, MOST_PEOPLE = 2_000, 20_000
DEAREST = 10.0  # US dollars for a segment, as in settings
REAL, SYNTHETIC = "real", "synthetic"
AS_THEY_DO, SILENT = "as_they_do", "silent"
MEANWHILE = {
    AS_THEY_DO: "They write, sign up and have crises as they did",
    SILENT: "Nobody writes, and nothing happens to anybody",
}
# Of the fields that change the policy, before the key of the setting.
PREFIX = "policy:"

_UNITS = {"d": "day", "h": "hour", "m": "minute"}
_LONG_UNITS = re.compile(r"(?<=\d)\s*(d|h|m)(?:ays?|ours?|in(?:ute)?s?)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """The settings of one cadence, or of none, as they stand together in the form."""

    title: str
    fields: list[forms.BoundField]

    @property
    def is_open(self) -> bool:
        """Something in it was made different, or is wrong."""
        return any(field.errors or _is_different(field) for field in self.fields)


class AskForm(forms.Form):
    question = forms.CharField(
        label="What do you want to know?",
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as: Would people in band high be better off with a text every 4 days?",
    )
    whose = forms.ChoiceField(
        label="Tried on",
        choices=[(REAL, "A copy of your people"), (SYNTHETIC, "Made-up people")],
        initial=REAL,
        widget=UnfoldAdminSelectWidget,
        help_text="Nothing is written to your people, and nothing is sent.",
    )
    people = forms.IntegerField(
        label="How many of them at most",
        min_value=1,
        max_value=MOST_PEOPLE,
        initial=USUAL_PEOPLE,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="If you have more people, so many are drawn, and all numbers are scaled up. More "
        "people and days take longer.",
    )
    days = forms.IntegerField(
        label="Over the next days",
        min_value=FEWEST_DAYS,
        max_value=MOST_DAYS,
        initial=USUAL_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"{FEWEST_DAYS} to {MOST_DAYS}.",
    )
    writing = forms.ChoiceField(
        label="What people do meanwhile",
        choices=list(MEANWHILE.items()),
        initial=AS_THEY_DO,
        widget=UnfoldAdminSelectWidget,
    )
    price = forms.FloatField(
        label="Price of one segment, in US dollars",
        min_value=0,
        max_value=DEAREST,
        required=False,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.changes: list[Change] = []
        self._settings = {f"{PREFIX}{one.key}": one for one in settable()}
        self.fields["price"].help_text = f"Empty: {settings.SMS_SEGMENT_COST}, as it is set."
        for name, setting in self._settings.items():
            self.fields[name] = _field(setting)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name, setting in self._settings.items():
            text = as_written(cleaned.get(name, ""))
            if not text or text == setting.text:
                continue
            try:
                (change,) = policy.parse([f"{setting.key}={text}"])
            except ValueError as error:
                says = str(error).removeprefix(f"{setting.key}: ")
                self.add_error(name, ValidationError(says[:1].upper() + says[1:]))
            else:
                if change.value != setting.value:
                    self.changes.append(change)
        return cleaned

    def request(self) -> Request:
        """What is asked; only of a form that is valid."""
        data = self.cleaned_data
        return Request(
            days=data["days"],
            people=data["people"],
            synthetic=data["whose"] == SYNTHETIC,
            silent=data["writing"] == SILENT,
            changes=tuple(map(str, self.changes)),
            segment_cost=data["price"],
        )

    def in_words(self) -> str:
        """What is different, "" for nothing."""
        return "; ".join(policy.describe(self.changes)) if self.changes else ""

    @property
    def asked(self) -> list[forms.BoundField]:
        """The fields that are not of the policy."""
        return [self[name] for name in self.fields if name not in self._settings]

    @property
    def groups(self) -> list[Group]:
        """The fields of the policy: what is over all, each cadence, and what is between them."""
        groups: dict[str, list[forms.BoundField]] = {}
        for name, setting in self._settings.items():
            groups.setdefault(_group(setting), []).append(self[name])
        return [Group(title, fields) for title, fields in groups.items()]

    @staticmethod
    def initial_like(simulation: Simulation) -> dict[str, Any]:
        """The form as it was filled in for `simulation`; what cannot be changed any more is left
        out, as it would be refused."""
        asked = simulation.request
        changes = dict(change.split("=", 1) for change in asked["changes"])
        return {
            "question": simulation.question,
            "whose": SYNTHETIC if asked["synthetic"] else REAL,
            "people": asked["people"],
            "days": asked["days"],
            "writing": SILENT if asked["silent"] else AS_THEY_DO,
            "price": asked["segment_cost"],
            **{f"{PREFIX}{key}": in_long(text) for key, text in changes.items()},
        }


def whom(request: dict[str, Any]) -> str:
    """On whom a simulation was tried, from its request."""
    people = f"{request['people']:,}"
    return f"{people} made-up people" if request["synthetic"] else f"up to {people} of your people"


def meanwhile(request: dict[str, Any]) -> str:
    """What people do in it, from its request."""
    return MEANWHILE[SILENT if request["silent"] else AS_THEY_DO]


# --- One setting ---


def _field(setting: Setting) -> forms.Field:
    today = in_long(setting.text)
    label = _label(setting)
    if setting.kind == Kind.SWITCH:
        return forms.ChoiceField(
            label=label,
            choices=[("on", "On"), ("off", "Off")],
            initial=today,
            required=False,
            widget=UnfoldAdminSelectWidget,
            help_text=f"Today: {today}.",
        )
    return forms.CharField(
        label=label,
        initial=today,
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=f"Today: {today}.",
    )


def _label(setting: Setting) -> str:
    """`Local hours in which texts go out`, `Tier high: how long they must have been silent`."""
    part = setting.of.removeprefix(_group(setting)).lstrip(", ")
    label = f"{part}: {setting.label}" if part else setting.label
    return label[:1].upper() + label[1:]


def _group(setting: Setting) -> str:
    name = setting.key.split(".")[0]
    return BY_NAME[name].label if name in BY_NAME else setting.of


def _is_different(field: forms.BoundField) -> bool:
    today = field.field.initial
    return as_written(str(field.value() or today)) != as_written(str(today))


def in_long(text: str) -> str:
    """`36h` -> `36 hours`, `2d,5d` -> `2 days, 5 days`; what is no length of time stays."""
    parts = [re.fullmatch(r"(\d+)([dhm])", part) for part in text.split(",")]
    if not all(parts):
        return text
    return ", ".join(_long(part[1], part[2]) for part in parts if part)


def _long(number: str, unit: str) -> str:
    return f"{number} {_UNITS[unit]}{'' if number == '1' else 's'}"


def as_written(text: str) -> str:
    """The same back, as `policy.parse` reads it, however it was typed."""
    short = _LONG_UNITS.sub(lambda found: found[1].lower(), text.strip())
    return re.sub(r"\s*,\s*", ",", short)
