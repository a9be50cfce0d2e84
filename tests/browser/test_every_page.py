"""Every page of the admin, whatever is registered: usable by everybody, on every screen."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from proactive.roles import ADMINISTRATOR, COORDINATOR, LEAD, VIEWER
from tests import admin_rows, admin_site
from tests.browser.looking import faults, too_wide
from tests.browser.pages import PASSWORD, ListPage, sign_in
from tests.browser.test_importing import FILE
from tests.browser.test_signing_in import enter, shown
from tests.staff import member_of

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = ["", *sorted(admin_site.models())]
IN_BULK = {
    label: [act.label for act in getattr(model_admin, "acts", ()) if act.in_bulk]
    for label, model_admin in sorted(admin_site.models().items())
}
# Pages that show less, or offer less, to whoever may do less.
DIFFERENT = (
    *("", "caregiving.caregiver", "caregiving.inboundmessage"),
    *("proactive.message", "proactive.carealert", "proactive.messagetemplate"),
)


@pytest.mark.parametrize("model", PLACES, ids=lambda model: model or "site")
def test_nothing_serious_is_wrong_with_any_page(model, signed_in, site):
    rows = admin_rows.one_of_each()
    page = signed_in(ADMINISTRATOR)
    found, opened = [], 0
    for address in pages(rows):
        if address.model == model and opens(page, site + address.url):
            opened += 1
            found += [f"{address} ({address.url}) {fault}" for fault in faults(page)]

    assert opened
    assert not found, "\n".join(found)


@pytest.mark.parametrize("role", [VIEWER, COORDINATOR], ids=lambda role: role.name)
def test_nor_with_what_others_see_of_it(role, signed_in, site):
    rows = admin_rows.one_of_each()
    page = signed_in(role)
    found, opened = [], 0
    for address in pages(rows):
        if not opens(page, site + address.url):
            continue
        opened += 1
        differs = address.model in DIFFERENT and not address.act
        wrong = faults(page, darkness=False) if differs else too_wide(page)
        found += [f"{address} ({address.url}) {fault}" for fault in wrong]

    assert opened > 20
    assert not found, "\n".join(found)


@pytest.mark.parametrize("model", [label for label, acts in IN_BULK.items() if acts])
def test_nor_with_what_is_asked_before_something_is_done_to_several(model, signed_in, site):
    row = admin_rows.one_of_each()[model]
    page = signed_in(ADMINISTRATOR)
    ListPage(page, site).open(model.replace(".", "_")).choose(row).act(IN_BULK[model][-1])

    assert not faults(page)


def test_nor_with_what_an_import_would_do(signed_in, site):
    page = signed_in(ADMINISTRATOR)
    page.goto(site + reverse("admin:caregiving_caregiver_import"))
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    )
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("region", name="Rejected")).to_be_visible()

    assert not faults(page)


def test_nor_at_the_door(page, site, watch):
    watch.expect("429")
    member_of(LEAD, password=PASSWORD)
    found = []
    for _ in range(5):
        sign_in(page, site, "nobody", "wrong")
    found += faults(page)
    page.goto(f"{site}{reverse('admin:login')}")
    found += faults(page)
    sign_in(page, site, "clinical-lead")
    found += faults(page)
    key = page.locator(".account-key").inner_text()
    enter(page, shown(key))
    expect(page.locator(".account-codes")).to_be_visible()
    found += faults(page)
    page.goto(f"{site}{reverse('second_factor')}")
    found += faults(page)
    page.context.clear_cookies()
    sign_in(page, site, "clinical-lead")
    found += faults(page)

    assert not found, "\n".join(found)


def pages(rows):
    """Where somebody can go, but for signing out and for where Django only leads elsewhere."""
    return [one for one in admin_site.addresses(rows) if one.what not in ("logout", "old_change")]


def opens(page: Page, url: str) -> bool:
    """Whether there is a page, and not a part of one, a redirect to one, or a refusal."""
    answer = page.request.get(url)
    if answer.status != 200 or "<html" not in answer.text():
        return False
    page.goto(url)
    return True
