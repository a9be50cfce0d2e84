"""Legal hold: who may put somebody under it, what is kept of that, and how it ends."""

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.urls import reverse

from caregiving import events
from caregiving.models import Caregiver
from proactive.models import AuditEntry
from tests.proactive.people import DAY, DUE, NOON, person, sweep

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def lead(client):
    return member(client, "Clinical lead")


def member(client, role):
    user = User.objects.create_user(role, first_name="Lee", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def held(**fields):
    return person(legal_hold_since=NOON - DAY, legal_hold_reason="Case 12", **fields)


def page(someone, name):
    return reverse("admin:caregiving_caregiver_act", args=[someone.pk, name])


def change(someone):
    return reverse("admin:caregiving_caregiver_change", args=[someone.pk])


def on_record(someone):
    fields = ("legal_hold_since", "legal_hold_by__username", "legal_hold_reason")
    return Caregiver.objects.values_list(*fields).get(pk=someone.pk)


def test_a_hold_keeps_who_since_when_and_why_and_stands_in_the_audit(lead):
    someone = person()

    looked = lead.post(page(someone, "hold"), {"look": "1"}).content.decode()
    assert "under legal hold: nothing that was written to or by them is deleted" in looked
    assert on_record(someone) == (None, None, "")

    lead.post(page(someone, "hold"), {"reason": "Subpoena of 4 January"})

    assert on_record(someone) == (NOON, "Clinical lead", "Subpoena of 4 January")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("hold", "Subpoena of 4 January")
    assert entry.changes["legal_hold_since"] == [None, "2027-01-05T12:00:00Z"]
    assert set(entry.changes) == {"legal_hold_since", "legal_hold_by_id", "legal_hold_reason"}
    html = lead.get(change(someone)).content.decode()
    assert "Legal hold" in html
    assert "Subpoena of 4 January" in html


def test_a_second_hold_leaves_the_first_as_it_is(lead):
    someone = held()

    answer = lead.post(page(someone, "hold"), {"reason": "Another"}, follow=True)

    says = "is under legal hold since 2027-01-04 already"
    assert [str(one) for one in answer.context["messages"]] == [f"1 skipped. {someone}: {says}."]
    assert on_record(someone) == (NOON - DAY, None, "Case 12")
    assert not AuditEntry.objects.exists()


def test_lifting_shows_what_it_was_for_and_is_kept(lead):
    someone = held()

    looked = lead.post(page(someone, "lift_hold"), {"look": "1"}).content.decode()
    assert "no longer under legal hold (since 2027-01-04: Case 12)" in looked
    lead.post(page(someone, "lift_hold"), {"reason": "Settled"})

    assert on_record(someone) == (None, None, "")
    assert AuditEntry.objects.get().changes["legal_hold_reason"] == ["Case 12", ""]
    again = lead.post(page(someone, "lift_hold"), {"reason": "x"}, follow=True)
    assert "is not under legal hold" in str(list(again.context["messages"])[-1])


@pytest.mark.parametrize(("name", "someone"), [("hold", person), ("lift_hold", held)])
def test_only_a_lead_may(client, name, someone):
    someone = someone()
    member(client, "Care coordinator")
    before = on_record(someone)

    assert page(someone, name) not in client.get(change(someone)).content.decode()
    assert client.post(page(someone, name), {"reason": "x"}).status_code == 403
    assert on_record(someone) == before


@pytest.mark.parametrize(
    ("someone", "offered"), [(person, {"hold"}), (held, {"lift_hold"})], ids=["free", "held"]
)
def test_only_what_applies_is_offered(lead, someone, offered):
    someone = someone()
    html = lead.get(change(someone)).content.decode()
    assert {name for name in ("hold", "lift_hold") if page(someone, name) in html} == offered


def test_several_can_be_put_under_one_hold_and_are_found_in_their_list(lead):
    people = [person(first_name=name) for name in ("Abigail", "Bartholomew", "Clementine")]
    several = reverse("admin:caregiving_caregiver_act_on_several", args=["hold"])

    lead.post(several, {"row": [one.pk for one in people[:2]], "reason": "Case 12"})

    url = reverse("admin:caregiving_caregiver_changelist")
    html = lead.get(url, {"cohort": "legal-hold"}).content.decode()
    found = [one.first_name for one in people if one.first_name in html]
    assert found == ["Abigail", "Bartholomew"]


def test_texts_go_on_under_a_hold():
    held(**DUE["wellness"](NOON))
    assert sweep() == [("wellness", "high")]


def test_the_events_change_nothing_the_second_time():
    by = User.objects.create_user("lee")
    someone = person()
    for at, reason in ((NOON, "first"), (NOON + DAY, "second")):
        events.record_legal_hold(someone, by=by, reason=reason, at=at)
    assert on_record(someone) == (NOON, "lee", "first")
    with transaction.atomic():
        for _ in range(2):
            events.lift_legal_hold(someone)
    assert on_record(someone) == (None, None, "")
