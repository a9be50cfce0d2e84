"""What a care coordinator does first in the morning, from signing in to what the audit keeps."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from proactive.models import AuditEntry, CareAlert, Sweep
from proactive.roles import ADMINISTRATOR, COORDINATOR
from tests.browser.pages import PASSWORD, ConfirmPage, badge, go_home, go_to, sign_in
from tests.factories import CaregiverFactory, MessageFactory
from tests.staff import member_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alert():
    """A follow-up of two days ago did not arrive; the next is due tomorrow."""
    now = timezone.now()
    crisis = now - timedelta(hours=50)
    person = CaregiverFactory(
        first_name="Josefina",
        burnout_band="crisis",
        created_at=now - timedelta(days=90),
        last_contact_at=now - timedelta(hours=20),
        last_crisis_event_at=crisis,
        crisis_followup_count=1,
        last_proactive_message_at=now - timedelta(hours=25),
    )
    text = MessageFactory(
        caregiver=person,
        occasion=crisis,
        status="undelivered",
        reason="The phone is switched off or out of reach",
        queued_at=now - timedelta(hours=25),
        attempt_started_at=now - timedelta(hours=25),
        sent_at=now - timedelta(hours=25),
    )
    Sweep.objects.create(now=now, finished_at=now)
    return CareAlert.objects.create(
        kind=CareAlert.Kind.FOLLOWUP_FAILED,
        caregiver=person,
        message=text,
        occasion=crisis,
        detail="The phone is switched off or out of reach",
        opened_at=now - timedelta(hours=2),
    )


def test_from_the_alert_to_the_person_and_back(context, page, site, watch, signed_in, alert):
    member_of(COORDINATOR, password=PASSWORD, first_name="Ines", last_name="Roth")
    sign_in(page, site, "care-coordinator")

    # Within ten seconds: who needs a person, and whether outreach is running.
    expect(badge(page)).to_contain_text("Sending is on")
    needs = page.get_by_role("region", name="Needs a person now")
    expect(needs).to_contain_text("1 open alert")
    expect(needs).to_contain_text("Nobody yet: a crisis waits")

    needs.get_by_role("link", name="A crisis follow-up could not be delivered").click()
    expect(page.get_by_text("What to do next")).to_be_visible()
    page.get_by_role("link", name="Claim").click()
    ConfirmPage(page).confirm("Claim")
    expect(page.get_by_role("link", name="Release")).to_be_visible()
    alert.refresh_from_db()
    assert str(alert.claimed_by) == "care-coordinator"

    # Why did they hear from us, what comes next, and why?
    page.get_by_role("region", name="Whom it concerns").get_by_role("link", name="Josefina").click()
    expect(page.get_by_role("heading", name="Next: Crisis follow-up 2")).to_be_visible()
    expect(page.get_by_role("region", name="Next: Crisis follow-up 2")).to_contain_text("Because")
    expect(page.get_by_role("region", name="Open alerts")).to_contain_text("care-coordinator")

    page.get_by_role("link", name="Record a contact").click()
    confirm = ConfirmPage(page)
    expect(confirm.foreseen).to_contain_text("Josefina")
    confirm.say("Called her on the landline").confirm("Record a contact")
    expect(page.get_by_role("heading", name=re.compile("Next: "))).to_be_visible()
    alert.caregiver.refresh_from_db()
    assert timezone.now() - alert.caregiver.last_contact_at < timedelta(hours=1)

    page.get_by_role("region", name="Open alerts").get_by_role("link").first.click()
    page.get_by_role("link", name="Resolve").click()
    ConfirmPage(page).say("Called her, her sister is with her").confirm("Resolve")
    expect(page.get_by_role("link", name="Reopen")).to_be_visible()
    go_home(page, site)
    expect(page.get_by_text("Nobody: no alert is open.")).to_be_visible()

    # An administrator sees who did what, and why.
    acts = [entry.action for entry in AuditEntry.objects.order_by("pk")]
    assert acts == ["claim", "record_contact", "resolve"]
    context.clear_cookies()
    page = signed_in(ADMINISTRATOR)
    go_home(page, site)
    go_to(page, "Audit")
    row = page.get_by_role("row").filter(has_text="Called her on the landline")
    expect(row).to_contain_text("care-coordinator")
    expect(row).to_contain_text("Josefina")
    row.get_by_role("link").first.click()
    expect(page.get_by_text("Last contact at")).to_be_visible()
