"""The only ways a caregiver's state changes.

Each function locks the row, so two that arrive at once apply one after the other. Each is safe to
repeat and to arrive out of order: an instant that is not newer than what is known changes nothing.
`at` is an aware datetime, by default now; a naive one raises ValueError. The instance that was
passed in is brought up to date, and returned.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from caregiving import erasing
from caregiving.intents import Intent
from caregiving.models import (
    BurnoutBand,
    Caregiver,
    ConsentChange,
    CrisisEvent,
    InboundMessage,
    JourneyPhase,
)

BATCH = 1000

# Each is called with the person, since when, and the source, in the transaction in which somebody
# has opted out: for whoever stands above this app, which knows none of them.
after_opt_out: list[Callable[[Caregiver, datetime, str], None]] = []


def lock(caregiver: Caregiver) -> None:
    """Take the row lock and read the row as it is now into the instance that was passed.

    Expects a transaction, whose end releases it.
    """
    caregiver.refresh_from_db(from_queryset=Caregiver.objects.select_for_update())


def record_contact(caregiver: Caregiver, *, at: datetime | None = None) -> Caregiver:
    """They wrote or called: the silence ends, and whoever had churned is back."""
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        _contact(caregiver, at)
        caregiver.save(update_fields=_CONTACT_FIELDS)
    return caregiver


def record_crisis_event(
    caregiver: Caregiver, *, at: datetime | None = None, source: str = ""
) -> Caregiver:
    """A crisis: seven follow-ups are owed from `at` on. It also counts as contact."""
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        _contact(caregiver, at)
        _crisis(caregiver, at, source)
        caregiver.save(update_fields=[*_CONTACT_FIELDS, *_CRISIS_FIELDS])
    return caregiver


def record_wellness_score(
    caregiver: Caregiver, *, score: int, burnout_band: str, at: datetime | None = None
) -> Caregiver:
    """A self-assessment, `score` 0 to 100. It counts as contact and sets the band.

    Entering the band `crisis` from another one is a crisis event. A score older than the newest
    one is kept in the history and moves nothing. Raises ValueError for a score or band that
    cannot be.
    """
    at = _aware(at)
    if not 0 <= score <= 100:
        raise ValueError(f"score must be 0 to 100, not {score}")
    if burnout_band not in BurnoutBand.values:
        raise ValueError(f"burnout_band must be one of {', '.join(BurnoutBand.values)}")
    with transaction.atomic():
        lock(caregiver)
        _contact(caregiver, at)
        entry = {"score": score, "burnout_band": burnout_band, "created_at": at}
        if not caregiver.scores.filter(**entry).exists():
            caregiver.scores.create(**entry)
        if caregiver.last_assessment_at is None or at > caregiver.last_assessment_at:
            if burnout_band == BurnoutBand.CRISIS and caregiver.burnout_band != burnout_band:
                _crisis(caregiver, at, "wellness score")
            caregiver.burnout_band = burnout_band
            caregiver.last_assessment_at = at
            caregiver.assessment_reminder_count = 0
        caregiver.save(
            update_fields=[
                *_CONTACT_FIELDS,
                *_CRISIS_FIELDS,
                "burnout_band",
                "last_assessment_at",
                "assessment_reminder_count",
            ]
        )
    return caregiver


def record_opt_out(
    caregiver: Caregiver, *, at: datetime | None = None, source: str = ""
) -> Caregiver:
    """They asked us to stop. Nothing is submitted afterwards; what is queued falls at the recheck.

    An opt-out that arrives after a newer opt-in changes nothing; at the same instant it wins.
    """
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        _remember_consent(caregiver, at, source, opted_in=False)
        newer_consent = caregiver.opted_in_at is not None and caregiver.opted_in_at > at
        if caregiver.opted_out_at is None and not newer_consent:
            caregiver.opted_out_at = at
            caregiver.save(update_fields=["opted_out_at"])
            for tell in after_opt_out:
                tell(caregiver, at, source)
    return caregiver


def record_opt_in(
    caregiver: Caregiver, *, at: datetime | None = None, source: str = ""
) -> Caregiver:
    """They allow us to text again. An opt-in not newer than the last opt-out changes nothing."""
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        _remember_consent(caregiver, at, source, opted_in=True)
        last_opt_out = (
            ConsentChange.objects.filter(caregiver=caregiver, opted_in=False)
            .order_by("-at")
            .values_list("at", flat=True)
            .first()
        )
        refusals = [when for when in (caregiver.opted_out_at, last_opt_out) if when is not None]
        if all(at > when for when in refusals):
            caregiver.opted_out_at = None
            caregiver.opted_in_at = max(at, caregiver.opted_in_at or at)
            caregiver.save(update_fields=["opted_out_at", "opted_in_at"])
    return caregiver


def record_unreachable(
    caregiver: Caregiver, *, at: datetime | None = None, reason: str = ""
) -> Caregiver:
    """No text can reach this number: nothing is sent to it until it proves to be alive.

    The person stays, with everything that is owed to them. A number that is known to be
    unreachable keeps its first instant and reason; one that has written since `at` is alive.
    """
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        has_written_since = caregiver.inbound.filter(
            received_at__gt=at, from_number=caregiver.phone_number
        ).exists()
        if caregiver.unreachable_at is None and not has_written_since:
            caregiver.unreachable_at = at
            caregiver.unreachable_reason = reason[:200]
            caregiver.save(update_fields=_UNREACHABLE_FIELDS)
    return caregiver


def record_reachable(caregiver: Caregiver, *, at: datetime | None = None) -> Caregiver:
    """A text came from the number, or got there. Older news than the trouble changes nothing."""
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        if changed := _reachable(caregiver, at):
            caregiver.save(update_fields=changed)
    return caregiver


def record_text(caregiver: Caregiver, *, at: datetime | None = None) -> Caregiver:
    """A text came from their number: contact, and a sign that the number is alive."""
    at = _aware(at)
    # No savepoint: whoever keeps the text would not keep it without this.
    with transaction.atomic(savepoint=False):
        lock(caregiver)
        _contact(caregiver, at)
        caregiver.save(update_fields=[*_CONTACT_FIELDS, *_reachable(caregiver, at)])
    return caregiver


def record_pause(caregiver: Caregiver, *, until: datetime | None) -> Caregiver:
    """Staff want nothing sent before `until`, aware; None ends the pause. The latest word holds."""
    until = _aware(until) if until is not None else None
    with transaction.atomic():
        lock(caregiver)
        if caregiver.outreach_paused_until != until:
            caregiver.outreach_paused_until = until
            caregiver.save(update_fields=["outreach_paused_until"])
    return caregiver


def record_legal_hold(
    caregiver: Caregiver, *, by: User, reason: str, at: datetime | None = None
) -> Caregiver:
    """From now on nothing that was written to or by them may be deleted, however old it is.

    `reason`: at most 500 characters. Whoever is under a hold keeps its first instant and reason.
    """
    at = _aware(at)
    with transaction.atomic():
        lock(caregiver)
        if caregiver.legal_hold_since is None:
            caregiver.legal_hold_since = at
            caregiver.legal_hold_by = by
            caregiver.legal_hold_reason = reason
            caregiver.save(update_fields=_HOLD_FIELDS)
    return caregiver


def lift_legal_hold(caregiver: Caregiver) -> Caregiver:
    """What is old enough of theirs may be deleted again."""
    with transaction.atomic():
        lock(caregiver)
        if caregiver.legal_hold_since is not None:
            caregiver.legal_hold_since = None
            caregiver.legal_hold_by = None
            caregiver.legal_hold_reason = ""
            caregiver.save(update_fields=_HOLD_FIELDS)
    return caregiver


def record_new_number(caregiver: Caregiver) -> Caregiver:
    """They have a number that was not theirs in our records: what it wrote before is theirs.

    A STOP that came from it while nobody knew whose it is holds from now on, and so does one of an
    owner who was erased. What kept the old number from being texted says nothing about this one.
    """
    with transaction.atomic():
        lock(caregiver)
        if caregiver.unreachable_at is not None:
            caregiver.unreachable_at = None
            caregiver.unreachable_reason = ""
            caregiver.save(update_fields=_UNREACHABLE_FIELDS)
        for at in erasing.opt_outs_of([caregiver.phone_number]).values():
            record_opt_out(caregiver, at=at, source="before erasure")
        _adopt_earlier_texts(caregiver)
    return caregiver


def adopt_earlier_texts() -> None:
    """Give each stranger's text to whoever has its number by now, and heed what it asked for.

    A text that comes while the transaction that adds its sender is still open finds nobody, and
    that transaction does not see the text. Whatever adds people, this finds both afterwards. Each
    person is a transaction of their own, and of the strangers one batch at a time is in memory.
    """
    for number in _numbers_of_known_strangers():
        with transaction.atomic():
            caregiver = Caregiver.objects.select_for_update().filter(phone_number=number).first()
            if caregiver is not None:
                _adopt_earlier_texts(caregiver)


# Written out, for every sweep asks it, mostly in vain, and the ORM takes longer to make it than the
# database to run it. From the side of the strangers, in the order of their index: there are more
# people.
_KNOWN_STRANGERS = f"""
SELECT DISTINCT from_number FROM {InboundMessage._meta.db_table} AS text
WHERE caregiver_id IS NULL AND from_number > %s
AND EXISTS (
    SELECT 1 FROM {Caregiver._meta.db_table} AS person
    WHERE person.phone_number = text.from_number
)
ORDER BY from_number LIMIT %s
"""


def _numbers_of_known_strangers() -> Iterator[str]:
    last = ""
    while numbers := _some_numbers_of_known_strangers(after=last):
        yield from numbers
        last = numbers[-1]


def _some_numbers_of_known_strangers(*, after: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_STRANGERS, [after, BATCH])
        return [number for (number,) in cursor.fetchall()]


# --- Each part below expects the row to be locked ---

_CONTACT_FIELDS = ["last_contact_at", "reactivation_message_count", "journey_phase"]
_CRISIS_FIELDS = ["last_crisis_event_at", "crisis_followup_count"]
_UNREACHABLE_FIELDS = ["unreachable_at", "unreachable_reason"]
_HOLD_FIELDS = ["legal_hold_since", "legal_hold_by", "legal_hold_reason"]


def _contact(caregiver: Caregiver, at: datetime) -> None:
    if caregiver.last_contact_at is not None and at <= caregiver.last_contact_at:
        return
    caregiver.last_contact_at = at
    caregiver.reactivation_message_count = 0
    if caregiver.journey_phase == JourneyPhase.CHURNED:
        caregiver.journey_phase = JourneyPhase.ACTIVE


def _reachable(caregiver: Caregiver, at: datetime) -> list[str]:
    """The fields that it changed."""
    if caregiver.unreachable_at is None or at < caregiver.unreachable_at:
        return []
    caregiver.unreachable_at = None
    caregiver.unreachable_reason = ""
    return _UNREACHABLE_FIELDS


def _crisis(caregiver: Caregiver, at: datetime, source: str) -> None:
    known = caregiver.last_crisis_event_at
    if known is not None and at <= known:
        # Late news of an older crisis: part of the history; the newer one has the follow-ups.
        # Settled as it is recorded, by which it is known to have earned none.
        heard = timezone.now()
        settled = {"replaced_at": known, "settled_at": heard} if at < known else {}
        CrisisEvent.objects.get_or_create(
            caregiver=caregiver, at=at, defaults={"source": source, "recorded_at": heard, **settled}
        )
        return
    if known is not None:
        # Also a crisis that came with an import leaves a trace, so that it can be accounted for.
        CrisisEvent.objects.get_or_create(caregiver=caregiver, at=known)
    CrisisEvent.objects.filter(caregiver=caregiver, replaced_at__isnull=True).update(replaced_at=at)
    # Known already if somebody has since taken it off the row by hand.
    CrisisEvent.objects.update_or_create(
        caregiver=caregiver,
        at=at,
        defaults={"source": source, "replaced_at": None, "settled_at": None},
    )
    caregiver.last_crisis_event_at = at
    caregiver.crisis_followup_count = 0


def _adopt_earlier_texts(caregiver: Caregiver) -> None:
    earlier = InboundMessage.objects.filter(
        caregiver__isnull=True, from_number=caregiver.phone_number
    )
    wishes = list(
        earlier.filter(intent__in=(Intent.STOP, Intent.START))
        .order_by("received_at")
        .values_list("intent", "received_at")
    )
    earlier.update(caregiver=caregiver)
    for intent, at in wishes:
        record = record_opt_out if intent == Intent.STOP else record_opt_in
        record(caregiver, at=at, source="text")


def _remember_consent(caregiver: Caregiver, at: datetime, source: str, *, opted_in: bool) -> None:
    ConsentChange.objects.get_or_create(
        caregiver=caregiver, opted_in=opted_in, at=at, defaults={"source": source}
    )


def _aware(at: datetime | None) -> datetime:
    if at is None:
        return timezone.now()
    if timezone.is_naive(at):
        raise ValueError("at must be an aware datetime, such as timezone.now()")
    return at
