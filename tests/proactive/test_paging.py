"""Pages of a long list: counted as far as somebody would leaf."""

import pytest
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from caregiving.models import Caregiver
from proactive.admin.paging import BoundedPaginator
from proactive.counting import Counted
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:caregiving_caregiver_changelist")


@pytest.fixture
def bound(monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "bound", 3)


def paginator():
    return BoundedPaginator(Caregiver.objects.order_by("pk"), per_page=2)


@pytest.mark.parametrize(
    ("people", "counted", "pages"), [(0, "0", 1), (3, "3", 2), (4, "3+", 2), (9, "3+", 2)]
)
def test_rows_are_counted_up_to_the_bound(bound, people, counted, pages):
    CaregiverFactory.create_batch(people)

    assert (str(paginator().count), paginator().num_pages) == (counted, pages)


def test_counting_reads_one_row_more_than_the_bound_at_most_and_sorts_none(bound):
    with CaptureQueriesContext(connection) as queries:
        assert paginator().count == 0

    (sql,) = (query["sql"] for query in queries)
    assert "LIMIT 4" in sql
    assert "ORDER BY" not in sql


def test_a_count_prints_itself_in_templates():
    page = Template("{{ few }} {{ many }} {% if few == 1234 %}equal{% endif %}")

    assert page.render(Context({"few": Counted(1234), "many": Counted(10000, more=True)})) == (
        "1,234 10,000+ equal"
    )


def test_a_plain_list_is_counted_whole(bound):
    assert BoundedPaginator(list(range(9)), per_page=2).count == 9


@pytest.mark.parametrize(
    ("people", "says"),
    [
        (1, "1 person"),
        (3, "3 people"),
        (4, "More than 3 people: the pages show the first of them, narrow the list for others"),
    ],
)
def test_the_foot_of_a_list_says_how_many_there_are(admin_client, bound, people, says):
    CaregiverFactory.create_batch(people)

    html = " ".join(admin_client.get(LIST).content.decode().split())

    assert f'<p class="py-4"> {says} </p>' in html


def test_the_pages_are_links_that_a_screen_reader_finds(admin_client, monkeypatch):
    CaregiverFactory.create_batch(51)

    html = " ".join(admin_client.get(LIST).content.decode().split())

    assert 'aria-label="Pages"' in html
    assert 'href="?p=2"' in html
    assert len(admin_client.get(LIST, {"p": 2}).context["cl"].result_list) == 1


@pytest.mark.parametrize(
    "model", ["message", "inboundmessage", "sweep", "carealert", "refusedwebhook"]
)
def test_no_log_is_counted_to_its_end(admin_client, model):
    app = "caregiving" if model == "inboundmessage" else "proactive"

    with CaptureQueriesContext(connection) as queries:
        assert admin_client.get(reverse(f"admin:{app}_{model}_changelist")).status_code == 200

    counts = [
        query["sql"]
        for query in queries
        if "COUNT(" in query["sql"] and f'"{app}_{model}"' in query["sql"]
    ]
    assert counts
    assert all(
        f"LIMIT {BoundedPaginator.bound + 1})" in sql or "LIMIT 100)" in sql for sql in counts
    )
