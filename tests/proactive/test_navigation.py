"""The sidebar: what this user may open, and nothing else."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import RequestFactory
from django.urls import resolve

from proactive.admin import navigation as sidebar
from proactive.admin.navigation import Item, navigation
from proactive.models import CareAlert
from proactive.roles import ADMINISTRATOR, COORDINATOR, LEAD, VIEWER
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db

FOR_ALL = ["Home", "People", "Care alerts", "Texts", "What people wrote", "Sweeps", "Words"]
FOR_ADMINISTRATORS = ["Accounts", "Roles", "Schedule", "API tokens", "Refused webhooks"]


def somebody(role=None):
    user = User.objects.create_user("nurse", is_staff=True)
    if role:
        user.groups.add(Group.objects.get(name=role.name))
    return user


def groups(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return {group["title"]: group["items"] for group in navigation(request)}


def titles(user):
    return [item["title"] for items in groups(user).values() for item in items]


@pytest.mark.parametrize("role", [VIEWER, COORDINATOR, LEAD])
def test_care_staff_find_everything_of_theirs_and_nothing_that_is_for_administrators(role):
    found = titles(somebody(role))

    assert set(FOR_ALL) | {"Switches"} <= set(found)
    assert not set(FOR_ADMINISTRATORS) & set(found)
    assert "Audit" not in found


def test_administrators_find_also_what_is_theirs():
    found = groups(somebody(ADMINISTRATOR))

    assert list(found) == ["Today", "Log", "Policy", "Administration"]
    assert set(FOR_ADMINISTRATORS) <= {item["title"] for item in found["Administration"]}


def test_whoever_may_nothing_finds_the_way_home():
    assert titles(somebody()) == ["Home"]


def test_every_entry_leads_to_a_page_that_opens(client):
    user = somebody(ADMINISTRATOR)
    client.force_login(user)

    for items in groups(user).values():
        for item in items:
            assert resolve(item["link"])
            assert client.get(item["link"]).status_code == 200


def test_an_entry_whose_page_does_not_exist_is_left_out(monkeypatch):
    nowhere = Item("Nowhere", "question_mark", "admin:no_such_page")
    monkeypatch.setattr(sidebar, "GROUPS", (("Lost", (nowhere,)), *sidebar.GROUPS))

    assert "Nowhere" not in titles(somebody(ADMINISTRATOR))
    assert "Lost" not in groups(User.objects.get())


def test_open_alerts_are_counted_on_every_page_up_to_99(client):
    user = somebody(VIEWER)
    client.force_login(user)

    def badge():
        html = client.get("/admin/proactive/sweep/").content.decode()
        (entry,) = [item for item in groups(user)["Today"] if item["title"] == "Care alerts"]
        assert entry.get("badge", "") in html
        return entry.get("badge")

    assert badge() is None
    CareAlert.objects.bulk_create(
        CareAlert(kind="cascade_unanswered", caregiver=one)
        for one in CaregiverFactory.create_batch(3)
    )
    assert badge() == "3"
    CareAlert.objects.bulk_create(
        CareAlert(kind="cascade_unanswered", caregiver=one)
        for one in CaregiverFactory.create_batch(97)
    )
    assert badge() == "99+"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/admin/", "Home"),
        ("/admin/proactive/cadenceswitch/policy/", "Cadences"),
        ("/admin/proactive/cadenceswitch/", "Switches"),
        ("/admin/proactive/simulation/add/", "What if?"),
        ("/admin/proactive/message/", "Texts"),
        ("/admin/caregiving/caregiver/1/change/", "People"),
    ],
)
def test_one_entry_says_where_one_is(path, title):
    request = RequestFactory().get(path)
    request.user = somebody(LEAD)

    entries = [entry for group in navigation(request) for entry in group["items"]]

    assert [entry["title"] for entry in entries if entry["active"]] == [title]
