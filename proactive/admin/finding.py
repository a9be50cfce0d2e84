"""Finding people and texts by what staff type, without telling them what they may not see."""

import re
import unicodedata
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.db.models.functions import Right
from django.db.models.lookups import Exact

from caregiving.fields import normalise_phone_number
from caregiving.folding import Folded, fold
from caregiving.models import Caregiver

_SID = re.compile(r"(SM|MM)[0-9A-Za-z]{1,62}")
_NUMBER = re.compile(r"[+\d\s().\-/]*")


def is_sid(term: str) -> bool:
    return bool(_SID.fullmatch(term))


def whole_number(term: str) -> str:
    """`(415) 555-2671` -> `+14155552671`; "" for what is no whole number."""
    try:
        return normalise_phone_number(term)
    except ValidationError:
        return ""


def find(
    people: QuerySet[Caregiver], typed: str, *, by_parts_of_number: bool
) -> QuerySet[Caregiver]:
    """Those whose name, or whose care recipient's, begins with what was typed, or whose number it
    is: the whole, its beginning, or its last four digits or more.

    Whoever may not see numbers must not find by their parts: digit by digit they would find out.
    """
    term = " ".join(unicodedata.normalize("NFKC", typed).split())
    if not term:
        return people
    digits = "".join(char for char in term if char in "0123456789")
    if _NUMBER.fullmatch(term) and len(digits) >= 3:
        return people.filter(_numbered(term, digits, by_parts=by_parts_of_number))
    beginning = fold(term)
    return people.alias(
        folded_name=Folded("first_name"), folded_recipient=Folded("care_recipient_name")
    ).filter(Q(folded_name__startswith=beginning) | Q(folded_recipient__startswith=beginning))


def _numbered(term: str, digits: str, *, by_parts: bool) -> Q:
    condition = Q(pk__in=[])
    with suppress(ValidationError):
        condition |= Q(phone_number=normalise_phone_number(term))
    if not by_parts:
        return condition
    condition |= Q(phone_number__startswith=f"+{digits}")
    if term.startswith("+"):
        return condition
    # Without a country code it is one of ours, as everywhere.
    condition |= Q(phone_number__startswith=f"+1{digits}")
    if len(digits) >= 4:
        # The last four have an index; how the number goes on before them is then soon compared.
        condition |= Q(Exact(Right("phone_number", 4), digits[-4:])) & Q(
            Exact(Right("phone_number", len(digits)), digits)
        )
    return condition
