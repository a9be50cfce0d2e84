"""Forms with choices that have long labels, on a phone."""

import pytest

from proactive.roles import ADMINISTRATOR
from tests.browser.chromium import PHONE

pytestmark = pytest.mark.django_db(transaction=True)

_CUT_OFF = """labels => labels
    .filter(label => label.scrollWidth > label.clientWidth)
    .map(label => label.textContent.trim())"""


@pytest.mark.parametrize("model", ["webhookendpoint", "apitoken"])
def test_no_choice_is_cut_off_on_a_phone(signed_in, site, model):
    page = signed_in(ADMINISTRATOR)
    page.set_viewport_size(PHONE)
    page.goto(f"{site}/admin/proactive/{model}/add/")
    labels = page.locator("label > [type=checkbox] + span")

    assert labels.count() > 1
    assert labels.evaluate_all(_CUT_OFF) == []
