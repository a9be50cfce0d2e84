"""The page of the weekly report: any week that is over, for whoever sees the figures of the home
page."""

import pytest
from django.urls import reverse

from proactive.models import WeeklyReport
from proactive.roles import VIEWER
from proactive.weekly.remembering import remember
from tests.proactive.people import NOON
from tests.proactive.weekly.test_presenting import PRIVATE, WEEK, a_life
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

URL = "/admin/proactive/weeklyreport/"


@pytest.fixture(autouse=True)
def tuesday(time_machine):
    time_machine.move_to(NOON, tick=False)


def page(client, **query):
    answer = client.get(URL, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_opens_with_the_last_week_that_is_over_and_leads_to_the_one_before(client):
    sign_in(client, member_of(VIEWER))

    html = page(client)

    assert "Week 2026-W53, 28 Dec 2026 to 3 Jan 2027" in html
    assert 'href="?week=2026-W52"' in html
    assert 'href="?week=2027-W01"' not in html
    assert "Not kept: it is counted anew at each look." in html
    assert not WeeklyReport.objects.exists()


def test_an_old_week_is_what_was_sent(admin_client):
    a_life(WEEK)
    report = remember(WEEK, now=NOON)
    report.row.mark_sent(now=NOON)
    a_life(WEEK)

    html = page(admin_client, week="2026-W53")

    assert "Sent by email: 12:00." in html
    assert report.figures == WeeklyReport.objects.get(monday=WEEK.monday).figures
    assert '<th scope="row">Crisis follow-up</th><td class="base-number">1</td>' in html


def test_it_holds_nothing_about_a_person(admin_client):
    a_life(WEEK.before, WEEK)

    html = page(admin_client)

    assert "Median time to claim" in html
    assert not [one for one in PRIVATE if one in html]


@pytest.mark.parametrize(
    ("week", "says"),
    [("next", "is not a week: write it as 2026-W48"), ("2027-W01", "Week 2027-W01 is not over")],
)
def test_a_week_that_has_none_is_answered_with_the_newest(admin_client, week, says):
    html = page(admin_client, week=week)

    assert says in html
    assert "Week 2026-W53" in html


def test_what_was_typed_is_not_taken_for_html(admin_client):
    assert "<b>x" not in page(admin_client, week="<b>x</b>")


def test_a_row_leads_to_its_week(admin_client):
    row = remember(WEEK, now=NOON).row

    answer = admin_client.get(reverse("admin:proactive_weeklyreport_change", args=[row.pk]))

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{URL}?week=2026-W53"
