"""Every page of the admin, whatever is registered: usable by everybody, on every screen."""

import pytest

from proactive.roles import ADMINISTRATOR
from tests import admin_rows, admin_site
from tests.browser.looking import faults

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = ["", *sorted(admin_site.models())]


@pytest.mark.parametrize("model", PLACES, ids=lambda model: model or "site")
def test_nothing_serious_is_wrong_with_any_page(model, signed_in, site):
    rows = admin_rows.one_of_each()
    page = signed_in(ADMINISTRATOR)
    found, opened = [], 0
    for address in admin_site.addresses(rows):
        if address.model != model or address.what in ("logout", "old_change"):
            continue
        if not is_page(page.request.get(site + address.url)):
            continue
        page.goto(site + address.url)
        opened += 1
        found += [f"{address} ({address.url}) {fault}" for fault in faults(page)]

    assert opened
    assert not found, "\n".join(found)


def test_nothing_serious_is_wrong_with_the_login(page, site, watch):
    page.goto(f"{site}/admin/login/")

    assert not faults(page)


def is_page(answer) -> bool:
    """Not a part of one, a redirect to one, or a refusal."""
    return answer.status == 200 and "<html" in answer.text()
