"""A clinical lead stops everything and lets it go on; others see that it is so."""

import re
from datetime import UTC, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from proactive.models import AuditEntry, CadenceSwitch, Sweep
from proactive.roles import LEAD, VIEWER
from tests.browser.pages import ConfirmPage, badge, go_home, go_to
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def running():
    """Sweeps run, and somebody is due for a crisis follow-up."""
    now = timezone.now()
    Sweep.objects.create(now=now, finished_at=now)
    crisis = now - timedelta(hours=30)
    CaregiverFactory(
        created_at=now - timedelta(days=90),
        last_contact_at=crisis,
        last_crisis_event_at=crisis,
        # Where it is noon: texts may go out.
        time_zone=f"Etc/GMT{now.astimezone(UTC).hour - 12:+}",
    )


def test_pausing_everything_and_letting_it_go_on(signed_in, site):
    page = signed_in(LEAD)
    go_home(page, site)
    expect(badge(page)).to_contain_text("Sending is on")
    go_to(page, "Cadences")
    offered(page, "Pause until").click()
    confirm = ConfirmPage(page)
    tomorrow = timezone.localtime() + timedelta(days=1)
    confirm.form.locator("[name=until]").fill(f"{tomorrow:%Y-%m-%dT%H:%M}")
    confirm.button("Show what would happen").click()
    expect(confirm.foreseen).to_contain_text("no text goes out until")
    confirm.say("The words are being looked at").confirm("Pause until")

    expect(badge(page)).to_contain_text("Paused until")
    go_home(page, site)
    banner = page.get_by_role("region", name=re.compile("Paused until"))
    expect(banner).to_contain_text("clinical-lead")
    expect(banner).to_contain_text("The words are being looked at")

    go_to(page, "Cadences")
    offered(page, "Switch on").click()
    waits = confirm.foreseen.get_by_role("row", name=re.compile("^Crisis follow-up"))
    expect(waits.get_by_role("cell").last).to_have_text("1")
    confirm.say("They are right").confirm("Switch on")

    expect(badge(page)).to_contain_text("Sending is on")
    assert CadenceSwitch.objects.get().is_open(timezone.now())
    entries = AuditEntry.objects.order_by("pk").values_list("action", "reason")
    assert list(entries) == [
        ("pause", "The words are being looked at"),
        ("switch_on", "They are right"),
    ]


def test_whoever_may_only_look_sees_that_it_is_paused_and_no_button(signed_in, site):
    CadenceSwitch.objects.create(
        cadence=CadenceSwitch.EVERYTHING,
        paused_until=timezone.now() + timedelta(days=1),
        reason="The words are being looked at",
    )
    page = signed_in(VIEWER)
    go_home(page, site)
    banner = page.get_by_role("region", name=re.compile("Paused until"))
    expect(banner).to_contain_text("The words are being looked at")

    go_to(page, "Cadences")
    expect(page.get_by_role("region", name="All sending")).to_contain_text("Paused until")
    for label in ("Switch on", "Switch off", "Pause until", "Send a test text"):
        expect(page.get_by_role("link", name=re.compile(f"^{label}"))).to_have_count(0)


def offered(page: Page, label: str):
    everything = page.get_by_role("region", name="All sending")
    return everything.get_by_role("link", name=re.compile(f"^{label}"))
