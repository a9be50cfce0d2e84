"""From unknown to known: texts whose submission nobody saw end.

Nothing here sends. A text that may have gone out is never sent again by itself; when nothing
tells what became of it, a person decides.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import alerts
from proactive.models import CareAlert, Message, Status

# Well over the HTTP timeout: whoever marked the text has answered by then, or is dead.
LEASE = timedelta(minutes=5)
# How long an unknown outcome may stay so before a person is asked.
PATIENCE = timedelta(hours=1)
BATCH = 500


@dataclass
class Reconciled:
    """How many texts became unknown, and how many alerts that opened."""

    expired: int = 0
    alerts: int = 0


def reconcile(*, now: datetime | None = None) -> Reconciled:
    """Give up on submissions that never ended, and ask a person about those that stay unknown."""
    now = now or timezone.now()
    report = Reconciled()
    stuck = Message.objects.filter(status=Status.SENDING, attempt_started_at__lte=now - LEASE)
    for message in stuck.order_by("attempt_started_at")[:BATCH]:
        report.expired += _expire(message)
    alerted = CareAlert.objects.filter(kind=CareAlert.Kind.OUTCOME_UNKNOWN, message=OuterRef("pk"))
    lasting = Message.objects.filter(
        ~Exists(alerted), status=Status.UNKNOWN, attempt_started_at__lte=now - PATIENCE
    )
    for message in lasting.order_by("attempt_started_at")[:BATCH]:
        alerts.open_alert(
            CareAlert.Kind.OUTCOME_UNKNOWN,
            message=message,
            detail=f"Submitted {message.attempt_started_at:%Y-%m-%d %H:%M} UTC; {message.reason}",
            now=now,
        )
        report.alerts += 1
    return report


def _expire(message: Message) -> bool:
    """`sending` for longer than its lease becomes `unknown`; the gate counts to the lease's end."""
    assert message.attempt_started_at is not None
    lease_end = message.attempt_started_at + LEASE
    with transaction.atomic():
        Caregiver.objects.gate_before(lease_end).filter(pk=message.caregiver_id).update(
            last_proactive_message_at=lease_end
        )
        return message.mark_unknown(reason="no answer was recorded: the worker may have died")
