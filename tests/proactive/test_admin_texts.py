"""Texts in the back office: staff settle what nobody saw end, and read what people wrote."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from django.utils import timezone

from caregiving.models import Caregiver, InboundMessage
from proactive.models import AuditEntry, CareAlert, Message, RefusedWebhook, Sweep
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
        reverse("admin:caregiving_caregiver_changelist"), {"cohort": "unreachable"}
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


# --- The log of texts ---

TEXTS = reverse("admin:proactive_message_changelist")
INBOUND = reverse("admin:caregiving_inboundmessage_changelist")


@pytest.fixture
def viewer(client):
    """May look at everything, and see neither whole numbers nor what was written."""
    user = User.objects.create_user("vera", is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(user)
    return client


def listed(client, url=TEXTS, **query):
    answer = client.get(url, query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def test_plain_lookups_in_the_address_narrow_the_list(admin_client):
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    wellness = {"cadence": "wellness", "stage": None, "occasion": None}
    answered = MessageFactory(status="delivered", sent_at=at, replied_at=at, **wellness)
    silent = MessageFactory(status="delivered", sent_at=at, **wellness)
    earlier = MessageFactory(
        status="delivered", sent_at=at - timedelta(days=1), replied_at=at, **wellness
    )
    crisis = MessageFactory(status="failed", stage=2, queued_at=at - timedelta(days=9))

    since = {"sent_at__gte": "2026-11-24T00:00:00Z"}
    delivered = {"status__exact": "delivered", "cadence__exact": "wellness"}
    assert listed(admin_client, **since, **delivered, replied_at__isnull="False") == [answered]
    assert set(listed(admin_client, **since, **delivered)) == {answered, silent}
    assert listed(admin_client, replied_at__isnull="True", **delivered) == [silent]
    assert listed(admin_client, sent_at__lt="2026-11-24T00:00:00Z") == [earlier]
    assert listed(admin_client, cadence__exact="crisis_followup", stage__exact="2") == [crisis]
    assert listed(admin_client, queued_at__lt="2026-11-20T00:00:00Z") == [crisis]
    assert listed(admin_client, status__in="failed,unknown") == [crisis]
    assert listed(admin_client, caregiver__id__exact=crisis.caregiver_id) == [crisis]


@pytest.mark.parametrize(
    "typed", ["(415) 555-2671", "+14155552671", "5552671", "2671", "josef", "SM77"]
)
def test_texts_are_found_by_name_number_or_sid(admin_client, typed):
    someone = CaregiverFactory(first_name="Josefina", phone_number="+14155552671")
    hers = MessageFactory(caregiver=someone, provider_sid="SM77")
    MessageFactory(
        caregiver=CaregiverFactory(first_name="Ben", phone_number="+13125550000"),
        provider_sid="SM78",
    )

    assert listed(admin_client, q=typed) == [hers]


@pytest.mark.parametrize(
    ("typed", "found"), [("(415) 555-2671", 1), ("2671", 0), ("5552", 0), ("415555", 0)]
)
def test_a_number_cannot_be_guessed_by_searching(viewer, typed, found):
    MessageFactory(caregiver=CaregiverFactory(first_name="Jo", phone_number="+14155552671"))

    assert len(listed(viewer, q=typed)) == found


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (TEXTS, {"body__contains": "How"}),
        (TEXTS, {"to_number__startswith": "+1415"}),
        (INBOUND, {"body__contains": "stop"}),
        (INBOUND, {"from_number__startswith": "+1415"}),
    ],
)
def test_what_may_not_be_seen_cannot_be_asked_for_in_the_address(viewer, admin_user, url, query):
    assert viewer.get(url, query).status_code == 400

    viewer.force_login(admin_user)
    assert viewer.get(url, query).status_code == 200


def test_the_list_says_what_and_why_in_words(admin_client):
    MessageFactory(status="undelivered", error_code="30006", reason="")
    MessageFactory(status="queued", because="crisis Mon 4 Jan 10:00: 1 of 7 is due")

    html = admin_client.get(TEXTS).content.decode()

    for words in (
        *("Crisis follow-up 1", "Undelivered", "crisis Mon 4 Jan 10:00: 1 of 7 is due"),
        "The number is a landline, or its carrier cannot be reached (30006)",
    ):
        assert words in html


@pytest.fixture
def sent():
    at = datetime(2026, 11, 24, 20, tzinfo=UTC)
    return MessageFactory(
        caregiver=CaregiverFactory(
            phone_number="+14155552671", first_name="Josefina", time_zone="America/Chicago"
        ),
        sweep=Sweep.objects.create(now=at),
        status="delivered",
        body="Hi Josefina, how are you today?",
        because="1 of 7 is due",
        occasion=at - timedelta(days=1),
        queued_at=at,
        attempt_started_at=at + timedelta(seconds=5),
        attempts=2,
        lookups=1,
        sent_at=at + timedelta(seconds=6),
        delivered_at=at + timedelta(seconds=9),
        replied_at=at + timedelta(hours=4),
        provider_sid="SM77",
    )


def test_the_page_of_a_text_tells_its_whole_story(admin_client, admin_user, sent):
    Message.objects.update(ordered_by=admin_user)
    alert = CareAlert.objects.create(kind="duplicate", message=sent, caregiver=sent.caregiver)

    answer = admin_client.get(page(sent))

    assert [label for label, _ in answer.context["steps"]] == [
        *("What earned it", "Queued", "Attempt 2", "Sent", "Delivered", "They answered")
    ]
    html = answer.content.decode()
    for words in (
        *("Delivered: it is on their phone", "1 of 7 is due", "Hi Josefina, how are you today?"),
        *("Wed 25 Nov 2026 00:00:00", "Tue 24 Nov 2026 18:00:00"),  # the answer, here and there
        *("+14155552671", "SM77", "admin", "America/Chicago"),
        reverse("admin:proactive_carealert_change", args=[alert.pk]),
    ):
        assert words in html


def test_a_text_that_a_sweep_queued_leads_to_it(admin_client, sent):
    sweep = reverse("admin:proactive_sweep_change", args=[sent.sweep_id])

    assert f'href="{sweep}"' in admin_client.get(page(sent)).content.decode()


def test_whoever_may_only_look_sees_neither_number_nor_words_of_a_text(viewer, sent):
    for url in (page(sent), TEXTS):
        html = viewer.get(url).content.decode()
        assert "+14155552671" not in html
        assert "how are you today" not in html
    html = viewer.get(page(sent)).content.decode()
    assert "You may not read this." in html
    assert "+1415***2671" in html


def test_whoever_may_only_look_sees_neither_number_nor_words_of_what_came_in(viewer):
    inbound = InboundMessage.objects.create(
        from_number="+14155552671", body="please stop", provider_sid="SM1"
    )

    for url in (INBOUND, reverse("admin:caregiving_inboundmessage_change", args=[inbound.pk])):
        html = viewer.get(url).content.decode()
        assert "+1415***2671" in html
        assert "You may not read this" in html
        assert "+14155552671" not in html
        assert "please stop" not in html


@pytest.mark.parametrize("typed", ["(415) 555-2671", "SM1"])
def test_what_a_stranger_wrote_is_found_too(admin_client, typed):
    theirs = InboundMessage.objects.create(
        from_number="+14155552671", body="who is this?", provider_sid="SM1"
    )
    InboundMessage.objects.create(from_number="+14155550000", provider_sid="SM2")

    assert listed(admin_client, INBOUND, q=typed) == [theirs]


def test_the_page_of_a_text_takes_few_queries(admin_client, sent, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        admin_client.get(page(sent))
