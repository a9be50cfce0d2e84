"""From the outbox to whoever listens: at least once, each endpoint by itself.

What is due of an endpoint is leased in small batches, committed, and handed over by a thread of its
own, so that a slow endpoint holds up nobody else. Threads do nothing but post; what touches the
database is done by whoever called. A process that dies leaves leases that end by themselves, and
what it had sent may be sent again, under the same id. The order is not promised.
"""

import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from proactive import alerts, stopping
from proactive.hooks import keys, posting, signing
from proactive.models import CareAlert, WebhookDelivery, WebhookEndpoint

# Many, that a quick endpoint is not held up by the database; few, that they fit into the lease.
BATCH = 20
# So long a thread begins another one of its batch.
BATCH_SECONDS = 30.0
# Well over what a batch takes at most, a look-up of a name that takes its time included.
LEASE = timedelta(minutes=3)
# Of an endpoint that takes nothing no more are tried in one pass.
MOST_FAILURES = 3
AT_ONCE = 32

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)

WRITTEN = (
    *("next_attempt_at", "delivered_at", "given_up_at"),
    *("attempts", "last_attempt_at", "last_status", "last_error"),
)

logger = logging.getLogger(__name__)


@dataclass
class Pass:
    """How many of what became of what was due; `stopped`: why it broke off early."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    switched_off: list[str] = field(default_factory=list)
    stopped: str = ""


@dataclass
class _Batch:
    """What is in hand of one endpoint until the lease ends."""

    endpoint: WebhookEndpoint
    deliveries: list[WebhookDelivery]
    leased_until: datetime

    @property
    def keys(self) -> list[int]:
        return [one.pk for one in self.deliveries]


@dataclass
class _Attempt:
    delivery: WebhookDelivery
    answer: posting.Answer


def deliver(
    *, now: datetime | None = None, budget: timedelta | None = None, limit: int | None = None
) -> Pass:
    """Hand over what is due, oldest first of each endpoint; with a `budget` of time or a `limit` of
    deliveries nothing more is begun when it is used up."""
    clock: Callable[[], datetime] = (lambda: now) if now is not None else timezone.now
    report = Pass(given_up=give_up_expired(now=clock()))
    ends = time.monotonic() + budget.total_seconds() if budget is not None else None
    waiting = _endpoints_with_something_due(clock())
    if not waiting:
        return report
    under_way: dict[Future[list[_Attempt]], _Batch] = {}
    with ThreadPoolExecutor(min(len(waiting), AT_ONCE), thread_name_prefix="webhooks") as threads:
        while waiting or under_way:
            report.stopped = report.stopped or _reason_to_stop(ends)
            if report.stopped:
                waiting.clear()
            while waiting and len(under_way) < AT_ONCE:
                endpoint = waiting.pop()
                size = BATCH if limit is None else min(BATCH, limit)
                batch = _lease(endpoint, at_most=size, now=clock())
                if limit is not None:
                    limit -= len(batch.deliveries)
                if batch.deliveries:
                    under_way[threads.submit(_hand_over, batch, clock())] = batch
            if under_way:
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    batch = under_way.pop(future)
                    if _record(batch, future.result(), report, now=clock()):
                        waiting.insert(0, batch.endpoint)
    return report


def give_up_expired(*, now: datetime) -> int:
    """End those that nobody has taken for as long as they are tried, and say how many.

    Also of endpoints that are off. In the log one line; in the admin each is to be seen.
    """
    expired = WebhookDelivery.objects.expired(now=now)
    given_up = expired.update(next_attempt_at=None, given_up_at=now)
    if given_up:
        logger.warning("webhooks: %d deliveries were given up", given_up)
    return given_up


def _endpoints_with_something_due(now: datetime) -> list[WebhookEndpoint]:
    due = WebhookDelivery.objects.due(now=now).filter(endpoint=OuterRef("pk"))
    return list(WebhookEndpoint.objects.filter(Exists(due), enabled=True).order_by("pk"))


def _reason_to_stop(ends: float | None) -> str:
    if stopping.asked():
        return "it was asked to stop"
    return "its time was up" if ends is not None and time.monotonic() > ends else ""


def _lease(endpoint: WebhookEndpoint, *, at_most: int, now: datetime) -> _Batch:
    """Take the next ones of `endpoint` in hand; nobody else does before the lease ends."""
    until = now + LEASE
    with transaction.atomic():
        due = WebhookDelivery.objects.due(now=now).filter(endpoint=endpoint)
        ready = due.order_by("next_attempt_at", "pk").select_for_update(skip_locked=True)
        batch = _Batch(endpoint, list(ready[: max(at_most, 0)]), until)
        WebhookDelivery.objects.filter(pk__in=batch.keys).update(next_attempt_at=until)
    return batch


# --- In a thread: no database ---


def _hand_over(batch: _Batch, now: datetime) -> list[_Attempt]:
    """Post them one after the other; those that were not tried are missing from the answer."""
    attempts: list[_Attempt] = []
    ends = time.monotonic() + BATCH_SECONDS
    failures = 0
    for delivery in batch.deliveries:
        if time.monotonic() > ends or stopping.asked() or failures == MOST_FAILURES:
            break
        attempt = _Attempt(delivery, _post(batch.endpoint, delivery, now))
        attempts.append(attempt)
        failures = 0 if attempt.answer.took_it else failures + 1
        if attempt.answer.is_gone:
            break
    return attempts


def _post(endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime) -> posting.Answer:
    try:
        secrets = keys.valid(endpoint, now=now)
    except keys.KeyChanged:
        return posting.Answer(error="SECRET_KEY is another one since: rotate the secret")
    body = json.dumps(delivery.payload, separators=(",", ":"), sort_keys=True).encode()
    signed = signing.headers(
        str(delivery.event_id), seconds=int(now.timestamp()), body=body, secrets=secrets
    )
    return posting.post(endpoint.url, body, signed)


# --- What became of it ---


def _record(batch: _Batch, attempts: list[_Attempt], report: Pass, *, now: datetime) -> bool:
    """Write it down; whether to go on with this endpoint in this pass."""
    taken = [one for one in attempts if one.answer.took_it]
    failed = [one for one in attempts if not one.answer.took_it]
    with transaction.atomic():
        _write_down(batch, attempts, now)
        _note_health(batch.endpoint, attempts, report, now)
    report.delivered += len(taken)
    report.failed += len(failed)
    if failed:
        why = Counter(one.answer.error for one in failed)
        logger.warning("webhooks: %s took %d not: %s", batch.endpoint.name, len(failed), dict(why))
    return bool(taken) and attempts[-1].answer.took_it


def _write_down(batch: _Batch, attempts: list[_Attempt], now: datetime) -> None:
    """What was taken is done, also where the lease has ended meanwhile; the rest is then left
    alone, for somebody else has it in hand."""
    answers = {one.delivery.pk: one.answer for one in attempts}
    rows = WebhookDelivery.objects.filter(pk__in=batch.keys).order_by("pk")
    changed = []
    for row in rows.select_for_update():
        answer = answers.get(row.pk)
        if answer is not None and answer.took_it:
            row.next_attempt_at, row.delivered_at, row.given_up_at = None, now, None
        elif row.next_attempt_at != batch.leased_until:
            continue
        elif answer is None:
            row.next_attempt_at = now  # not tried: it need not wait for the end of the lease
        else:
            after = wait_after(row.attempts + 1, asked=answer.retry_after)
            row.next_attempt_at = now + after
        if answer is not None:
            row.attempts += 1
            row.last_attempt_at, row.last_status = now, answer.status
            row.last_error = answer.error[:200]
        changed.append(row)
    WebhookDelivery.objects.bulk_update(changed, WRITTEN)


def wait_after(attempts: int, *, asked: int = 0) -> timedelta:
    """Until the next attempt after so many: a minute, doubled each time up to six hours, give or
    take a fifth so that those who fail together do not come back together; or as long as is
    `asked`, in seconds, if that is longer and not above six hours."""
    doubled = FIRST_WAIT * 2 ** min(attempts - 1, 20)
    jittered = min(doubled, LONGEST_WAIT) * random.uniform(0.8, 1.2)
    return max(jittered, min(timedelta(seconds=asked), LONGEST_WAIT))


def _note_health(
    endpoint: WebhookEndpoint, attempts: list[_Attempt], report: Pass, now: datetime
) -> None:
    """Since when it takes nothing; and off with it where that is for good."""
    if not attempts:
        return
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if any(one.answer.took_it for one in attempts):
        row.last_succeeded_at, row.failing_since = now, None
    elif row.failing_since is None:
        row.failing_since = now
    days = timedelta(days=settings.WEBHOOK_DISABLE_AFTER_DAYS)
    why = ""
    if any(one.answer.is_gone for one in attempts):
        why = "It answered 410 Gone"
    elif row.failing_since is not None and row.failing_since <= now - days:
        why = f"It has taken nothing for {days.days} days: {attempts[-1].answer.error}"
    if why and row.enabled:
        row.enabled, row.disabled_at, row.disabled_why = False, now, why
        report.switched_off.append(row.name)
        logger.error("webhooks: %s is switched off: %s", row.name, why)
        detail = f"{row.name}: {why.lower()}."
        alerts.open_alert(CareAlert.Kind.WEBHOOK_OFF, detail=detail, now=now)
    row.save(
        update_fields=[
            *("last_succeeded_at", "failing_since", "enabled", "disabled_at", "disabled_why")
        ]
    )
