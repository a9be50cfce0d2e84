"""No page of the admin asks the database more, or grows, as the tables behind it do."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proactive.roles import ADMINISTRATOR
from tests import admin_rows, admin_site
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

FEW, MANY = 100, 10_000
# Not pages.
LEFT_OUT = {"logout", "jsi18n", "view_on_site"}


def test_every_table_is_known_as_one_that_grows_or_one_that_stays_small():
    admin_rows.grow_to(3)

    shown = admin_site.models()
    grown = {label for label, one in shown.items() if one.model._default_manager.count() > 2}
    strangers = set(shown) - grown - set(admin_rows.TINY)

    assert not strangers, f"say in tests/admin_rows.py how these grow, or why not: {strangers}"


def test_every_page_costs_as_many_queries_for_10000_rows_as_for_100(client):
    rows = admin_rows.one_of_each()
    admin_rows.grow_to(FEW)
    sign_in(client, member_of(ADMINISTRATOR))

    costs(client, rows)  # what is asked once in a process, such as for content types
    few = costs(client, rows)
    admin_rows.grow_to(MANY)
    many = costs(client, rows)

    more = {
        name: f"{queries} queries for {FEW} rows, {many[name][0]} for {MANY}"
        for name, (queries, _) in few.items()
        if many[name][0] != queries
    }
    longer = {
        name: f"{size:,} bytes for {FEW} rows, {many[name][1]:,} for {MANY}"
        for name, (_, size) in few.items()
        if many[name][1] > 2 * size
    }
    assert not more | longer
    assert len(few) > 40


def costs(client, rows):
    """For each page that this user may see: how many queries it takes, and how long it is."""
    costs = {}
    for address in admin_site.addresses(rows):
        if address.what in LEFT_OUT:
            continue
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address.url)
        if answer.status_code == 200:
            costs[str(address)] = (len(captured), len(answer.content))
    return costs
