"""No page of the admin asks the database more, or grows, as the tables behind it do."""

from typing import NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proactive.roles import ADMINISTRATOR
from tests import admin_rows, admin_site
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

# Less than a page of a list, a whole one, and what a service has after some years.
PART, FEW, MANY = 10, 100, 10_000
# Not pages.
LEFT_OUT = {"logout", "jsi18n", "view_on_site"}


def test_every_table_is_known_as_one_that_grows_or_one_that_stays_small():
    admin_rows.grow_to(3)

    shown = admin_site.models()
    grown = {label for label, one in shown.items() if one.model._default_manager.count() > 2}
    strangers = set(shown) - grown - set(admin_rows.TINY)

    assert not strangers, f"say in tests/admin_rows.py how these grow, or why not: {strangers}"


def test_every_page_costs_as_many_queries_for_10000_rows_as_for_100_and_for_10(client):
    rows = admin_rows.one_of_each()
    sign_in(client, member_of(ADMINISTRATOR))
    measured = {}
    for size in (PART, FEW, MANY):
        admin_rows.grow_to(size)
        if size == PART:
            costs(client, rows)  # what is asked once in a process, such as for content types
        measured[size] = costs(client, rows)

    more = {
        page: f"{' / '.join(str(measured[size][page].queries) for size in measured)} queries"
        for page in measured[MANY]
        if len({measured[size][page].queries for size in measured}) > 1
    }
    longer = {
        page: f"{measured[FEW][page].size:,} bytes, then {many.size:,}"
        for page, many in measured[MANY].items()
        if many.size > 2 * measured[FEW][page].size
    }
    assert not more, f"for {PART} / {FEW} / {MANY} rows"
    assert not longer, f"for {FEW} and {MANY} rows"
    assert len(measured[MANY]) > 40


@pytest.fixture(autouse=True)
def sessions(settings):
    """In the cookie: one in the database is written once a minute, on whatever page that comes."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"


class Cost(NamedTuple):
    queries: int
    size: int  # bytes


def costs(client, rows):
    """Of each page that this user may see."""
    costs = {}
    for address in admin_site.addresses(rows):
        if address.what in LEFT_OUT:
            continue
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address.url)
        if answer.status_code == 200:
            costs[str(address)] = Cost(len(captured), len(answer.content))
    return costs
