"""Pages of errors: they come whatever is the matter with the request."""

from urllib.parse import urlencode

import pytest
from django.test import Client

FORM = "application/x-www-form-urlencoded"
UNREADABLE = {
    "another charset": (f"{FORM}; charset=utf-16", b"a=b"),
    "too many fields": (FORM, urlencode([(f"f{n}", "") for n in range(2000)]).encode()),
    "too long": (FORM, b"a=" + b"x" * 3_000_000),
}


@pytest.mark.parametrize(("content_type", "body"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere/", 404), ("/webhooks/twilio/inbound/", 400)]
)
def test_what_was_posted_is_not_read_for_a_page_of_an_error(content_type, body, path, status):
    client = Client(enforce_csrf_checks=True)
    # With it Django looks for its token in the form.
    client.cookies["csrftoken"] = "a" * 32

    assert client.post(path, body, content_type=content_type).status_code == status


def test_an_address_that_leads_nowhere_says_so():
    answer = Client().get("/nowhere/")

    assert answer.status_code == 404
    assert "There is no page at this address." in answer.text
