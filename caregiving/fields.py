"""Model fields that put a value into its one form however the row is written."""

import re
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError
from django.db import models

from caregiving import zones

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def normalise_phone_number(text: str, *, region: str = "US") -> str:
    """`(415) 555-2671` -> `+14155552671` (E.164).

    A number without a country code is read as one of `region`. Raises ValidationError, with what
    to do next, when it cannot be a telephone number.
    """
    try:
        number = phonenumbers.parse(str(text), region)
    except phonenumbers.NumberParseException as error:
        raise ValidationError(
            f"{str(text)!r} is not a telephone number: write it with its country code, "
            "such as +14155552671.",
            code="invalid",
        ) from error
    # Not `is_possible_number`, which admits a number that lacks its area code.
    how = phonenumbers.is_possible_number_with_reason(number)
    if how != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValidationError(
            f"{str(text)!r} has too few or too many digits for a telephone number: write it with "
            "its country code, such as +14155552671.",
            code="invalid",
        )
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(formatted):
        raise ValidationError(
            f"{str(text)!r} has too many digits for a telephone number: write it with its country "
            "code, such as +14155552671.",
            code="invalid",
        )
    return formatted


def masked(number: str) -> str:
    """A number for logs and lists: `+1415***2671`; `***` for what is too short to hide in part."""
    return f"{number[:5]}***{number[-4:]}" if len(number) > 9 else "***"


def validate_phone_number(text: str) -> None:
    normalise_phone_number(text)


class PhoneNumberField(models.CharField):
    """A telephone number, stored and compared as E.164.

    Forms, `full_clean`, `save` and `bulk_create` all normalise. What is already E.164 passes
    through `save` and `bulk_create` without being parsed, so writing thousands of rows stays
    cheap; `full_clean` and forms also count its digits. A lookup of what cannot be a number finds
    nobody. With `other_senders` it also keeps, as they are, the short codes and names that texts
    may come from.
    """

    default_validators = [validate_phone_number]

    def __init__(self, *args: Any, other_senders: bool = False, **kwargs: Any) -> None:
        self.other_senders = other_senders
        if other_senders:
            self.default_validators = []
        kwargs.setdefault("max_length", 16)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        # Migrations must not import application code; in the database this is a plain CharField.
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def formfield(self, **kwargs: Any) -> Any:
        # A person may type spaces and brackets, which makes the text longer than what is stored.
        field: Any = super().formfield(**kwargs)
        if field is not None:
            field.max_length = None
            field.validators = []
            field.widget.attrs.pop("maxlength", None)
        return field

    def to_python(self, value: Any) -> Any:
        if value in (None, "") or _E164.fullmatch(str(value)):
            return value
        try:
            return normalise_phone_number(value)
        except ValidationError:
            if self.other_senders:
                return str(value)
            raise

    def get_prep_value(self, value: Any) -> Any:
        try:
            return super().get_prep_value(value)
        except ValidationError:
            return str(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        # What `update` and `bulk_update` write, which do not call pre_save.
        if not hasattr(value, "as_sql"):
            value = self.to_python(value)
        return super().get_db_prep_save(value, connection)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


class DerivedZonesField(models.CharField):
    """Where a person may be when no time zone was given: IANA names joined by one space.

    Computed from ZIP code and number at every save that includes it; "" when a zone was given.
    """

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        value = zones.derive(
            time_zone=getattr(model_instance, "time_zone"),
            zip_code=getattr(model_instance, "zip_code"),
            phone_number=str(getattr(model_instance, "phone_number")),
        )
        setattr(model_instance, self.attname, value)
        return value
