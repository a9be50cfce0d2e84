"""Alerts that concern crisis follow-ups and that nobody claims: sent on by email, once.

Here the email goes first and the mark after it, against the habit of claiming before calling out:
an email that never came would leave a crisis to nobody, one that comes twice costs a glance. So
where the mail server fails nothing is marked, and the next tick tries again; where the process
dies in between, or two ticks run at once, the email may come twice.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from proactive.cadences import CADENCES
from proactive.clocks import duration
from proactive.models import CareAlert

# More than these are not listed one by one; whoever reads of so many opens the list.
LISTED = 50
# More than this are the next tick's.
MOST = 1000

logger = logging.getLogger(__name__)


def escalate(*, now: datetime | None = None) -> int:
    """Send one email about everything that is due for it at `now`; returns how many alerts.

    0 where ALERT_ESCALATION_EMAIL is empty. Raises what the mail server's trouble is called
    (OSError, smtplib.SMTPException); nothing is marked then.
    """
    now = now or timezone.now()
    if not settings.ALERT_ESCALATION_EMAIL:
        return 0
    found = list(unclaimed(now=now)[:MOST])
    if not found:
        return 0
    send_mail(
        _subject(len(found)),
        _body(found[:LISTED], len(found), now),
        from_email=None,
        recipient_list=settings.ALERT_ESCALATION_EMAIL,
    )
    # Only those that the email tells of.
    told = CareAlert.objects.filter(pk__in=[alert.pk for alert in found], escalated_at=None)
    marked = told.update(escalated_at=now)
    logger.warning("%d alerts that nobody had claimed were sent on by email", marked)
    return marked


def unclaimed(*, now: datetime) -> QuerySet[CareAlert]:
    """Oldest first: open for ALERT_ESCALATION_MINUTES, claimed by nobody, not yet escalated.

    Of the kinds that concern crisis follow-ups, and any kind about the text of a vital cadence.
    """
    vital = [cadence.name for cadence in CADENCES if cadence.vital]
    return CareAlert.objects.filter(
        Q(kind__in=CareAlert.CRISIS) | Q(message__cadence__in=vital),
        resolved_at=None,
        claimed_by=None,
        escalated_at=None,
        opened_at__lte=now - timedelta(minutes=settings.ALERT_ESCALATION_MINUTES),
    ).order_by("opened_at", "pk")


def _subject(count: int) -> str:
    what = "1 alert" if count == 1 else f"{count:,} alerts"
    return f"[{settings.SERVICE_NAME}] {what} that nobody has claimed"


def _body(alerts: list[CareAlert], count: int, now: datetime) -> str:
    """What happened and where to look. Email is no place for names, numbers and details."""
    lines = [
        f"Nobody has claimed {'this' if count == 1 else 'these'} for "
        f"{settings.ALERT_ESCALATION_MINUTES} minutes or longer. Crisis follow-ups depend on it.",
        "",
    ]
    for alert in alerts:
        lines += [
            f"- {alert.get_kind_display()} (open for {duration(now - alert.opened_at)})",
            f"  {_address('proactive_carealert_change', alert.pk)}",
        ]
    if count > len(alerts):
        lines.append(f"- and {count - len(alerts):,} more")
    lines += [
        "",
        f"All that are open: {_address('proactive_carealert_changelist')}",
        "Claim what you look after, so that others know. This is not sent again.",
    ]
    return "\n".join(lines)


def _address(page: str, *args: object) -> str:
    return settings.PUBLIC_BASE_URL + reverse(f"admin:{page}", args=args)
