"""Erasing one person on request: texts and identifiers go, counts and the audit stay.

Somebody may ask to be forgotten. Then their name, number and place, all that was written to or by
them, what staff noted and what the audit quotes are gone for good. What stays says nothing about
who they were: that a text of this cadence and stage was sent and delivered at that time, that a
crisis or a score was recorded then, which act a member of staff did. So tallies, weekly reports and
the promises count as before.

It is refused under a legal hold, and while nobody knows of a text whether it went out: its end
could not be told of them any more. What is queued is cancelled, what is owed to them is recorded as
ended. Their STOP outlives them: see `caregiving.erasing`. What lies outside of the database
(archives of `prune`, backups, the provider's own log) is for `docs/security.md`.
"""

from collections.abc import Collection
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from caregiving import erasing, events
from caregiving.convex.models import ConvexImport, ConvexPerson
from caregiving.models import Caregiver, ImportUpload, InboundMessage
from proactive import accounting
from proactive.cadences import CADENCES
from proactive.care import Deed, Refused
from proactive.marking import give_back
from proactive.models import ApiReceipt, AuditEntry, CareAlert, Message, Note, Status

# Nobody knows of these whether they went out.
UNDER_WAY = (Status.SENDING, Status.UNKNOWN)
# Shorter ones are found in words that have nothing to do with the person.
SHORTEST_NAME = 3
SHORTEST_NUMBER = 7


def foresee(caregiver: Caregiver, *, now: datetime) -> str:
    """What would go, in words. Raises Refused."""
    if caregiver.erased_at is not None:
        raise Refused(f"was erased on {caregiver.erased_at:%Y-%m-%d} already")
    if caregiver.legal_hold_since is not None:
        raise Refused(
            f"is under legal hold since {caregiver.legal_hold_since:%Y-%m-%d} "
            f"({caregiver.legal_hold_reason}): whoever wanted the hold must have it lifted first"
        )
    if caregiver.messages.filter(status__in=UNDER_WAY).exists():
        raise Refused(
            "has a text under way or of unknown outcome: wait for its end, or settle it on its "
            "page, and erase them then"
        )
    texts = caregiver.messages.count()
    received = caregiver.inbound.count()
    notes = caregiver.notes.count()
    keeps = "; that the number has opted out is kept" if caregiver.opted_out_at else ""
    return (
        f"name, number and place go, with the words of {texts} texts to them and {received} from "
        f"them, {notes} notes, and what the audit and alerts say of them{keeps}"
    )


def erase(caregiver: Caregiver, *, reason: str, by: User | None = None, now: datetime) -> Deed:
    """Erase the person. What is returned names nobody, as `reason` must not. Raises Refused.

    The entry in the audit is the caller's to make, in the same transaction.
    """
    with transaction.atomic():
        events.lock(caregiver)
        says = foresee(caregiver, now=now)
        if _names(caregiver, reason):
            raise Refused("is named in the reason, which is kept: say it without name or number")
        numbers = _numbers(caregiver)
        _end_what_is_owed(caregiver, now)
        _blank_texts(caregiver)
        _close_alerts(caregiver, by, now)
        Note.objects.filter(caregiver=caregiver).delete()
        _blank_audit(caregiver, numbers)
        _forget_imports(caregiver)
        for number in numbers:
            ApiReceipt.objects.filter(key__contains=number.lstrip("+")).delete()
        erasing.blank(caregiver, at=now)
    return Deed(f"erased: {says}")


def _names(caregiver: Caregiver, reason: str) -> bool:
    digits = "".join(filter(str.isdigit, reason))
    names = (caregiver.first_name, caregiver.care_recipient_name)
    return str(caregiver.phone_number).lstrip("+")[-10:] in digits or any(
        len(name) >= SHORTEST_NAME and name.lower() in reason.lower() for name in names
    )


def _numbers(caregiver: Caregiver) -> set[str]:
    """Theirs, and those that were theirs when a text went one way or the other."""
    texts = caregiver.messages.order_by().values_list("to_number", flat=True).distinct()
    received = InboundMessage.objects.filter(caregiver=caregiver).order_by()
    wrote = received.values_list("from_number", flat=True).distinct()
    known = {str(caregiver.phone_number), *map(str, texts), *map(str, wrote)}
    # A short code or a name would be found in what has nothing to do with them.
    return {number for number in known if number.startswith("+") and len(number) > SHORTEST_NUMBER}


def _end_what_is_owed(caregiver: Caregiver, now: datetime) -> None:
    because = "the person was erased"
    for waiting in caregiver.messages.queued():
        if waiting.mark_cancelled(reason=because):
            waiting.caregiver = caregiver
            give_back(waiting)
    for cadence in CADENCES:
        since = cadence.anchor.of(caregiver)
        if not cadence.vital or not cadence.counter or since is None:
            continue
        if since + accounting.REMEMBERED > now:
            stages = len(cadence.steps)
            Message.objects.bulk_create(
                accounting.superseded(cadence, [caregiver], up_to=stages, reason=because, now=now)
            )
            setattr(caregiver, cadence.counter, stages)
            caregiver.save(update_fields=[cadence.counter])


def _blank_texts(caregiver: Caregiver) -> None:
    caregiver.messages.update(
        to_number="", body="", because="", reason="", provider_sid=None, look_up_at=None
    )


def _close_alerts(caregiver: Caregiver, by: User | None, now: datetime) -> None:
    theirs = CareAlert.objects.filter(Q(caregiver=caregiver) | Q(message__caregiver=caregiver))
    theirs.filter(resolved_at=None).update(resolved_at=now, resolved_by=by)
    theirs.update(detail="", note="")


def _blank_audit(caregiver: Caregiver, numbers: Collection[str]) -> None:
    """What it says of them, and where it quotes a number of theirs, such as one searched for."""
    quoting = Q(caregiver=caregiver)
    for number in numbers:
        for field in ("says", "reason", "target_label", "written"):
            quoting |= Q(**{f"{field}__contains": number.lstrip("+")})
    entries = AuditEntry.objects.annotate(written=Cast("changes", TextField())).filter(quoting)
    AuditEntry.objects.filter(pk__in=list(entries.values_list("pk", flat=True))).blank()
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Caregiver), object_id=str(caregiver.pk)
    ).update(object_repr=erasing.ERASED, change_message="")


def _forget_imports(caregiver: Caregiver) -> None:
    """Who they are elsewhere, and rows of files, which are kept for a look and name anybody."""
    ConvexPerson.objects.filter(caregiver=caregiver).delete()
    ConvexImport.objects.exclude(rejects=b"").update(rejects=b"")
    ImportUpload.objects.all().delete()
