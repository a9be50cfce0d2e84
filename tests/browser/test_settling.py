"""Somebody finds out what became of a text whose outcome is unknown, and says so."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from proactive.models import AuditEntry, CareAlert
from proactive.roles import COORDINATOR, VIEWER
from tests.browser.pages import ConfirmPage, ListPage, RowPage, tab_to
from tests.factories import CaregiverFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+14155552671"


@pytest.fixture
def unknown():
    person = CaregiverFactory(first_name="Josefina", phone_number=NUMBER)
    message = MessageFactory(
        caregiver=person, status="unknown", attempt_started_at=timezone.now(), body="How are you?"
    )
    CareAlert.objects.create(kind=CareAlert.Kind.OUTCOME_UNKNOWN, caregiver=person, message=message)
    return message


def test_through_the_page_of_the_text(signed_in, site, unknown):
    page = signed_in(COORDINATOR)
    RowPage(page, site).open(unknown).act("It arrived")
    confirm = ConfirmPage(page)
    expect(confirm.foreseen).to_contain_text("Josefina")
    unknown.refresh_from_db()
    assert unknown.status == "unknown"

    confirm.say("She told me on the phone").confirm("It arrived")

    expect(page.get_by_text("Josefina").first).to_be_visible()
    settled(unknown)


def test_through_the_list_for_several_at_once(signed_in, site, unknown):
    known = MessageFactory(status="delivered")
    page = signed_in(COORDINATOR)
    ListPage(page, site).open("proactive_message").choose(unknown, known).act("It arrived")
    confirm = ConfirmPage(page)
    expect(page.get_by_text("For 1 it would be done")).to_be_visible()
    expect(page.get_by_text("1 would be skipped")).to_be_visible()

    confirm.say("She told me on the phone").confirm("It arrived")

    expect(page).to_have_url(re.compile("/admin/proactive/message/$"))
    settled(unknown)


def test_with_the_keyboard_alone(signed_in, site, unknown):
    page = signed_in(COORDINATOR)
    RowPage(page, site).open(unknown)
    tab_to(page, page.get_by_role("link", name="It arrived"))
    page.keyboard.press("Enter")
    confirm = ConfirmPage(page)

    tab_to(page, confirm.reason)
    page.keyboard.type("She told me on the phone")
    for control in confirm.buttons("It arrived"):
        tab_to(page, control)
    tab_to(page, confirm.button("It arrived"), backwards=True)
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="It arrived")).to_have_count(0)
    settled(unknown)


def test_without_a_reason_the_page_says_so_and_nothing_happens(signed_in, site, unknown):
    page = signed_in(COORDINATOR)
    RowPage(page, site).open(unknown).act("It arrived")

    ConfirmPage(page).confirm("It arrived")

    expect(page.get_by_text("This field is required")).to_be_visible()
    unknown.refresh_from_db()
    assert unknown.status == "unknown"


def test_whoever_may_only_look_is_offered_nothing(signed_in, site, unknown):
    page = signed_in(VIEWER)
    RowPage(page, site).open(unknown)

    expect(page.get_by_role("heading", name="Crisis follow-up 1", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="It arrived")).to_have_count(0)
    ListPage(page, site).open("proactive_message")
    expect(page.locator("select[name=action]")).to_have_count(0)


@pytest.mark.parametrize("name", ["proactive_message", "caregiving_caregiver"])
def test_whoever_may_not_see_numbers_sees_them_masked(signed_in, site, unknown, name):
    row = unknown if name == "proactive_message" else unknown.caregiver
    page = signed_in(VIEWER)
    for open_it in (lambda: ListPage(page, site).open(name), lambda: RowPage(page, site).open(row)):
        open_it()
        assert NUMBER not in page.content()
        assert "How are you?" not in page.content()


def settled(message):
    message.refresh_from_db()
    entry = AuditEntry.objects.get()
    assert message.status == "sent"
    assert CareAlert.objects.get().resolved_at
    assert (entry.action, entry.target_id) == ("it_arrived", str(message.pk))
    assert entry.reason == "She told me on the phone"
    assert entry.by.groups.get().name == COORDINATOR.name
