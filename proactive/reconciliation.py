"""From unknown to known: texts whose submission nobody saw end, and reports that never came.

Nothing here sends. A text that may have gone out is never sent again by itself: it is looked up
at the provider, and when nothing tells what became of it a person decides.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import alerts, stopping
from proactive.cadences import BY_NAME, CADENCES
from proactive.hooks import outbox
from proactive.lookups import row_by_row
from proactive.marking import give_back_stage
from proactive.models import CareAlert, EventKind, Message, Status
from proactive.prepared import prepared
from proactive.reports import CONFIRM_AFTER, FIRST_LOOK_UP, LEASE, apply_report
from proactive.sms.gateway import Gateway, Report, SmsError, get_gateway

# How long an unknown outcome may stay so before a person is asked.
PATIENCE = timedelta(hours=1)
# After that the provider is still asked now and then: its list has been seen to lag by hours.
LOOK_UPS_END = timedelta(hours=24)
# When to ask about a text that was sent and never confirmed, counted from when it was.
CONFIRMATIONS = (CONFIRM_AFTER, timedelta(hours=6), timedelta(hours=24))
# Between our clock and the provider's.
SKEW = timedelta(minutes=2)
BATCH = 500
# Each costs a request, and the sweep waits. What is left over is first in line at the next pass.
LOOK_UPS_A_PASS = 50
LOOK_UP_SECONDS = 10.0

NOT_ENDED = (Status.QUEUED, Status.SENDING, Status.UNKNOWN)
# Few at any time, and an index has them. What else is asked of them is asked row by row: SQLite
# would rather use an index of all texts that were ever handed over.
UNSETTLED = Q(status__in=(Status.SENDING, Status.UNKNOWN))

logger = logging.getLogger(__name__)


@dataclass
class Reconciled:
    """How many texts became unknown, were looked up and found, and how many alerts that opened."""

    expired: int = 0
    looked_up: int = 0
    found: int = 0
    alerts: int = 0


def reconcile(*, now: datetime | None = None) -> Reconciled:
    """Give up on submissions that never ended, ask the provider, and ask a person about the rest.

    Safe to run twice at once: each step is a conditional update, and a look-up is claimed before
    the request that it costs.
    """
    now = now or timezone.now()
    report = Reconciled()
    for message in _expired(now=now):
        report.expired += _expire(message, now)
    _look_up_due(report, now)
    report.alerts = _alert_unknown(now) + _alert_stuck(now)
    return report


@prepared
def _expired(*, now: datetime) -> QuerySet[Message]:
    is_stuck = Q(status=Status.SENDING, attempt_started_at__lte=now - LEASE)
    stuck = Message.objects.filter(UNSETTLED, row_by_row(is_stuck))
    return stuck.order_by("attempt_started_at")[:BATCH]


def _expire(message: Message, now: datetime) -> bool:
    """`sending` for longer than its lease becomes `unknown`; the gate counts to the lease's end."""
    assert message.attempt_started_at is not None
    lease_end = message.attempt_started_at + LEASE
    with transaction.atomic():
        Caregiver.objects.move_gate(message.caregiver_id, to=lease_end)
        return message.mark_unknown(
            reason="no answer was recorded: the worker may have died", look_up_at=now
        )


# --- Asking the provider ---


def _look_up_due(report: Reconciled, now: datetime) -> None:
    messages = _to_look_up(now=now)
    if not messages:
        return
    gateway = get_gateway()
    ends = time.monotonic() + LOOK_UP_SECONDS
    for message in messages:
        if stopping.asked() or time.monotonic() > ends:
            return
        # The next one is set before this one is made: a crash in between must not repeat it
        # for ever, and another worker must not make it as well.
        if not message.claim_look_up(next_at=_next_look_up(message, now)):
            continue
        try:
            news = _look_up(message, gateway)
        except SmsError as error:
            # Nobody answered, so this was no look-up. The others would fare no better.
            message.claim_look_up(next_at=now + FIRST_LOOK_UP)
            logger.warning("look-ups stop for this pass: %s", error)
            return
        except DatabaseError:
            raise
        except Exception:
            logger.exception("message %s: its look-up broke", message.pk)
            continue
        message.count_look_up()
        report.looked_up += 1
        report.found += _take_in(message, news, now)


@prepared
def _to_look_up(*, now: datetime) -> QuerySet[Message]:
    due = Message.objects.filter(look_up_at__lte=now).order_by()
    # Without a time and never looked up: unknown from before there were look-ups.
    from_before = Message.objects.filter(
        UNSETTLED, status=Status.UNKNOWN, look_up_at__isnull=True, lookups=0
    ).order_by()
    # Two searches, each by its index; asked for either at once SQLite reads all texts.
    return due.union(from_before, all=True).order_by("look_up_at")[:LOOK_UPS_A_PASS]


def _next_look_up(message: Message, now: datetime) -> datetime | None:
    """When to ask again, should this look-up bring no news; None when that is the last one."""
    if message.status == Status.SENT:
        since = message.sent_at or now
        return next((since + wait for wait in CONFIRMATIONS if since + wait > now), None)
    since = message.attempt_started_at or now
    wait = min(FIRST_LOOK_UP * 2 ** min(message.lookups, 6), PATIENCE)
    return now + wait if now + wait <= since + LOOK_UPS_END else None


def _look_up(message: Message, gateway: Gateway) -> list[Report]:
    """What the provider has that can be this text. Raises SmsError."""
    if message.provider_sid:
        fetched = gateway.fetch(message.provider_sid)
        return [fetched] if fetched else []
    assert message.attempt_started_at is not None  # or it would not be unknown
    listed = gateway.find(
        message,
        since=message.attempt_started_at - SKEW,
        until=message.attempt_started_at + LEASE + SKEW,
    )
    taken = set(
        Message.objects.filter(provider_sid__in=[one.sid for one in listed]).values_list(
            "provider_sid", flat=True
        )
    )
    return [one for one in listed if one.sid not in taken]


def _take_in(message: Message, news: list[Report], now: datetime) -> bool:
    if not news:
        return False
    is_news = apply_report(message, news[0], now=now)
    if len(news) > 1:
        alerts.open_alert(
            CareAlert.Kind.DUPLICATE,
            message=message,
            detail="The provider has the very same words to the same number more than once: "
            + ", ".join(f"{one.sid} ({one.status})" for one in news),
            now=now,
        )
    return is_news


# --- Asking a person ---


def _alert_unknown(now: datetime) -> int:
    kind = CareAlert.Kind.OUTCOME_UNKNOWN
    about = [(message, _evidence(message)) for message in _lasting_unknown(now=now)]
    alerts.open_alerts(kind, about, now=now)
    return len(about)


@prepared
def _lasting_unknown(*, now: datetime) -> QuerySet[Message]:
    alerted = CareAlert.objects.filter(kind=CareAlert.Kind.OUTCOME_UNKNOWN, message=OuterRef("pk"))
    is_lasting = Q(~Exists(alerted), status=Status.UNKNOWN, attempt_started_at__lte=now - PATIENCE)
    lasting = Message.objects.filter(UNSETTLED, row_by_row(is_lasting))
    return lasting.order_by("attempt_started_at")[:BATCH]


def _alert_stuck(now: datetime) -> int:
    """Vital texts whose time has passed while nobody can say what became of them."""
    about = [
        (
            message,
            f"It was queued {message.queued_at:%Y-%m-%d %H:%M} UTC, is still "
            f"{message.get_status_display().lower()}, and its words no longer fit.",
        )
        for message in _out_of_time(now=now)
    ]
    alerts.open_alerts(CareAlert.Kind.FOLLOWUP_STUCK, about, now=now)
    return len(about)


@prepared
def _out_of_time(*, now: datetime) -> QuerySet[Message]:
    past = Q(pk__in=[])
    for cadence in CADENCES:
        for step in cadence.steps if cadence.vital else ():
            assert step.limit is not None
            past |= Q(cadence=cadence.name, stage=step.stage, occasion__lte=now - step.limit)
    about_it = CareAlert.objects.filter(message=OuterRef("pk"))
    seen_to = about_it.filter(resolved_at__isnull=True) | about_it.filter(
        kind=CareAlert.Kind.FOLLOWUP_STUCK
    )
    stuck = Message.objects.filter(row_by_row(Q(past, ~Exists(seen_to))), status__in=NOT_ENDED)
    return stuck.order_by("occasion")[:BATCH]


def _evidence(message: Message) -> str:
    asked = "once" if message.lookups == 1 else f"{message.lookups} times"
    found = (
        f"Asked {asked}, the provider did not have it, which proves nothing."
        if message.lookups
        else "The provider could not be asked so far: look in its console."
    )
    return (
        f"Submitted {message.attempt_started_at:%Y-%m-%d %H:%M} UTC; {message.reason}. {found} "
        "Decide on the text's page: it arrived, or send again."
    )


# --- What a person decides ---


def settle_as_arrived(
    message: Message, *, by: AbstractBaseUser, note: str, now: datetime | None = None
) -> bool:
    """Staff found out that an unknown text arrived. False when it is not unknown any more."""
    return _settle(message, f"{by} says that it arrived: {note}", by, now, arrived=True)


def send_again(
    message: Message, *, by: AbstractBaseUser, note: str, now: datetime | None = None
) -> bool:
    """Staff found out that an unknown text never arrived. False when it is not unknown any more.

    The stage is owed again, and a later sweep finds it under all of its rules. The 24 hours since
    the submission stay: it may have arrived after all. Should the provider report so before the new
    text goes out, that one is withdrawn.
    """
    return _settle(message, f"{by} had it sent again: {note}", by, now, arrived=False)


def _settle(
    message: Message, reason: str, by: AbstractBaseUser, now: datetime | None, *, arrived: bool
) -> bool:
    now = now or timezone.now()
    with transaction.atomic():
        message.caregiver = Caregiver.objects.select_for_update().get(pk=message.caregiver_id)
        if arrived:
            if done := message.mark_settled(now=now, reason=reason):
                outbox.texts(EventKind.SENT, [message], at=now)
        elif done := message.mark_given_up(reason=reason):
            _owe_again(message)
        if done:
            alerts.resolve(CareAlert.Kind.OUTCOME_UNKNOWN, message, note=reason, now=now, by=by)
    return done


def _owe_again(message: Message) -> None:
    """Put the counter back, unless it counts for a newer occasion by now."""
    cadence = BY_NAME.get(message.cadence)
    if cadence is not None and cadence.anchor.of(message.caregiver) == message.occasion:
        give_back_stage(message)
