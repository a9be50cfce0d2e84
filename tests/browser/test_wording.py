"""A clinical lead changes the words of a text, sees them as phones would, and takes them back."""

import pytest
from playwright.sync_api import expect

from proactive.models import AuditEntry, MessageTemplate
from proactive.roles import COORDINATOR, LEAD
from tests.browser.pages import ConfirmPage, RowPage

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "Hi $first_name, how are you since we talked? If it gets too much, call or text 988."


@pytest.fixture
def template():
    return MessageTemplate.objects.get(cadence="crisis_followup", stage=1, language="en")


def test_words_are_previewed_saved_with_a_reason_and_taken_back(signed_in, site, template):
    page = signed_in(LEAD)
    before = template.body
    RowPage(page, site).open(template)
    words, phones = page.get_by_label("Words"), page.locator("#policy-preview")

    words.fill(WORDS)
    expect(phones).to_contain_text("Hi Alex, how are you since we talked?")
    usual = phones.get_by_text("1 segment").first
    expect(usual).to_contain_text("GSM-7 characters; $0.0079 each, $7.90 for 1,000")

    words.press_sequentially(" \U0001f49c")
    expect(phones.get_by_text("2 segments").first).to_be_visible()
    expect(phones.locator(".policy-warnings")).to_contain_text("\U0001f49c")
    expect(page.locator("[data-policy-status]")).to_contain_text("At most")
    template.refresh_from_db()
    assert template.body == before

    words.fill(WORDS)
    expect(phones.locator(".policy-warnings")).to_have_count(0)
    page.get_by_label("Why").fill("Shorter, and they are asked something")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The next sweep writes with these words.")).to_be_visible()
    template.refresh_from_db()
    assert template.body == WORDS

    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("clinical-lead")
    expect(history).to_contain_text("Shorter, and they are asked something")
    expect(history.locator("ins").first).to_be_visible()
    expect(history.locator("del").first).to_be_visible()

    history.get_by_role("link", name="Back to the words before this change").click()
    confirm = ConfirmPage(page)
    expect(confirm.foreseen.locator("ins").first).to_be_visible()
    confirm.say("The old ones were understood better").confirm("Back to older words")
    expect(page.get_by_text("back to older words", exact=False).first).to_be_visible()
    template.refresh_from_db()
    assert template.body == before
    assert AuditEntry.objects.filter(target_id=str(template.pk)).count() == 2


def test_words_that_cannot_be_sent_are_refused_where_they_stand(signed_in, site, template):
    page = signed_in(LEAD)
    RowPage(page, site).open(template)

    page.get_by_label("Words").fill("Hi $nmae")
    expect(page.locator("#policy-preview")).to_contain_text("It cannot be saved like this.")
    page.get_by_label("Why").fill("To try")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_label("Words")).to_have_value("Hi $nmae")
    assert not AuditEntry.objects.exists()


def test_whoever_may_not_change_words_reads_them(signed_in, site, template):
    page = signed_in(COORDINATOR)
    RowPage(page, site).open(template)

    expect(page.locator(".policy-bubble").first).to_be_visible()
    expect(page.locator("[name=body]")).to_have_count(0)
    expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
