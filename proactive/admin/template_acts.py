"""What is done to the words of one template: older ones back, and a text to one's own phone."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from unfold.widgets import UnfoldAdminSelectWidget

from proactive import previewing, rewording, trial
from proactive.admin.confirming import Act, Done, ReasonForm, Skip
from proactive.admin.moments import in_full
from proactive.admin.trials import PhoneForm, Trial
from proactive.models import MessageTemplate
from proactive.previewing import BY_SAMPLE, SAMPLES, USUAL
from proactive.rewording import SameWords

PERMISSION = "proactive.change_policy"
# So many changes stand on the page; the audit has them all.
LATEST = 20


class VersionForm(ReasonForm):
    version = forms.ChoiceField(label="Which words", widget=UnfoldAdminSelectWidget)


def _foresee_words(template: MessageTemplate, body: str | None) -> str:
    if body is None:
        raise Skip("it has no original words")
    if body == template.body:
        raise Skip("these are the words already")
    return render_to_string(
        "proactive/template_diff.html", {"pieces": rewording.compare(template.body, body)}
    )


def _reword(template: MessageTemplate, body: str | None, says: str) -> Done:
    if body is None:
        raise Skip("it has no original words")
    try:
        return Done(says, rewording.reword(template, body))
    except SameWords as why_not:
        raise Skip(str(why_not)) from why_not


def _is_reworded(template: MessageTemplate, now: datetime) -> bool:
    return rewording.original(template) not in (None, template.body)


BACK_TO_ORIGINAL = Act(
    name="back_to_original",
    label="Back to the original words",
    explains="Those that the service came with. Texts that are queued already keep theirs.",
    permission=PERMISSION,
    foresee=lambda row, data, now: _foresee_words(row, rewording.original(row)),
    perform=lambda row, data, by, now: _reword(
        row, rewording.original(row), "back to the original words"
    ),
    icon="history",
    in_bulk=False,
    offered=_is_reworded,
)


def _older(template: MessageTemplate, version: str) -> str:
    """The words before the change that the audit keeps as `version`."""
    entry = rewording.history(template).filter(pk=version).first() if version else None
    if entry is None:
        raise Skip("choose which words")
    return str(entry.changes["body"][0])


REVERT = Act(
    name="revert",
    label="Back to older words",
    explains="The words as they were before a change. Texts that are queued already keep theirs.",
    permission=PERMISSION,
    foresee=lambda row, data, now: _foresee_words(row, _older(row, data["version"])),
    perform=lambda row, data, by, now: _reword(
        row, _older(row, data["version"]), "back to older words"
    ),
    form=VersionForm,
    icon="undo",
    in_bulk=False,
    offered=lambda row, now: False,  # each entry of the history links to it
)


def version_form(template: MessageTemplate, chosen: str) -> type[VersionForm]:
    """Offers every version of `template`; `chosen` is the one that was clicked."""
    entries = rewording.history(template).select_related("by")[:LATEST]
    choices = [
        (str(entry.pk), f"Before {in_full(entry.at)}: {_short(entry.changes['body'][0])}")
        for entry in entries
    ]

    class Form(VersionForm):
        version = forms.ChoiceField(
            label="Which words",
            choices=choices,
            # An address that somebody has changed names no version.
            initial=chosen if chosen in dict(choices) else next((key for key, _ in choices), ""),
            widget=UnfoldAdminSelectWidget,
        )

    return Form


def _short(body: str) -> str:
    return body if len(body) <= 60 else f"{body[:57]}..."


# --- A text to one's own phone ---


class SampleForm(PhoneForm):
    sample = forms.ChoiceField(
        label="As it would be for",
        choices=[(sample.name, sample.label) for sample in SAMPLES],
        widget=UnfoldAdminSelectWidget,
    )


def trial_of(template: MessageTemplate) -> Trial:
    def send(data: dict[str, Any], by: User, now: datetime) -> str:
        text = previewing.text_for(template, BY_SAMPLE[data["sample"]])
        trial.send_words(data["phone"], text)
        return "The provider took the text; see that it arrives."

    return Trial(
        label="Send it to my own phone",
        explains="The words as they are saved, filled in for a made-up person, whatever the "
        "switches say. It counts for nobody's 24 hours.",
        foresees=f'one text to the number that you give, such as "{usual(template)}"',
        send=send,
        form=SampleForm,
    )


def usual(template: MessageTemplate) -> str:
    try:
        return previewing.text_for(template, USUAL)
    except (LookupError, ValueError):
        return template.body
