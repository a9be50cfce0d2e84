"""What a page of the admin could be sent by somebody who means it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Model
from django.forms.models import inlineformset_factory
from django.http import HttpResponse
from django.utils import timezone

from proactive.models import MessageTemplate
from tests import admin_site
from tests.admin_site import Address

# What a new row must have otherwise than the row that is there, and what only pages that add ask.
PASSWORD = "three-quiet-otters"
NEW: dict[str, dict[str, Any]] = {
    "caregiving.caregiver": {"phone_number": "+14155552671"},
    "auth.user": {
        "username": "newcomer",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    },
    "auth.group": {"name": "Night shift"},
    "proactive.apitoken": {"name": "phone line", "scopes": ["events:write"]},
    "proactive.webhookendpoint": {"name": "care app", "url": "https://care.example.org/hook"},
    "proactive.cadenceswitch": {"cadence": "everything"},
    "proactive.simulation": {
        "whose": "synthetic",
        "people": "200",
        "days": "14",
        "writing": "silent",
        "policy:wellness.high.every": "4 days",
    },
    "django_celery_beat.periodictask": {"name": "Another"},
    "django_celery_beat.intervalschedule": {"every": "7"},
    "django_celery_beat.solarschedule": {"latitude": "42"},
}


# What a form asks for besides the fields of its row.
ALSO: dict[str, dict[str, Any]] = {
    "django_celery_beat.periodictask": {"regtask": "proactive.tasks.tick"},
    "proactive.webhookendpoint": {"kinds": ["message.failed"]},
    "proactive.messagetemplate": {"body": "Hello from somebody new.", "reason": "Clearer"},
}


def plausible(address: Address, rows: dict[str, Model]) -> list[dict[str, Any]]:
    """Each of them one POST."""
    if not address.model:
        return []
    row = rows[address.model]
    whom = {"row": str(row.pk), "object_id": str(row.pk)}
    if address.act:
        (act,) = [one for one in _admin(address).acts if one.name == address.act]
        return [filled(act.form()) | whom]
    match address.what:
        case "add":
            new = NEW.get(address.model, {})
            return [_fields(row) | _no_inlines(address) | ALSO.get(address.model, {}) | new]
        case "change":
            also = ALSO.get(address.model, {})
            if isinstance(row, MessageTemplate):
                also = also | {"seen_at": row.updated_at.isoformat()}
            return [_fields(row) | _no_inlines(address) | also]
        case "delete":
            return [{"post": "yes"}]
        case "changelist":
            names = ["delete_selected", *admin_site.acts(address.model)]
            return [
                {"action": name, "_selected_action": str(row.pk), "post": "yes", "reason": "x"}
                for name in names
            ]
        case "password_change":
            return [{"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}]
        case _:
            return [{"reason": "Asked for by phone", "phone": "+14155552671"} | whom]


def filled(form: forms.Form) -> dict[str, Any]:
    """Something for every field of a form, by its kind."""
    data: dict[str, Any] = {}
    for name, field in form.fields.items():
        initial = form.get_initial_for_field(field, name)
        value = _something(field) if initial in (None, "") else initial
        data |= _typed(name, value)
    return data


def errors(answer: HttpResponse) -> dict[str, Any]:
    """What the forms of a page say is wrong."""
    context = answer.context or {}
    form = getattr(context.get("adminform"), "form", None) or context.get("form")
    return dict(form.errors) if isinstance(form, forms.BaseForm) else {}


def _admin(address: Address) -> Any:
    return admin_site.models()[address.model]


def _fields(row: Model) -> dict[str, Any]:
    """The row as its own form would send it back."""
    data: dict[str, Any] = {"_save": "Save"}
    for field in row._meta.concrete_fields:
        if field.editable and not field.primary_key:
            data |= _typed(field.name, field.value_from_object(row))
    if isinstance(row, User):
        data.pop("password", None)
    return data


def _no_inlines(address: Address) -> dict[str, str]:
    parent = _admin(address).model
    prefixes = [
        inlineformset_factory(parent, inline.model, fields=[]).get_default_prefix()
        for inline in _admin(address).inlines
    ]
    return {f"{prefix}-{part}_FORMS": "0" for prefix in prefixes for part in ("TOTAL", "INITIAL")}


def _typed(name: str, value: Any) -> dict[str, Any]:
    match value:
        case None | False | "":
            return {}
        case True:
            return {name: "on"}
        case datetime():
            # The admin asks for date and time apart; a form of our own may ask for both at once.
            local = timezone.localtime(value)
            day, time = f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}"
            return {f"{name}_0": day, f"{name}_1": time, name: f"{day} {time}"}
        case list() | dict():
            return {name: str(value).replace("'", '"')}
        case _:
            return {name: str(value)}


def _keys(choices: Any) -> Iterator[Any]:
    """Those of groups of choices too."""
    for key, label in choices:
        if isinstance(label, list | tuple):
            yield from _keys(label)
        else:
            yield key


def _something(field: forms.Field) -> Any:
    match field:
        case forms.ModelChoiceField():
            first = field.queryset.first()
            return first.pk if first else None
        case forms.ChoiceField():
            return next((key for key in _keys(field.choices) if key not in ("", None)), None)
        case forms.BooleanField():
            return True
        case forms.DateTimeField() | forms.SplitDateTimeField():
            return datetime.now(UTC) + timedelta(days=1)
        case forms.DateField():
            return (datetime.now(UTC) + timedelta(days=1)).date()
        case forms.IntegerField():
            return field.min_value if field.min_value is not None else 1
        case _:
            return "Asked for by phone"
