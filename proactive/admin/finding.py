"""Finding texts by what staff type, without telling them what they may not see."""

import re

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from caregiving.fields import normalise_phone_number
from caregiving.models import Caregiver, CaregiverQuerySet

# What a list shows of a number to everybody is enough to find it by.
LAST_DIGITS = 4

_SID = re.compile(r"(SM|MM)[0-9A-Za-z]{1,62}")


def is_sid(term: str) -> bool:
    return bool(_SID.fullmatch(term))


def whole_number(term: str) -> str:
    """`(415) 555-2671` -> `+14155552671`; "" for what is no whole number."""
    try:
        return normalise_phone_number(term)
    except ValidationError:
        return ""


def people_called(request: HttpRequest, term: str) -> CaregiverQuerySet:
    """Whose number, as it is now, or first name is `term`.

    Parts of a number find people only for whoever may see numbers; for the others the last four
    digits do, which they see anyway. Else they could guess a number digit by digit.
    """
    if number := whole_number(term):
        return Caregiver.objects.filter(phone_number=number)
    digits = re.sub(r"[\s().+-]", "", term)
    if digits.isdecimal() and len(digits) >= LAST_DIGITS:
        if request.user.has_perm("caregiving.see_number"):
            return Caregiver.objects.filter(phone_number__contains=digits)
        return Caregiver.objects.filter(phone_number__endswith=digits[-LAST_DIGITS:])
    return Caregiver.objects.filter(first_name__icontains=term)
