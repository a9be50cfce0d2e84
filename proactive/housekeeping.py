"""What is of no use any more and goes once a day, so that no table grows with it.

What happened with people, their texts, alerts and the audit among it, is not forgotten here: see
`pruning`.
"""

from datetime import datetime, timedelta
from importlib import import_module

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings

from proactive import stopping
from proactive.models import ApiReceipt, Simulation, WebhookDelivery

# Whoever asks who signed in asks about the last months; what they did is in the audit.
SIGN_INS_LAST = timedelta(days=365)
# What came of a question about the policy of a quarter ago helps nobody to decide today; the latest
# stay all the same, for a service that asks rarely.
SIMULATIONS_LAST = timedelta(days=90)
SIMULATIONS_KEPT = 100
# Whoever repeats what they told the API repeats it within hours; days, after a long outage.
RECEIPTS_LAST = timedelta(days=30)
BATCH = 1000


def forget_sessions() -> None:
    """Those that have ended by themselves: nobody who signs out leaves one."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def forget_sign_ins(*, now: datetime) -> None:
    """Sign-ins and failures older than `SIGN_INS_LAST`, and what is counted after a lockout's end.

    django-axes forgets the latter itself when somebody fails again; here it goes also if nobody
    does.
    """
    for log in (AccessLog, AccessFailureLog):
        log.objects.filter(attempt_time__lte=now - SIGN_INS_LAST).delete()
    AccessAttempt.objects.filter(attempt_time__lte=now - settings.AXES_COOLOFF_TIME).delete()


def forget_simulations(*, now: datetime) -> None:
    """Those older than `SIMULATIONS_LAST`, but for the latest `SIMULATIONS_KEPT`."""
    latest = Simulation.objects.order_by("-created_at", "-pk").values_list("pk", flat=True)
    Simulation.objects.filter(created_at__lte=now - SIMULATIONS_LAST).exclude(
        pk__in=list(latest[:SIMULATIONS_KEPT])
    ).delete()


def forget_receipts(*, now: datetime) -> None:
    """Those older than `RECEIPTS_LAST`: what is told again under such a key is done again.

    In batches, each a transaction of its own: there may be a million, and the API waits for none of
    them. Asked to stop it leaves the rest for tomorrow.
    """
    old = ApiReceipt.objects.filter(received_at__lte=now - RECEIPTS_LAST).order_by("received_at")
    while not stopping.asked() and (batch := list(old.values_list("pk", flat=True)[:BATCH])):
        ApiReceipt.objects.filter(pk__in=batch).delete()


def forget_webhooks(*, now: datetime) -> None:
    """What was delivered or given up more than RETENTION_WEBHOOKS_DAYS ago, batch by batch."""
    before = now - timedelta(days=settings.RETENTION_WEBHOOKS_DAYS)
    for ended in ("delivered_at", "given_up_at"):
        old = WebhookDelivery.objects.filter(**{f"{ended}__lte": before}, next_attempt_at=None)
        while not stopping.asked() and (
            keys := list(old.order_by(ended).values_list("pk", flat=True)[:BATCH])
        ):
            WebhookDelivery.objects.filter(pk__in=keys, next_attempt_at=None).delete()
