"""Getting in, as somebody at the door does it: with a password, with a phone, or not at all."""

import re
import time
from base64 import b32decode

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect

from proactive.roles import COORDINATOR, LEAD
from tests.browser.pages import PASSWORD, sign_in, tab_to
from tests.staff import member_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_after_five_wrong_passwords_the_page_says_when_to_try_again(page, site, watch):
    watch.expect("429")
    member_of(COORDINATOR, password=PASSWORD)
    for _ in range(4):
        sign_in(page, site, "care-coordinator", "wrong")
        expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    sign_in(page, site, "care-coordinator", "wrong")

    told = page.get_by_role("alert")
    expect(told).to_contain_text("5 sign-ins with this name failed")
    expect(told).to_contain_text(re.compile(r"at \w{3} \d+ \w{3} \d{4} \d\d:\d\d \(UTC\)"))
    told.get_by_role("link", name="Back to signing in").click()
    sign_in(page, site, "care-coordinator")
    expect(page.get_by_role("alert")).to_contain_text("not even the right password")


def test_a_lead_sets_up_a_second_factor_and_is_asked_for_it_from_then_on(page, site, watch):
    member_of(LEAD, password=PASSWORD)
    sign_in(page, site, "clinical-lead")

    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    page.goto(f"{site}/admin/caregiving/caregiver/")
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    key = page.locator(".account-key").inner_text()
    enter(page, "000000")
    expect(page.get_by_text("This is not the code that the phone shows now")).to_be_visible()
    enter(page, shown(key))
    backup_codes = page.locator(".account-codes li")
    expect(backup_codes).to_have_count(10)
    backup_code = backup_codes.first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{site}/admin/caregiving/caregiver/")

    page.context.clear_cookies()
    sign_in(page, site, "clinical-lead")
    expect(page.get_by_role("heading", name="Enter the code from your phone")).to_be_visible()
    # The code that set it up is used up; the next is there in half a minute.
    enter(page, shown(key, steps_ahead=1))
    expect(page).to_have_url(f"{site}/admin/")

    page.context.clear_cookies()
    sign_in(page, site, "clinical-lead")
    enter(page, backup_code)
    expect(page.get_by_text("That was a backup code: 9 are left.")).to_be_visible()


def test_a_coordinator_gets_in_with_a_password(page, site, watch):
    member_of(COORDINATOR, password=PASSWORD)
    page.goto(f"{site}/admin/proactive/carealert/")
    page.get_by_label("Username").fill("care-coordinator")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{site}/admin/proactive/carealert/")


def test_one_signs_out_with_the_keyboard_alone(page, site, watch):
    member_of(COORDINATOR, password=PASSWORD)
    sign_in(page, site, "care-coordinator")

    tab_to(page, page.get_by_role("button", name="care-coordinator"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Log out"), backwards=True)
    page.keyboard.press("Enter")

    expect(page.get_by_text("Logged out")).to_be_visible()
    page.goto(f"{site}/admin/")
    expect(page.get_by_label("Password")).to_be_visible()


def enter(page: Page, code: str) -> None:
    page.get_by_role("textbox", name="Code").fill(code)
    page.keyboard.press("Enter")


def shown(key: str, *, steps_ahead: int = 0) -> str:
    """What a phone that knows `key` (as the page writes it) shows, now or so many codes later."""
    phone = TOTP(b32decode(key.replace(" ", "")), drift=steps_ahead)
    phone.time = time.time()
    return f"{phone.token():06}"
