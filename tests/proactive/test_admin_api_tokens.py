"""API tokens in the admin: the secret is shown once, to whoever made it, and then to nobody."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from proactive.api import tokens
from proactive.models import ApiToken, AuditEntry
from proactive.roles import ADMINISTRATOR
from tests.proactive.api.calling import make_token
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

ADD = "/admin/proactive/apitoken/add/"
ASKED = {"name": "assistant", "scopes": ["events:write", "caregivers:read"]}
SECRET = re.compile(tokens.TAG + r"[\w-]{43}")


@pytest.fixture
def administrator():
    return sign_in(Client(), member_of(ADMINISTRATOR))


def page(token):
    return reverse("admin:proactive_apitoken_change", args=[token.pk])


def act(token, name):
    return reverse("admin:proactive_apitoken_act", args=[token.pk, name])


def secret_on(answer):
    found = SECRET.search(answer.content.decode())
    return found and found[0]


def works(secret):
    return tokens.find(secret, now=timezone.now()) is not None


def test_the_secret_of_a_new_token_is_shown_once_and_only_there(administrator):
    answer = administrator.post(ADD, ASKED)

    token = ApiToken.objects.get()
    assert (answer.status_code, answer.url) == (302, page(token))
    secret = secret_on(administrator.get(page(token)))
    assert works(secret)
    assert secret_on(administrator.get(page(token))) is None
    assert (token.scopes, token.created_by.username) == (ASKED["scopes"], "administrator")
    assert tokens.digest_of(secret) == token.digest


def test_on_its_way_it_is_in_a_cookie_of_that_page_alone_and_not_on_the_server(administrator):
    answer = administrator.post(ADD, ASKED)

    cookie = answer.cookies["new_api_token"]
    token = ApiToken.objects.get()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (
        page(token),
        True,
        "Strict",
        60,
    )
    assert not administrator.session.get("_messages")
    assert SECRET.search(str(AuditEntry.objects.values().get())) is None


def test_a_token_needs_a_scope_that_there_is_and_an_end_that_is_to_come(administrator):
    past = timezone.now() - timedelta(days=1)
    for wrong in (
        {"scopes": []},
        {"scopes": ["everything"]},
        {"expires_at_0": f"{past:%Y-%m-%d}", "expires_at_1": "12:00:00"},
    ):
        assert administrator.post(ADD, ASKED | wrong).status_code == 200

    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("at_once", [False, True])
def test_rotating_shows_a_new_secret_once_and_the_old_one_ends_when_it_is_told_to(
    administrator, at_once
):
    token, old = make_token()
    asked = {"reason": "Yearly"} | ({"at_once": "on"} if at_once else {})

    answer = administrator.post(act(token, "rotate"), asked)

    assert (answer.status_code, answer.url) == (302, page(token))
    new = secret_on(administrator.get(page(token)))
    assert (works(new), works(old)) == (True, not at_once)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("rotate", "Yearly")
    assert old[: tokens.SHOWN] in entry.changes["prefix"]
    assert SECRET.search(str(entry.changes) + entry.says) is None


def test_a_secret_that_was_rotated_meanwhile_is_not_shown_any_more(administrator):
    token, _ = make_token()
    administrator.post(act(token, "rotate"), {"reason": "Yearly"})
    token.refresh_from_db()
    tokens.rotate(token, at_once=True, now=timezone.now())

    assert secret_on(administrator.get(page(token))) is None


def test_revoking_ends_it_and_cannot_be_undone(administrator):
    token, secret = make_token()

    administrator.post(act(token, "revoke"), {"reason": "The app is gone"})

    assert not works(secret)
    shown = administrator.get(page(token)).content.decode()
    assert act(token, "rotate") not in shown
    assert act(token, "revoke") not in shown
    assert [one.says for one in AuditEntry.objects.all()] == ["revoked"]
    administrator.post(act(token, "rotate"), {"reason": "Back again"})
    assert AuditEntry.objects.count() == 1


def test_the_list_says_what_each_may_whether_it_is_in_use_and_when_last(administrator):
    now = timezone.now()
    make_token("assistant", ("events:write",), last_used_at=now)
    make_token("old app", revoked_at=now)
    make_token("trial", expires_at=now - timedelta(days=1))

    shown = administrator.get(reverse("admin:proactive_apitoken_changelist")).content.decode()

    for words in ("assistant", "events:write", "in use", "revoked", "expired"):
        assert words in shown


def test_what_a_token_told_stands_in_the_audit_under_its_name(administrator):
    AuditEntry.objects.create(action="change_caregiver", says="edited", via="API: assistant")

    shown = administrator.get(reverse("admin:proactive_auditentry_changelist")).content.decode()

    assert "API: assistant" in shown
    assert "the command line" not in shown
