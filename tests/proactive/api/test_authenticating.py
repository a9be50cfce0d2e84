"""Who gets in: whose token is valid, allows it, and has not been used too often this minute."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from proactive.api import tokens
from proactive.models import ApiToken
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import (
    EVENTS,
    PHONE,
    a_client,
    client_with,
    event,
    make_token,
    put,
    tell,
)

pytestmark = pytest.mark.django_db

ADDRESS = f"/api/v1/caregivers/{PHONE}/"
DAY = timedelta(days=1)


def status(secret):
    return tell(client_with(secret), event()).status_code


@pytest.fixture(autouse=True)
def person(db):
    return CaregiverFactory(phone_number=PHONE)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer outreach_unknown", "Bearer \xff"]
)
def test_without_a_valid_token_nobody_gets_in(header):
    headers = {} if header is None else {"Authorization": header}

    answer = Client(headers=headers).get(ADDRESS)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_session_of_staff_does_not_let_anybody_in(admin_client):
    assert admin_client.get(ADDRESS).status_code == 401


def test_of_a_secret_only_a_digest_is_kept():
    token, secret = make_token()

    row = str(ApiToken.objects.values().get())

    assert secret not in row
    assert token.prefix in row
    assert len(token.prefix) < len(secret) / 2


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        ("events:write", lambda client: tell(client, event())),
        ("caregivers:read", lambda client: client.get(ADDRESS)),
        ("caregivers:write", put),
    ],
)
def test_each_scope_allows_one_thing_and_none_includes_another(scope, call):
    others = {"events:write", "caregivers:read", "caregivers:write"} - {scope}
    _, secret = make_token("others", tuple(others))

    refused = call(client_with(secret))

    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:missing-scope")
    assert f'scope="{scope}"' in refused.headers["WWW-Authenticate"]
    assert call(a_client(scope)).status_code == 200


def test_a_profile_is_changed_only_by_who_may_write_profiles():
    client = a_client("events:write")
    told = {"events": [event("profile_change", first_name="Eva"), event()]}

    results = tell(client, told).json()["results"]

    assert [one["status"] for one in results] == [403, 200]


def test_a_revoked_token_is_refused_with_its_old_secret_too():
    token, old = make_token()
    new = tokens.rotate(token, at_once=False, now=timezone.now())

    tokens.revoke(token, now=timezone.now())

    assert [status(old), status(new)] == [401, 401]


def test_a_token_ends_when_it_expires():
    now = timezone.now()
    _, secret = make_token(expires_at=now + DAY)

    assert status(secret) == 200
    with time_machine.travel(now + DAY + timedelta(seconds=1)):
        assert status(secret) == 401


def test_after_a_rotation_the_old_secret_works_for_a_day():
    now = timezone.now()
    token, old = make_token()

    new = tokens.rotate(token, at_once=False, now=now)

    assert [status(old), status(new)] == [200, 200]
    with time_machine.travel(now + DAY + timedelta(seconds=1)):
        assert [status(old), status(new)] == [401, 200]


def test_after_a_rotation_at_once_the_old_secret_is_refused():
    token, old = make_token()

    new = tokens.rotate(token, at_once=True, now=timezone.now())

    assert [status(old), status(new)] == [401, 200]


def test_after_two_rotations_the_first_secret_is_refused():
    token, first = make_token()
    second = tokens.rotate(token, at_once=False, now=timezone.now())

    third = tokens.rotate(token, at_once=False, now=timezone.now())

    assert [status(first), status(second), status(third)] == [401, 200, 200]


def test_what_is_revoked_cannot_be_rotated():
    token, _ = make_token()
    tokens.revoke(token, now=timezone.now())

    with pytest.raises(ValueError):
        tokens.rotate(token, at_once=False, now=timezone.now())


def test_each_minute_a_token_has_so_many_requests_and_the_answer_says_when_there_are_more(settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    begin = datetime(2026, 3, 2, 12, 0, 15, tzinfo=UTC)
    with time_machine.travel(begin, tick=False) as clock:
        _, secret = make_token()
        _, other = make_token("phone line")
        assert [status(secret) for _ in range(3)] == [200, 200, 429]
        answer = client_with(secret).post(EVENTS)
        assert answer.headers["Retry-After"] == "45"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert status(other) == 200

        clock.shift(timedelta(seconds=45))

        assert status(secret) == 200


def test_each_event_of_a_batch_counts_and_the_batch_that_reaches_the_limit_is_done(settings):
    settings.API_REQUESTS_PER_MINUTE = 5
    begin = datetime(2026, 3, 2, 12, 0, 15, tzinfo=UTC)
    with time_machine.travel(begin, tick=False) as clock:
        token, secret = make_token()

        def batch(size):
            events = [event() for _ in range(size)]
            return tell(client_with(secret), {"events": events}).status_code

        assert [batch(3), batch(1), batch(4), batch(1), status(secret)] == [200, 200, 200, 429, 429]
        token.refresh_from_db()
        assert token.requests == 8

        clock.shift(timedelta(seconds=45))

        assert [batch(9), status(secret)] == [200, 429]


def test_what_is_refused_within_a_batch_counts_too(settings):
    settings.API_REQUESTS_PER_MINUTE = 3
    with time_machine.travel(datetime(2026, 3, 2, 12, 0, 15, tzinfo=UTC), tick=False):
        _, secret = make_token()

        assert tell(client_with(secret), {"events": [{}, {}, {}]}).status_code == 207
        assert status(secret) == 429


def test_when_it_was_last_used_is_kept_to_the_minute():
    with time_machine.travel(datetime(2026, 3, 2, 12, 0, 15, tzinfo=UTC), tick=False):
        token, secret = make_token()
        status(secret)

    token.refresh_from_db()
    assert token.last_used_at == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
