"""Every page of the back office: ended when nobody is there, kept nowhere, loading nothing else."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")
START = timezone.now().replace(microsecond=0)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def writes(client, path=INDEX):
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return [one["sql"] for one in captured if one["sql"].startswith(("UPDATE", "INSERT"))]


def test_whoever_does_nothing_for_half_an_hour_is_signed_out_and_told_so(clock, admin_client):
    admin_client.get(INDEX)
    clock.shift(timedelta(minutes=31, seconds=1))

    answer = admin_client.get(INDEX, follow=True)

    assert answer.redirect_chain == [(f"{reverse('admin:login')}?next=/admin/", 302)]
    assert "as nothing was done for 30 minutes" in answer.content.decode()
    assert "_auth_user_id" not in admin_client.session


def test_whoever_keeps_working_stays(clock, admin_client):
    for _ in range(5):
        clock.shift(timedelta(minutes=29))
        assert admin_client.get(INDEX).status_code == 200


def test_how_long_is_a_setting(clock, settings, admin_client):
    settings.SESSION_IDLE_MINUTES = 5
    clock.shift(timedelta(minutes=6, seconds=1))

    assert admin_client.get(INDEX).status_code == 302


def test_what_is_posted_too_late_is_not_done(clock, admin_client):
    clock.shift(timedelta(hours=1))

    answer = admin_client.post(reverse("admin:auth_group_add"), {"name": "Night shift"})

    assert answer.url == f"{reverse('admin:login')}?next=/admin/"


def test_using_a_session_writes_it_once_a_minute_at_most(clock, admin_client):
    admin_client.get(INDEX)
    assert writes(admin_client) == []
    clock.shift(timedelta(seconds=59))
    assert writes(admin_client) == []
    clock.shift(timedelta(seconds=1))
    assert len(writes(admin_client)) == 1
    assert writes(admin_client) == []


def test_other_addresses_neither_look_at_a_session_nor_make_one(client):
    client.get("/health/")

    assert not Session.objects.exists()


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/caregiving/caregiver/"])
def test_no_page_of_the_back_office_is_kept_by_a_browser(admin_client, client, path):
    for browser in (admin_client, client):
        assert "no-store" in browser.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", ["/admin/login/", "/health/", "/webhooks/twilio/inbound/"])
def test_every_answer_says_what_it_may_load_and_do(client, path):
    answer = client.get(path)

    policy = dict(one.split(" ", 1) for one in answer["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'self'",
        "script-src": "'self' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "name",
    [
        *("index", "auth_user_changelist", "auth_user_add", "proactive_auditentry_changelist"),
        *("django_celery_beat_periodictask_add", "password_change", "caregiving_caregiver_add"),
    ],
)
def test_no_page_brings_a_script_of_its_own(admin_client, name):
    html = admin_client.get(reverse(f"admin:{name}")).content.decode()

    opened = [tag.split(">")[0] for tag in html.split("<script")[1:]]
    assert opened
    assert all("src=" in tag or 'type="application/json"' in tag for tag in opened)


# --- The log ---


def test_each_request_is_one_line_without_its_query_and_its_answer_has_the_same_id(client, caplog):
    from caregiving import logs

    caplog.set_level("INFO", "caregiving.middleware")
    seen = []
    caplog.handler.addFilter(lambda record: seen.append(logs.belongs_to()) or True)

    answer = client.get("/admin/login/?q=Wilhelmina")

    (record,) = [one for one in caplog.records if one.name == "caregiving.middleware"]
    assert record.getMessage().startswith("GET /admin/login/ 200 in ")
    assert record.fields["path"] == "/admin/login/"
    assert {"request_id": answer["X-Request-ID"]} in seen


NUMBERS = ("+14155552671", "4155552671", "415%20-%20555%20-%2026.71", "x41%205555x2671")


@pytest.mark.django_db
@pytest.mark.parametrize("number", NUMBERS)
def test_of_a_request_of_the_api_the_log_has_the_route_and_not_the_path(client, caplog, number):
    from caregiving import logs

    caplog.set_level("INFO")
    caplog.handler.addFilter(logs.Discreet())

    client.get(f"/api/v1/caregivers/{number}/")
    client.get(f"/api/v1/nowhere/{number}/")

    ours = [one for one in caplog.records if one.name == "caregiving.middleware"]
    assert [one.fields["path"] for one in ours] == [
        "/api/v1/caregivers/<phone_number>/",
        "/api/...",
    ]
    said = "\n".join(one.getMessage() for one in caplog.records)
    assert "Unauthorized: /api/v1/caregivers/" in said
    assert not re.search(r"55|71", re.sub(r"in \d+ ms", "", said))


@pytest.mark.parametrize("sign", ["%0A", "%0D", "%1B[31m", "%00", "%C2%85", "%E2%80%A8"])
def test_a_path_cannot_begin_a_line_of_its_own_or_paint(client, caplog, sign):
    caplog.set_level("INFO", "caregiving.middleware")

    client.get(f"/nowhere/{sign}2026-11-30 ERROR all is lost/")

    (record,) = [one for one in caplog.records if one.name == "caregiving.middleware"]
    assert record.getMessage().isprintable()
    assert record.fields["path"].isprintable()


def test_what_django_says_of_a_refused_request_has_its_id(client, caplog):
    from caregiving import logs

    seen = {}
    caplog.handler.addFilter(lambda record: seen.update({record.name: logs.belongs_to()}) or True)

    answer = client.get("/nowhere/")

    assert seen["django.request"] == {"request_id": answer["X-Request-ID"]}


def test_two_requests_have_two_ids(client):
    assert client.get("/health/")["X-Request-ID"] != client.get("/health/")["X-Request-ID"]


def test_what_monitors_ask_all_the_time_is_told_at_debug_only(client, caplog):
    caplog.set_level("INFO", "caregiving.middleware")

    client.get("/health/")

    assert [one for one in caplog.records if one.name == "caregiving.middleware"] == []
