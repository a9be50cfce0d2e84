"""Webhooks out in the admin: a secret that is shown once, and what failed delivered again."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from proactive.hooks import keys
from proactive.models import AuditEntry, WebhookDelivery, WebhookEndpoint
from proactive.roles import ADMINISTRATOR
from tests.proactive.hooks.listening import listens, make_deliveries
from tests.proactive.people import NOON
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

ADD = "/admin/proactive/webhookendpoint/add/"
ASKED = {"name": "app", "url": "https://app.example.org/hook", "kinds": ["message.sent"]}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def administrator():
    return sign_in(Client(), member_of(ADMINISTRATOR))


def page(row):
    return reverse(f"admin:proactive_{row._meta.model_name}_change", args=[row.pk])


def act(row, name):
    return reverse(f"admin:proactive_{row._meta.model_name}_act", args=[row.pk, name])


def secret_on(answer):
    found = SECRET.search(answer.content.decode())
    return found and found[0]


def test_the_secret_of_a_new_endpoint_is_shown_once(administrator):
    answer = administrator.post(ADD, ASKED)

    endpoint = WebhookEndpoint.objects.get()
    assert (answer.status_code, answer.url) == (302, page(endpoint))
    secret = secret_on(administrator.get(page(endpoint)))
    assert keys.valid(endpoint, now=timezone.now()) == [secret]
    assert secret_on(administrator.get(page(endpoint))) is None
    assert secret not in str(AuditEntry.objects.values().get())


def test_an_address_that_cannot_be_used_is_refused_with_the_reason(administrator):
    answer = administrator.post(ADD, ASKED | {"url": "http://app.example.org/hook"})

    assert "it must begin with https://" in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_rotating_shows_a_new_secret_and_the_old_one_is_used_beside_it(administrator):
    endpoint = listens()
    (old,) = keys.valid(endpoint, now=timezone.now())

    administrator.post(act(endpoint, "rotate"), {"reason": "Yearly"})

    new = secret_on(administrator.get(page(endpoint)))
    endpoint.refresh_from_db()
    assert keys.valid(endpoint, now=timezone.now()) == [new, old]
    assert AuditEntry.objects.get().action == "rotate"


def test_an_endpoint_is_switched_off_and_on_again(administrator):
    endpoint = listens(failing_since=NOON)

    administrator.post(act(endpoint, "disable_endpoint"), {"reason": "Moving house"})
    endpoint.refresh_from_db()
    assert (endpoint.enabled, "Moving house" in endpoint.disabled_why) == (False, True)
    administrator.post(act(endpoint, "enable_endpoint"), {"reason": "Moved"})

    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.failing_since, endpoint.disabled_why) == (True, None, "")


def test_what_was_given_up_is_replayed_and_what_waits_is_left(administrator):
    rows = make_deliveries(listens(), count=2)
    WebhookDelivery.objects.filter(pk=rows[0].pk).update(next_attempt_at=None, given_up_at=NOON)

    several = reverse("admin:proactive_webhookdelivery_act_on_several", args=["replay"])
    asked = {"row": [row.pk for row in rows], "reason": "The app was away"}
    answer = administrator.post(several, asked, follow=True)

    assert "1 skipped" in answer.content.decode()
    assert [row.state for row in WebhookDelivery.objects.all()] == ["waiting", "waiting"]
    assert AuditEntry.objects.filter(action="replay").count() == 1


def test_deliveries_are_listed_by_state(administrator):
    given_up, _ = make_deliveries(listens(), count=2)
    WebhookDelivery.objects.filter(pk=given_up.pk).update(next_attempt_at=None, given_up_at=NOON)
    listed = reverse("admin:proactive_webhookdelivery_changelist")

    shown = administrator.get(listed, {"state": "given_up"})

    assert [row.pk for row in shown.context["cl"].result_list] == [given_up.pk]
    assert administrator.get(page(given_up)).status_code == 200
