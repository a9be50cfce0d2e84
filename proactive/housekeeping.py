"""What is of no use any more and goes once a day, so that no table grows with it.

What happened with people, their texts, alerts and the audit among it, stays for good.
"""

from datetime import datetime, timedelta
from importlib import import_module

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings

# Whoever asks who signed in asks about the last months; what they did is in the audit.
SIGN_INS_LAST = timedelta(days=365)


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
