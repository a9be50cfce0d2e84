"""The page that sends a text to the own phone of whoever asks.

It looks like the page of an act, but is none: what an act does happens in a transaction, and the
provider is never called inside one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from proactive import audit, trial
from proactive.admin.confirming import Foreseen, ReasonForm

PERMISSION = "proactive.change_policy"


class PhoneForm(ReasonForm):
    phone = forms.CharField(
        label="Your own phone",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "tel"}),
        help_text="With its country code, such as +14155552671. Never a caregiver's.",
    )

    def clean_phone(self) -> str:
        return trial.read_number(self.cleaned_data["phone"])


@dataclass(frozen=True)
class Trial:
    """One kind of test text. `send(data, by, now)` submits it and says what became of it.

    It raises ValidationError for a number that may not get it, and trial.NotTaken.
    """

    label: str
    explains: str
    foresees: str
    send: Callable[[dict[str, Any], User, datetime], str]
    form: type[PhoneForm] = PhoneForm


def trial_page(
    model_admin: ModelAdmin, request: HttpRequest, what: Trial, *, row: Model, back: str
) -> HttpResponse:
    """Ask for a number and a reason; a POST sends. Whatever became of it stands in the audit.

    Expects that whoever asks was found to be allowed to. `row` is what the text is a test of.
    """
    form = what.form(request.POST) if request.method == "POST" else what.form()
    if form.is_valid():
        assert isinstance(request.user, User)
        now = timezone.now()
        level = messages.ERROR
        try:
            says = what.send(form.cleaned_data, request.user, now)
            level = messages.SUCCESS
        except trial.NotTaken as error:
            says = str(error)
        except ValidationError as error:
            says = error.messages[0]
        audit.record(
            "send_test",
            by=request.user,
            says=f"Test text to a number that ends in {form.cleaned_data['phone'][-4:]}: {says}",
            now=now,
            target=row if row.pk else None,
            reason=form.cleaned_data["reason"],
        )
        model_admin.message_user(request, says, level)
        return HttpResponseRedirect(back)
    return TemplateResponse(
        request,
        "proactive/confirm.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": what.label,
            "act": what,
            "form": form,
            "rows": [],
            "post_to": request.path,
            "back": back,
            "done": [Foreseen(row, what.foresees, skipped=False)],
            "done_count": 1,
        },
    )
