"""What is left of somebody who asked to be forgotten, and how their STOP outlives them.

The row of an erased person stays, without whatever says who they were: foreign keys and tallies
hold on to it. Of a number that had opted out a keyed hash stays (`ErasedOptOut`): whoever adds that
number again, by hand, by an import or over the API, adds somebody who has opted out. Without the
key, which is not in the database, the hash says nothing about the number; with it anybody could try
all numbers there are. That is the price of never texting somebody who said stop.
"""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from caregiving.models import Caregiver, ErasedOptOut, InboundMessage, JourneyPhase, Language

ERASED = "erased"
# Nobody has a number of the country code 999, which is not given out.
_NOBODYS = "+999{:012d}"

_FIELDS = (
    *("phone_number", "first_name", "relationship", "care_recipient_name", "zip_code"),
    *("time_zone", "language", "journey_phase", "wellness_opt_in", "outreach_paused_until"),
    *("unreachable_reason", "opted_out_at", "last_contact_at", "erased_at"),
)


def blank(caregiver: Caregiver, *, at: datetime) -> None:
    """Take from the person, what they wrote and their history whatever says who they were.

    Expects the row to be locked. Times, bands, scores and what a text asked for stay. They are
    churned and have opted out: nothing goes to the number that takes the place of theirs.
    """
    number = str(caregiver.phone_number)
    if caregiver.opted_out_at is not None:
        ErasedOptOut.objects.update_or_create(
            digest=_digest(number),
            defaults={"opted_out_at": caregiver.opted_out_at, "key_id": key_id()},
        )
    theirs = InboundMessage.objects.filter(
        Q(caregiver=caregiver) | Q(caregiver__isnull=True, from_number=number)
    )
    for pk in list(theirs.values_list("pk", flat=True)):
        # Unique, so each gets its own; the provider's would lead to its record of the text.
        InboundMessage.objects.filter(pk=pk).update(
            caregiver=caregiver, from_number="", body="", media=[], provider_sid=f"{ERASED}-{pk}"
        )
    caregiver.consents.update(source="")
    caregiver.crises.update(source="")
    caregiver.phone_number = _NOBODYS.format(caregiver.pk)
    caregiver.first_name = caregiver.relationship = caregiver.care_recipient_name = ""
    caregiver.zip_code = caregiver.time_zone = caregiver.unreachable_reason = ""
    caregiver.language = Language.ENGLISH
    caregiver.journey_phase = JourneyPhase.CHURNED
    caregiver.wellness_opt_in = False
    caregiver.outreach_paused_until = None
    caregiver.opted_out_at = caregiver.opted_out_at or at
    # They were heard from: nobody is asked to call them about a silence.
    caregiver.last_contact_at = max(at, caregiver.last_contact_at or at)
    caregiver.erased_at = at
    caregiver.save(update_fields=_FIELDS)


def opt_outs_of(numbers: Iterable[str]) -> dict[str, datetime]:
    """Those of `numbers` (E.164) whose owner was erased after having opted out, and since when."""
    by_digest = {_digest(number): number for number in map(str, numbers)}
    known = ErasedOptOut.objects.filter(digest__in=by_digest).values_list("digest", "opted_out_at")
    return {by_digest[digest]: at for digest, at in known}


def of_another_key() -> QuerySet[ErasedOptOut]:
    """Opt-outs that nobody can find any more: the key was changed since."""
    return ErasedOptOut.objects.exclude(key_id=key_id())


def key_id() -> str:
    """Which key is in use, told by something that does not tell the key."""
    return _hmac("which key")[:16]


def _digest(number: str) -> str:
    return _hmac(f"number {number}")


def _hmac(text: str) -> str:
    secret = settings.OPT_OUT_KEY or settings.SECRET_KEY
    return salted_hmac("caregiving.erasing", text, secret=secret, algorithm="sha256").hexdigest()
