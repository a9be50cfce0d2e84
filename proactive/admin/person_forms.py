"""What the acts on people ask for, each with words for whoever fills it in wrongly.

Dates and times are the browser's own inputs: they need no script, and phones know them. Times are
on the clock of the service, which the page names.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import DATETIME_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from proactive.admin.confirming import ReasonForm
from proactive.cadences import CADENCES
from proactive.declaring import Cadence, Step

# Longer ago is history, and most likely a slip of the keyboard.
LONGEST_AGO = timedelta(days=365)
LONGEST_PAUSE = timedelta(days=365)
USUAL_PAUSE = timedelta(days=7)
# As long as the column that keeps where a consent or a crisis was heard of.
SOURCE = 40


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(DATETIME_CLASSES)}, format="%Y-%m-%d")


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(DATETIME_CLASSES)}, format="%Y-%m-%dT%H:%M")


class PastMomentField(forms.DateTimeField):
    """An instant within the last year, by default now, on the clock of the service."""

    widget = MomentInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(initial=timezone.now, **kwargs)

    def clean(self, value: Any) -> datetime:
        at: datetime = super().clean(value)
        now = timezone.now()
        if at > now:
            here = timezone.localtime(now)
            raise ValidationError(
                f"That is in the future. Here it is {here:%Y-%m-%d %H:%M}: give that or earlier."
            )
        if at < now - LONGEST_AGO:
            raise ValidationError("That is more than a year ago. Give the day when it happened.")
        return at

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        # Named when the page is shown: the zone is a setting.
        self.help_text = f"On the clock of the service ({timezone.get_current_timezone()})."
        return super().get_bound_field(form, field_name)


def _text(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=SOURCE,
        widget=UnfoldAdminTextInputWidget,
        help_text=f"{help_text} At most {SOURCE} characters.",
    )


class ContactForm(ReasonForm):
    at = PastMomentField(label="When did you hear from them?")


class CrisisForm(ReasonForm):
    at = PastMomentField(label="When was the crisis?")
    source = _text("Who says so?", "Such as: her sister, on the phone.")


class OptOutForm(ReasonForm):
    how = _text("How did they ask?", "Such as: by phone, or at a visit.")


class OptInForm(ReasonForm):
    where = _text("Where did they consent?", "Such as: by phone, or the signed form of 3 May.")


def _usual_last_day() -> date:
    return timezone.localdate() + USUAL_PAUSE


class PauseForm(ReasonForm):
    last_day = forms.DateField(
        label="No texts up to and including",
        initial=_usual_last_day,
        widget=DateInput,
        help_text="To the end of that day where the person is.",
    )

    def clean_last_day(self) -> date:
        day: date = self.cleaned_data["last_day"]
        today = timezone.localdate()
        # Where they are it may still be yesterday.
        if day < today - timedelta(days=1):
            raise ValidationError(f"That day is over. Give {today:%Y-%m-%d} or a later one.")
        if day > today + LONGEST_PAUSE:
            raise ValidationError(
                f"Give {today + LONGEST_PAUSE:%Y-%m-%d} or an earlier day. Who wants no texts for "
                "longer than a year opts out."
            )
        return day


STAGED = tuple(cadence for cadence in CADENCES if cadence.counter)


class CadenceForm(ReasonForm):
    cadence = forms.ChoiceField(
        label="Which texts?",
        choices=[(cadence.name, cadence.label) for cadence in STAGED],
        initial=STAGED[0].name,
        widget=UnfoldAdminSelectWidget,
    )


def _label(cadence: Cadence, step: Step) -> str:
    which = f"{step.stage} of {len(cadence.due)}" if step.stage else step.tier.replace("_", " ")
    return f"{cadence.label}: {which}"


class SendForm(ReasonForm):
    wording = forms.ChoiceField(
        label="Which words?",
        choices=[
            ("", "Choose the words"),
            *(
                (
                    cadence.label,
                    [
                        (f"{cadence.name}:{step.variant}", _label(cadence, step))
                        for step in cadence.steps
                    ],
                )
                for cadence in CADENCES
            ),
        ],
        widget=UnfoldAdminSelectWidget,
        error_messages={"required": "Choose the words first."},
    )
