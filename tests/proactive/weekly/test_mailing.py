"""The report comes on Monday at eight, once, with its charts inside, and names nobody."""

import re
import smtplib
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from proactive import tasks
from proactive.models import WeeklyReport
from proactive.models.weekly import LEASE
from proactive.weekly.mailing import send, send_when_due
from proactive.weekly.remembering import remember
from proactive.weekly.weeks import Week
from tests.proactive.people import DAY, HOUR, MOMENT
from tests.proactive.weekly.test_presenting import PRIVATE, WEEK, a_life

pytestmark = pytest.mark.django_db

EIGHT = datetime(2027, 1, 4, 8, tzinfo=UTC)
REFUSING = "tests.proactive.weekly.test_mailing.RefusingBackend"
BREAKING = "tests.proactive.weekly.test_mailing.BreakingBackend"


class RefusingBackend(EmailBackend):
    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({"lead@example.org": (550, b"no such mailbox")})


class BreakingBackend(EmailBackend):
    """Takes the mail, and the connection is gone before it has said so."""

    def send_messages(self, messages):
        super().send_messages(messages)
        raise smtplib.SMTPServerDisconnected("gone")


@pytest.fixture(autouse=True)
def recipients(settings):
    settings.WEEKLY_REPORT_EMAIL = ["lead@example.org", "board@example.org"]


# --- When ---


def test_it_comes_on_monday_at_eight_and_not_a_moment_before():
    assert not send_when_due(now=EIGHT - MOMENT)
    assert send_when_due(now=EIGHT)

    (sent,) = mail.outbox
    assert sent.subject == "[CareCheck] Week 2026-W53, 28 Dec 2026 to 3 Jan 2027"
    assert sent.to == ["lead@example.org", "board@example.org"]


@pytest.mark.parametrize(
    ("eight", "week"),
    [
        # Eight in Chicago is 14:00 UTC in winter; on the Monday after the clocks change, 13:00.
        (datetime(2027, 3, 8, 14, tzinfo=UTC), "2027-W09"),
        (datetime(2027, 3, 15, 13, tzinfo=UTC), "2027-W10"),
        (datetime(2027, 11, 8, 14, tzinfo=UTC), "2027-W44"),
    ],
)
def test_eight_is_what_the_clock_of_the_service_shows(eight, week):
    with timezone.override("America/Chicago"):
        assert not send_when_due(now=eight - MOMENT)
        assert send_when_due(now=eight)

    assert week in mail.outbox[0].subject


def test_it_comes_late_after_an_outage_but_not_days_late():
    assert not send_when_due(now=EIGHT + 2 * DAY)
    assert send_when_due(now=EIGHT + 2 * DAY - MOMENT)


def test_every_week_has_one():
    assert send_when_due(now=EIGHT)
    assert send_when_due(now=EIGHT + 7 * DAY)

    assert [one.subject.split()[2] for one in mail.outbox] == ["2026-W53,", "2027-W01,"]


# --- Once ---


def test_it_comes_once_however_often_the_bell_rings():
    assert [send_when_due(now=EIGHT + n * timedelta(minutes=15)) for n in range(4)] == [
        True,
        False,
        False,
        False,
    ]

    assert len(mail.outbox) == 1


def test_of_two_who_are_at_it_one_sends():
    mine, theirs = remember(WEEK, now=EIGHT), remember(WEEK, now=EIGHT)
    assert theirs.row.claim(now=EIGHT)

    assert not send(mine, now=EIGHT + LEASE - MOMENT)
    assert mail.outbox == []


def test_a_claim_of_somebody_who_died_lapses():
    assert remember(WEEK, now=EIGHT).row.claim(now=EIGHT)

    assert not send_when_due(now=EIGHT + LEASE - MOMENT)
    assert send_when_due(now=EIGHT + LEASE)


def test_what_the_mail_server_refused_is_tried_again_and_then_comes_once(settings):
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, REFUSING
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send_when_due(now=EIGHT)
    assert WeeklyReport.objects.get(monday=WEEK.monday).sent_at is None

    settings.EMAIL_BACKEND = working
    assert send_when_due(now=EIGHT + MOMENT)
    assert not send_when_due(now=EIGHT + 2 * HOUR)
    assert WeeklyReport.objects.get(monday=WEEK.monday).sent_at == EIGHT + MOMENT


def test_where_nobody_knows_whether_it_was_taken_the_next_try_waits_and_may_be_a_second(settings):
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, BREAKING
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send_when_due(now=EIGHT)

    settings.EMAIL_BACKEND = working
    assert not send_when_due(now=EIGHT + LEASE - MOMENT)
    assert len(mail.outbox) == 1
    assert send_when_due(now=EIGHT + LEASE)
    assert len(mail.outbox) == 2


def test_without_recipients_the_figures_are_kept_all_the_same(settings):
    settings.WEEKLY_REPORT_EMAIL = []

    assert not send_when_due(now=EIGHT)
    assert mail.outbox == []
    assert WeeklyReport.objects.filter(monday=WEEK.monday).exists()


def test_the_task_sends_it(time_machine):
    time_machine.move_to(EIGHT, tick=False)

    tasks.send_weekly_report()

    assert len(mail.outbox) == 1


# --- What ---


def test_it_brings_its_charts_along_and_asks_no_server_for_anything():
    a_life(WEEK.before, WEEK)
    send_when_due(now=EIGHT)

    (sent,) = mail.outbox
    ((html, kind),) = sent.alternatives
    pictures = {one["Content-ID"]: one for one in sent.attachments}
    assert kind == "text/html"
    assert set(pictures) == {"<followups>", "<texts>", "<people>"}
    assert {f"<{name}>" for name in re.findall(r'src="cid:(\w+)"', html)} == set(pictures)
    for one in pictures.values():
        assert one.get_content_disposition() == "inline"
        assert one.get_payload(decode=True).startswith(b"\x89PNG")
    assert sent.message().get_content_type() == "multipart/related"
    # A link is not followed by itself.
    assert re.findall(r"https?://[^\"\s<]+", html) == [
        "https://outreach.example.org/admin/proactive/weeklyreport/?week=2026-W53"
    ]
    assert not re.search(r"<(script|link|iframe)|url\(|@import", html)


def test_both_forms_say_the_same_and_nothing_about_a_person():
    a_life(WEEK.before, WEEK)
    send_when_due(now=EIGHT)

    (sent,) = mail.outbox
    html = sent.alternatives[0][0]
    for form in (sent.body, html):
        assert "Crisis follow-ups" in form
        assert "Median time to claim" in form
        assert not [one for one in PRIVATE if one in form]


def test_the_next_week_is_compared_with_what_was_sent():
    send_when_due(now=EIGHT)
    kept = WeeklyReport.objects.get(monday=WEEK.monday)
    a_life(WEEK)  # found out only afterwards
    send_when_due(now=EIGHT + 7 * DAY)

    assert kept.figures == remember(Week.parse("2027-W01"), now=EIGHT + 8 * DAY).before
