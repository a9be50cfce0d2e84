"""A text that somebody sent us: kept, taken as a sign of life, and heeded when it says stop."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from caregiving import events
from caregiving.intents import Intent, is_keyword, read_intent
from caregiving.models import Caregiver, InboundMessage, Language
from proactive.answers import answer
from proactive.hooks import outbox
from proactive.models import EventKind, Message, Status
from proactive.prepared import prepared

# A text so long after ours is no answer to it.
REPLY_WITHIN = timedelta(hours=72)

_WENT_OUT = (
    *(Status.SENDING, Status.UNKNOWN),
    *(Status.SENT, Status.DELIVERED, Status.UNDELIVERED),
)


@dataclass(frozen=True)
class Received:
    """A text as the provider hands it over; `opt_out_type` is what it has itself acted on."""

    sid: str
    from_number: str
    body: str
    media: list[dict[str, str]] = field(default_factory=list)
    opt_out_type: str = ""


def receive(text: Received, *, now: datetime) -> str:
    """Keep `text` and act on it, once however often it comes; returns the answer, "" for none.

    What is returned is committed: an opt-out that was answered is an opt-out that holds. The
    second time that a text comes gets no answer, for the first may have had one.
    """
    intent = read_intent(text.body, opt_out_type=text.opt_out_type)
    try:
        with transaction.atomic():
            # The person first, as everywhere; also, two texts of one person apply one after the
            # other.
            caregiver = (
                Caregiver.objects.select_for_update().filter(phone_number=text.from_number).first()
            )
            _keep(text, intent, caregiver, now)
            changed = caregiver is not None and _take_in(caregiver, intent, now)
    except _KeptAlready:
        return ""
    return _answer(text, intent, caregiver, changed)


class _KeptAlready(Exception):
    """The text came before: all of it is taken back, of which nothing has been done yet."""


def _keep(text: Received, intent: Intent, caregiver: Caregiver | None, now: datetime) -> None:
    """Raises _KeptAlready, after which the transaction can only end.

    That a text is new is what the constraint says, and nobody asks before: it nearly always is.
    """
    try:
        InboundMessage.objects.create(
            provider_sid=text.sid,
            caregiver=caregiver,
            from_number=text.from_number,
            body=text.body,
            media=text.media,
            intent=intent,
            received_at=now,
        )
    except IntegrityError as error:
        # The SID alone can be in the way: the person is locked, so that they cannot be gone.
        raise _KeptAlready from error


def _take_in(caregiver: Caregiver, intent: Intent, now: datetime) -> bool:
    """What the text changes for its sender; returns whether it changed their consent."""
    events.record_text(caregiver, at=now)
    _mark_replied(caregiver, now)
    before = caregiver.opted_out_at
    if intent == Intent.STOP:
        events.record_opt_out(caregiver, at=now, source="text")
    elif intent == Intent.START:
        events.record_opt_in(caregiver, at=now, source="text")
    return (before is None) != (caregiver.opted_out_at is None)


def _mark_replied(caregiver: Caregiver, now: datetime) -> None:
    for latest in _latest_text(person=caregiver.pk, now=now):
        if latest.replied_at is None and latest.mark_replied(now=now):
            outbox.texts(EventKind.REPLIED, [latest], at=now)


@prepared
def _latest_text(*, person: Any, now: datetime) -> QuerySet[Message]:
    """The one that a text at `now` would be an answer to."""
    return (
        Message.objects.filter(caregiver=person, status__in=_WENT_OUT)
        # Nobody knows of a text under way whether it was taken, but it may be what is answered.
        .annotate(went_out_at=Coalesce("sent_at", "attempt_started_at"))
        .filter(went_out_at__gt=now - REPLY_WITHIN, went_out_at__lte=now)
        .order_by("-went_out_at")[:1]
    )


def _answer(text: Received, intent: Intent, caregiver: Caregiver | None, changed: bool) -> str:
    """Our words, unless the provider has had its own, or there is nothing to say."""
    if settings.OPT_OUT_CONFIRMATION == "twilio" and (
        text.opt_out_type or (is_keyword(text.body) and intent != Intent.HELP)
    ):
        return ""
    if intent == Intent.NONE or (intent != Intent.HELP and not changed):
        return ""
    language = caregiver.language if caregiver else Language.ENGLISH
    return answer(intent, language)
