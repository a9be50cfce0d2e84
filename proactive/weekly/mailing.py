"""The report by email: once a week, on Monday morning by the clock of the service.

It is claimed before it is sent, so that it goes once however many beats ring. Where the mail server
has surely refused it the claim is given back, and the next ring tries again. Where nobody knows
(the connection broke off or timed out, the process died) the claim lapses after ten minutes, and
the next ring sends it again: only then may it come twice, if the mail server had taken it. Of a
report, twice is less harm than not at all; of a text it would be the other way round.
"""

import logging
import smtplib
import socket
from datetime import datetime, time, timedelta
from email.mime.image import MIMEImage

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from proactive.weekly import presenting
from proactive.weekly.charts import draw
from proactive.weekly.remembering import Report, remember
from proactive.weekly.weeks import Week

AT = time(8)
# After an outage it still comes; later than this nobody needs it in the inbox.
NOT_LATER_THAN = timedelta(days=2)
# The server said no before it took the mail, or was never reached. Not what quitting may raise
# after that: SMTPServerDisconnected, a timeout.
REFUSED = (
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPNotSupportedError,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPDataError,
    ConnectionRefusedError,
    socket.gaierror,
)

logger = logging.getLogger(__name__)


def send_when_due(*, now: datetime | None = None) -> bool:
    """From Monday, 08:00, for two days: keep the figures of the week that is over, and send them.

    Returns whether this call sent it. With WEEKLY_REPORT_EMAIL empty it only keeps them.
    Raises what the mail server's trouble is called (OSError, smtplib.SMTPException).
    """
    now = now or timezone.now()
    week = Week.last_ended(now)
    due = datetime.combine(week.after.monday, AT, timezone.get_current_timezone())
    if not due <= now < due + NOT_LATER_THAN:
        return False
    report = remember(week, now=now)
    return bool(settings.WEEKLY_REPORT_EMAIL) and send(report, now=now)


def send(report: Report, *, now: datetime) -> bool:
    """Send it to WEEKLY_REPORT_EMAIL, unless it was sent or somebody is about to.

    `report` is one that is kept. Returns and raises as `send_when_due` does.
    """
    assert report.row is not None
    if not report.row.claim(now=now):
        return False
    try:
        compose(report).send()
    except REFUSED:
        report.row.release()
        raise
    report.row.mark_sent(now=now)
    logger.info("the report of week %s was sent by email", report.week)
    return True


class _WithPictures(EmailMultiAlternatives):
    """Its pictures belong to the HTML, and are no attachments."""

    mixed_subtype = "related"


def compose(report: Report) -> EmailMultiAlternatives:
    """Text and HTML, with the charts inside: whoever opens it asks no server for anything."""
    address = (
        settings.PUBLIC_BASE_URL
        + reverse("admin:proactive_weeklyreport_changelist")
        + f"?week={report.week}"
    )
    context = {
        "service": settings.SERVICE_NAME,
        "title": presenting.title(report),
        "counted": presenting.counted(report),
        "sections": presenting.sections(report),
        "headings": presenting.HEADINGS,
        "address": address,
    }
    email = _WithPictures(
        f"[{settings.SERVICE_NAME}] Week {report.week}, {report.week.days}",
        f"{presenting.as_text(report)}\n\nAny week: {address}\n",
        to=settings.WEEKLY_REPORT_EMAIL,
    )
    email.attach_alternative(render_to_string("proactive/weekly_email.html", context), "text/html")
    for chart in presenting.charts(report):
        picture = MIMEImage(draw(chart), "png")
        picture.add_header("Content-ID", f"<{chart.name}>")
        picture.add_header("Content-Disposition", "inline", filename=f"{chart.name}.png")
        email.attach(picture)
    return email
