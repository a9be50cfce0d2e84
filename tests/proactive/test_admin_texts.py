"""Texts in the back office: staff settle what nobody saw end, and read what people wrote."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from caregiving.models import Caregiver, InboundMessage
from proactive.models import AuditEntry, CareAlert, Message, RefusedWebhook
from tests.factories import CaregiverFactory, MessageFactory

pytestmark = pytest.mark.django_db

ACTIONS = {"it_arrived": "sent", "send_again": "cancelled"}


@pytest.fixture
def unknown():
    message = MessageFactory(status="unknown", attempt_started_at=timezone.now())
    CareAlert.objects.create(kind="outcome_unknown", message=message, caregiver=message.caregiver)
    return message


def page(message):
    return reverse("admin:proactive_message_change", args=[message.pk])


def action(name, message):
    return reverse("admin:proactive_message_act", args=[message.pk, name])


def submit(client, name, message, reason="she told me"):
    return client.post(action(name, message), {"reason": reason})


def state():
    return [list(model.objects.values()) for model in (Message, CareAlert, AuditEntry)]


@pytest.mark.parametrize(("name", "status"), ACTIONS.items())
def test_staff_settle_an_unknown_text_and_leave_their_name(admin_client, unknown, name, status):
    assert action(name, unknown) in admin_client.get(page(unknown)).content.decode()

    answer = submit(admin_client, name, unknown)

    assert answer.url == page(unknown)
    unknown.refresh_from_db()
    assert unknown.status == status
    assert unknown.reason.startswith("admin ")
    assert unknown.reason.endswith(": she told me")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.says, entry.reason) == (name, unknown.reason, "she told me")
    assert entry.changes == {"status": ["unknown", status]}
    assert (entry.by.username, entry.caregiver) == ("admin", unknown.caregiver)
    assert CareAlert.objects.get().resolved_by.username == "admin"


@pytest.mark.parametrize("name", ACTIONS)
def test_looking_at_the_dialog_or_leaving_out_how_one_knows_changes_nothing(
    admin_client, unknown, name
):
    before = state()

    admin_client.get(action(name, unknown) + "?reason=looking")
    submit(admin_client, name, unknown, reason=" ")

    assert state() == before


@pytest.mark.parametrize("name", ACTIONS)
def test_whoever_may_only_look_cannot_settle(client, unknown, name):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(viewer)
    before = state()

    assert submit(client, name, unknown).status_code == 403
    assert state() == before


@pytest.mark.parametrize("name", ACTIONS)
def test_what_became_known_meanwhile_is_not_settled_any_more(admin_client, unknown, name):
    unknown.mark_sent(now=timezone.now(), provider_sid="SM1")

    submit(admin_client, name, unknown)

    assert action(name, unknown) not in admin_client.get(page(unknown)).content.decode()
    unknown.refresh_from_db()
    assert (unknown.status, AuditEntry.objects.count()) == ("sent", 0)


def test_staff_read_what_people_wrote_and_how_it_was_understood(admin_client):
    someone = CaregiverFactory()
    InboundMessage.objects.create(
        caregiver=someone,
        from_number=someone.phone_number,
        body="please stop texting me",
        intent="stop",
        media=[{"url": "https://example.org/1", "content_type": "image/png"}],
        provider_sid="SM1",
    )

    listed = admin_client.get(reverse("admin:caregiving_inboundmessage_changelist"))
    person = admin_client.get(reverse("admin:caregiving_caregiver_change", args=[someone.pk]))

    for html in (listed.content.decode(), person.content.decode()):
        assert "please stop texting me" in html
        assert "Stop texting" in html
    assert "(1 file)" in person.content.decode()


def test_a_number_that_cannot_be_texted_shows_in_the_list_and_on_the_page(admin_client):
    someone = CaregiverFactory(
        unreachable_at=timezone.now(), unreachable_reason="The number is a landline (21635)"
    )
    CaregiverFactory()

    filtered = admin_client.get(
        reverse("admin:caregiving_caregiver_changelist"), {"unreachable_at__isempty": "0"}
    )
    html = admin_client.get(reverse("admin:caregiving_caregiver_change", args=[someone.pk]))

    assert list(filtered.context["cl"].queryset) == [someone]
    assert "The number is a landline (21635)" in html.content.decode()


def test_a_corrected_number_can_be_texted_and_its_earlier_stop_holds(admin_client):
    someone = CaregiverFactory(unreachable_at=timezone.now(), unreachable_reason="a landline")
    InboundMessage.objects.create(
        from_number="+14155550199", body="STOP", intent="stop", provider_sid="SM1"
    )
    url = reverse("admin:caregiving_caregiver_change", args=[someone.pk])
    form = admin_client.get(url).context["adminform"].form
    values = {name: value for name, value in form.initial.items() if value is not None}

    answer = admin_client.post(url, values | {"phone_number": "(415) 555-0199"})

    assert answer.status_code == 302
    someone = Caregiver.objects.get()
    assert (someone.phone_number, someone.unreachable_at) == ("+14155550199", None)
    assert someone.opted_out_at is not None


def test_refused_webhooks_are_counted_where_staff_see_them(admin_client):
    RefusedWebhook.objects.create(day="2027-01-05", endpoint="inbound", count=41)

    html = admin_client.get(reverse("admin:proactive_refusedwebhook_changelist"))

    assert "41" in html.content.decode()
