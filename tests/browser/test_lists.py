"""What is done from a list: taking it out of the house, and acting on several with the keyboard."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from proactive.models import AuditEntry, CareAlert
from proactive.roles import COORDINATOR, LEAD
from tests.browser.pages import ConfirmPage, ListPage, tab_to
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_list_is_exported_as_it_is_filtered_with_a_reason_and_without_formulas(signed_in, site):
    CaregiverFactory(first_name="=HYPERLINK(1)", phone_number="+14155552671")
    CaregiverFactory(first_name="Walter", journey_phase="churned")
    page = signed_in(LEAD)
    ListPage(page, site).open("caregiving_caregiver", "?journey_phase__exact=active")
    page.get_by_role("link", name="Export").click()
    expect(page.get_by_text("A CSV file with 1 person")).to_be_visible()

    page.get_by_role("button", name="Export").click()
    expect(page.get_by_text("This field is required")).to_be_visible()
    page.locator("[name=reason]").fill("For the board")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()

    assert download.value.suggested_filename == f"people-{timezone.localdate():%Y-%m-%d}.csv"
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert [(row["Name"], row["Phone number"]) for row in rows] == [
        ("'=HYPERLINK(1)", "'+14155552671")
    ]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("export_list", "For the board")


def test_several_are_paused_from_the_list_with_the_keyboard_alone(signed_in, site):
    first, second, third = CaregiverFactory.create_batch(3)
    page = signed_in(COORDINATOR)
    ListPage(page, site).open("caregiving_caregiver")
    for person in (third, second):
        tab_to(page, page.locator(f"input.action-select[value='{person.pk}']"))
        page.keyboard.press("Space")
    menu = page.locator("select[name=action]")
    tab_to(page, menu, backwards=True)
    menu.press("P")
    expect(menu.locator("option:checked")).to_have_text("Pause")
    tab_to(page, page.get_by_role("button", name="Run"))
    page.keyboard.press("Enter")

    confirm = ConfirmPage(page)
    expect(page.get_by_text("For 2 it would be done")).to_be_visible()
    tab_to(page, confirm.reason)
    page.keyboard.type("On holiday")
    tab_to(page, confirm.button("Pause"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("Pause: 2 done.")).to_be_visible()
    for person in (first, second, third):
        person.refresh_from_db()
    assert first.outreach_paused_until is None
    assert second.outreach_paused_until > timezone.now()
    assert third.outreach_paused_until > timezone.now()
    assert AuditEntry.objects.filter(reason="On holiday").count() == 2


def test_alerts_are_claimed_together_and_the_filters_open_with_the_keyboard(signed_in, site):
    now = timezone.now()
    for i in range(2):
        CareAlert.objects.create(
            kind=CareAlert.Kind.CASCADE_UNANSWERED,
            caregiver=CaregiverFactory(),
            opened_at=now - timedelta(hours=i),
        )
    page = signed_in(COORDINATOR)
    alerts = ListPage(page, site).open("proactive_carealert")
    alerts.choose(*CareAlert.objects.all()).act("Claim")
    ConfirmPage(page).confirm("Claim")
    expect(page.get_by_text("Claim: 2 done.")).to_be_visible()

    expect(page.locator("#changelist-filter")).to_be_hidden()
    tab_to(page, page.get_by_role("button", name="Filters"))
    page.keyboard.press("Enter")
    expect(page.locator("#changelist-filter")).to_be_visible()
