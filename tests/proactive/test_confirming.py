"""Acts of staff: a look first, then a reason, then each row asked again and the audit."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.admin.confirming import MOST, foresee
from proactive.admin.texts import IT_ARRIVED
from proactive.models import AuditEntry, Message
from tests.factories import CaregiverFactory, MessageFactory

pytestmark = pytest.mark.django_db

SEVERAL = reverse("admin:proactive_message_act_on_several", args=["it_arrived"])
LIST = reverse("admin:proactive_message_changelist")


@pytest.fixture
def coordinator(client):
    user = User.objects.create_user("nurse", is_staff=True)
    user.groups.add(Group.objects.get(name="Care coordinator"))
    client.force_login(user)
    return client


def unknowns(count):
    return MessageFactory.create_batch(count, status="unknown", attempt_started_at=timezone.now())


def choose(client, rows):
    return client.post(LIST, {"action": "it_arrived", "_selected_action": [row.pk for row in rows]})


def statuses():
    return sorted(Message.objects.values_list("status", flat=True))


def test_what_was_chosen_in_the_list_is_shown_with_its_count_before_anything_happens(coordinator):
    rows = unknowns(3)
    rows[0].mark_sent(now=timezone.now(), provider_sid="SM1")

    html = choose(coordinator, rows).content.decode()

    assert "For 2 it would be done" in html
    assert "1 would be skipped" in html
    assert "what became of it is known: sent" in html
    assert statuses() == ["sent", "unknown", "unknown"]


def test_each_row_is_asked_again_when_it_is_done_and_who_was_skipped_is_told(coordinator):
    rows = unknowns(3)
    choose(coordinator, rows)
    rows[0].mark_sent(now=timezone.now(), provider_sid="SM1")

    answer = coordinator.post(
        SEVERAL, {"row": [row.pk for row in rows], "reason": "log"}, follow=True
    )

    assert answer.redirect_chain == [(LIST, 302)]
    says = [str(message) for message in answer.context["messages"]]
    assert says[0] == "It arrived: 2 done."
    assert says[1].startswith("1 skipped. ")
    assert statuses() == ["sent"] * 3
    assert set(AuditEntry.objects.values_list("target_id", flat=True)) == {
        str(row.pk) for row in rows[1:]
    }


def test_without_a_reason_nothing_happens_and_the_choice_is_kept(coordinator):
    rows = unknowns(2)

    html = coordinator.post(SEVERAL, {"row": [row.pk for row in rows]}).content.decode()

    assert "This field is required" in html
    assert all(f'name="row" value="{row.pk}"' in html for row in rows)
    assert statuses() == ["unknown"] * 2
    assert not AuditEntry.objects.exists()


def test_more_than_can_be_done_at_once_are_refused_as_a_whole(coordinator, monkeypatch):
    monkeypatch.setattr("proactive.admin.confirming.MOST", 2)

    answer = coordinator.post(
        LIST, {"action": "it_arrived", "_selected_action": [row.pk for row in unknowns(3)]}
    )

    assert answer.url == LIST
    assert "More than 2 are chosen" in answer.wsgi_request._messages._queued_messages[0].message


def test_looking_at_many_costs_no_query_for_each(coordinator, django_assert_max_num_queries):
    rows = unknowns(60)

    with django_assert_max_num_queries(12):
        choose(coordinator, rows)


def test_as_many_as_can_be_chosen_can_be_done(coordinator):
    people = Caregiver.objects.bulk_create(CaregiverFactory.build_batch(MOST))
    Message.objects.bulk_create(
        MessageFactory.build(caregiver=one, status="unknown", attempt_started_at=timezone.now())
        for one in people
    )
    rows = list(Message.objects.all())
    assert f"For {MOST} it would be done" in choose(coordinator, rows).content.decode()

    # Without a reason: the form is read, and comes back.
    again = coordinator.post(SEVERAL, {"row": [row.pk for row in rows], "reason": ""})

    assert "This field is required" in again.content.decode()


def test_what_an_act_reads_for_all_rows_at_once_is_there_when_each_is_foreseen():
    def prepare(rows):
        for row in rows:
            row.read = len(rows)

    act = replace(IT_ARRIVED, prepare=prepare, foresee=lambda row, data, now: f"one of {row.read}")
    rows = [MessageFactory.build(), MessageFactory.build()]

    assert [one.says for one in foresee(act, rows, {}, timezone.now())] == ["one of 2"] * 2


def test_what_also_needs_another_permission_is_refused_without_it(client, monkeypatch):
    user = User.objects.create_user("settles", is_staff=True)
    names = ("view_message", "settle_message")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    (row,) = unknowns(1)
    url = reverse("admin:proactive_message_act", args=[row.pk, "it_arrived"])
    page = reverse("admin:proactive_message_change", args=[row.pk])
    assert client.get(url).status_code == 200
    assert url in client.get(page).content.decode()

    needy = replace(IT_ARRIVED, also_needs=("proactive.see_body",))
    monkeypatch.setattr("proactive.admin.texts.MessageAdmin.acts", (needy,))

    assert client.get(url).status_code == client.post(url, {"reason": "x"}).status_code == 403
    assert url not in client.get(page).content.decode()
    assert "would be done" not in choose(client, [row]).content.decode()
    assert statuses() == ["unknown"]


def test_an_act_that_does_not_exist_or_a_row_that_is_gone_is_not_found(coordinator):
    (row,) = unknowns(1)

    for key, act in ((row.pk, "fly"), ("not-a-key", "it_arrived"), (1, "it_arrived")):
        url = reverse("admin:proactive_message_act", args=[key, act])
        assert coordinator.get(url).status_code == 404


def test_whoever_may_not_is_not_offered_it_and_refused(client):
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(user)
    (row,) = unknowns(1)

    page = client.get(reverse("admin:proactive_message_change", args=[row.pk])).content.decode()

    assert "It arrived" not in page
    assert client.post(SEVERAL, {"row": [row.pk], "reason": "x"}).status_code == 403
    assert statuses() == ["unknown"]


@pytest.mark.parametrize("key", ["x", "9" * 30, "-1"])
def test_a_row_that_cannot_be_is_not_found(coordinator, key):
    one = reverse("admin:caregiving_caregiver_act", args=[key, "resume"])
    several = reverse("admin:caregiving_caregiver_act_on_several", args=["resume"])

    assert coordinator.get(one).status_code == 404
    assert coordinator.post(several, {"row": key, "reason": "x"}).status_code in (302, 404)
