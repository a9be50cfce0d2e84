"""A list without rows says why, and what can be done about it."""

import pytest
from django.urls import reverse

from tests.factories import MessageFactory

pytestmark = pytest.mark.django_db


def html(client, model, **query):
    answer = client.get(reverse(f"admin:{model}_changelist"), query)
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("proactive_carealert", "An alert opens when something needs a person."),
        ("proactive_message", "A sweep queues a text for everybody who is due"),
        ("caregiving_inboundmessage", "Nobody has written"),
        ("proactive_cadenceswitch", "all cadences send"),
        ("proactive_simulation", "before anybody switches it on"),
        ("proactive_auditentry", "Whatever staff do"),
    ],
)
def test_it_says_what_would_be_listed(admin_client, model, says):
    page = html(admin_client, model)

    assert says in page
    assert "Nothing matches" not in page


def test_it_says_when_it_was_narrowed_and_offers_everything(admin_client):
    MessageFactory()

    page = html(admin_client, "proactive_message", q="Nobodyofthatname")

    assert "Nothing matches" in page
    assert '<a class="base-button" href="?">Show all</a>' in page


def test_times_are_written_alike_in_lists_and_on_pages(admin_client):
    message = MessageFactory()
    here = reverse("admin:proactive_message_change", args=[message.pk])

    in_list = html(admin_client, "proactive_message")
    on_page = admin_client.get(here).content.decode()

    queued = f"{message.queued_at:%a} {message.queued_at.day} {message.queued_at:%b %Y %H:%M}"
    assert queued in in_list
    assert queued in on_page
