"""Getting into the back office: not by trying again and again, and some not by a password alone."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessFailureLog
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from proactive.models import AuditEntry
from proactive.signing_in import second_factor
from proactive.signing_in.second_factor import Refused, TooSoon
from proactive.signing_in.throttling import client_address
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")
LOGIN = reverse("admin:login")
CODE = reverse("second_factor_code")
SET_UP = reverse("second_factor_set_up")
PASSWORD = "a very long password"
KEY = "3132333435363738393031323334353637383930"
START = timezone.now().replace(second=10, microsecond=0)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def required(settings):
    settings.REQUIRE_SECOND_FACTOR = True


def staff(name, role=None, **fields):
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True, **fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def sign_in(client, name, password=PASSWORD, **headers):
    return client.post(LOGIN, {"username": name, "password": password}, **headers)


def code_now(key=KEY):
    """What a phone with this key shows."""
    phone = TOTP(bytes.fromhex(key))
    phone.time = timezone.now().timestamp()
    return f"{phone.token():06}"


def with_phone(user):
    """The user after set-up; the code of this half minute is used up by it."""
    made = second_factor.set_up(user, key=KEY, code=code_now(), now=timezone.now())
    return made.backup_codes


# --- Throttling ---


def test_a_script_signs_in_without_a_request_however_often_others_have_failed(clock, client):
    user = staff("nurse")
    for _ in range(6):
        sign_in(client, "nurse", "wrong")
    password = {"username": user.username, "password": PASSWORD}

    assert authenticate(**password) == user
    assert authenticate(**{**password, "password": "wrong"}) is None
    assert Client().login(**password)


def test_after_five_failures_the_page_says_when_to_try_again_and_the_password_is_not_asked(
    clock, client
):
    staff("nurse")
    for _ in range(4):
        assert sign_in(client, "nurse", "wrong").status_code == 200

    answer = sign_in(client, "nurse", "wrong")

    until = timezone.localtime(START + timedelta(minutes=16))
    assert answer.status_code == 429
    assert date_format(until, "DATETIME_FORMAT") in answer.content.decode()
    assert sign_in(client, "nurse").status_code == 429


def test_the_time_that_was_named_holds_however_often_one_tries_meanwhile(clock, client):
    staff("nurse")
    for _ in range(5):
        sign_in(client, "nurse", "wrong")
    clock.shift(timedelta(minutes=10))
    assert sign_in(client, "nurse", "wrong").status_code == 429
    clock.shift(timedelta(minutes=6))

    assert sign_in(client, "nurse").url == "/admin/"


def test_neither_another_name_nor_another_address_is_locked_out_with_it(client):
    staff("nurse")
    staff("lead")
    for _ in range(5):
        sign_in(client, "nurse", "wrong")

    assert sign_in(Client(), "lead").status_code == 302
    assert sign_in(Client(), "nurse", REMOTE_ADDR="192.0.2.7").status_code == 302


def test_failures_are_kept_for_administrators_without_what_was_typed(client):
    sign_in(client, "nurse", "hunter2")

    failure = AccessFailureLog.objects.get()
    assert (failure.username, failure.locked_out) == ("nurse", False)
    viewer = Client()
    viewer.force_login(staff("root", is_superuser=True))
    for model in ("accesslog", "accessfailurelog", "accessattempt"):
        page = viewer.get(reverse(f"admin:axes_{model}_changelist")).content.decode()
        assert "hunter2" not in page
        added = viewer.post(reverse(f"admin:axes_{model}_add"), {"username": "x"})
        assert added.status_code == 403


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        (0, "192.0.2.1", "", "192.0.2.1"),
        (0, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "made up, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (3, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "nonsense", "0.0.0.0"),
        (0, "", "", "0.0.0.0"),
        (1, "10.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_is_what_our_own_proxies_saw(rf, settings, proxies, remote, forwarded, address):
    settings.PROXY_COUNT = proxies
    extra = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}

    assert client_address(rf.get("/", REMOTE_ADDR=remote, **extra)) == address


def test_a_request_of_which_no_address_is_known_can_fail_and_be_locked_out(client):
    answers = [sign_in(client, "nurse", "wrong", REMOTE_ADDR="") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]


def test_passwords_are_stored_with_argon2():
    code = (
        "import django; django.setup();"
        "from django.contrib.auth.hashers import make_password; print(make_password('x')[:7])"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "caregiving.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "argon2$"


# --- The second factor ---


@pytest.mark.parametrize("role", ["Clinical lead", "Administrator", None])
def test_whoever_needs_one_is_led_to_set_it_up_at_the_first_sign_in(required, client, role):
    staff("lead", role, is_superuser=role is None)
    sign_in(client, "lead")

    page = client.get(INDEX, follow=True)

    assert page.redirect_chain == [(f"{SET_UP}?next=/admin/", 302)]
    html = page.content.decode()
    assert "<svg" in html
    key = client.session["second_factor_key"]
    answer = client.post(SET_UP, {"code": code_now(key), "next": "/admin/auth/user/"})
    codes = StaticToken.objects.values_list("token", flat=True)
    assert len(codes) == 10
    assert all(code in answer.content.decode() for code in codes)
    assert 'href="/admin/auth/user/"' in answer.content.decode()
    assert client.get(INDEX).status_code == 200
    assert AuditEntry.objects.get().action == "set_up_second_factor"


@pytest.mark.parametrize("role", ["Viewer", "Care coordinator"])
def test_whoever_only_looks_after_people_needs_none(required, client, role):
    staff("nurse", role)
    sign_in(client, "nurse")

    assert client.get(INDEX).status_code == 200


def test_a_permission_beyond_looking_after_people_is_enough_to_need_one(required, client):
    user = staff("nurse", "Care coordinator")
    user.user_permissions.add(Permission.objects.get(codename="change_policy"))
    sign_in(client, "nurse")

    assert client.get(INDEX).url.startswith(SET_UP)


def test_where_it_is_not_required_nobody_is_asked(client):
    staff("lead", "Clinical lead")
    sign_in(client, "lead")

    assert client.get(INDEX).status_code == 200


def test_a_wrong_code_sets_nothing_up_and_the_key_stays_the_same(required, client):
    staff("lead", "Clinical lead")
    sign_in(client, "lead")
    client.get(SET_UP)
    key = client.session["second_factor_key"]

    page = client.post(SET_UP, {"code": "000000"}).content.decode()

    assert "This is not the code" in page
    assert not TOTPDevice.objects.exists()
    assert client.session["second_factor_key"] == key


def test_after_the_password_the_code_is_asked_and_leads_where_one_wanted(clock, required, client):
    with_phone(staff("lead", "Clinical lead"))
    clock.shift(timedelta(seconds=30))
    sign_in(client, "lead")

    asked = client.get("/admin/proactive/message/")
    assert asked.url == f"{CODE}?next=/admin/proactive/message/"
    answer = client.post(CODE, {"code": code_now(), "next": "/admin/proactive/message/"})

    assert answer.url == "/admin/proactive/message/"
    assert client.get(answer.url).status_code == 200


def test_somebody_who_set_one_up_without_need_is_asked_too(clock, client):
    with_phone(staff("nurse", "Viewer"))
    sign_in(client, "nurse")

    assert client.get(INDEX).url == f"{CODE}?next=/admin/"


def test_no_page_no_post_and_no_action_gets_around_it(required, client):
    root = staff("root", is_superuser=True)
    client.force_login(root)
    other = staff("nurse")
    asked = {
        client.get(
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        ).url.split("?")[0]
        for model in admin.site._registry
    }
    assert asked == {SET_UP}
    for name, args, data in (
        ("auth_user_delete", (other.pk,), {"post": "yes"}),
        ("auth_group_add", (), {"name": "Night shift"}),
        ("auth_user_password_change", (other.pk,), {"password1": "x", "password2": "x"}),
        ("auth_user_act", (other.pk, "reset_second_factor"), {"reason": "x"}),
        ("password_change", (), {"old_password": PASSWORD}),
    ):
        answer = client.post(reverse(f"admin:{name}", args=args), data)
        assert answer.url == f"{SET_UP}?next=/admin/"
    assert client.get("/admin/search/?s=x").url.startswith(SET_UP)
    assert client.get("/admin/nowhere/").url.startswith(SET_UP)
    assert client.post(reverse("second_factor_backup_codes")).url.startswith(SET_UP)
    assert not Group.objects.filter(name="Night shift").exists()
    assert User.objects.filter(pk=other.pk).exists()


def test_a_password_alone_cannot_put_another_phone_in_place_of_the_first(clock, required, client):
    with_phone(staff("lead", "Clinical lead"))
    sign_in(client, "lead")

    assert client.get(SET_UP).url == f"{CODE}?next={SET_UP}"
    client.post(SET_UP, {"code": "123456"})
    assert TOTPDevice.objects.get().key == KEY


def test_a_session_that_was_left_open_cannot_set_one_up(clock, required, client):
    staff("lead", "Clinical lead")
    sign_in(client, "lead")
    clock.shift(timedelta(minutes=16))

    answer = client.get(SET_UP, follow=True)

    assert answer.redirect_chain == [(f"{LOGIN}?next={SET_UP}", 302)]
    assert "right after signing in" in answer.content.decode()


def test_a_code_lets_in_once(clock, required):
    user = staff("lead", "Clinical lead")
    with_phone(user)
    clock.shift(timedelta(seconds=30))
    second_factor.check(user, code_now(), now=timezone.now())

    with pytest.raises(Refused):
        second_factor.check(user, code_now(), now=timezone.now())


def test_after_wrong_codes_not_even_the_right_one_counts_for_a_while(clock, required, client):
    user = staff("lead", "Clinical lead")
    with_phone(user)
    clock.shift(timedelta(seconds=30))
    sign_in(client, "lead")
    client.post(CODE, {"code": "000000"})

    page = client.post(CODE, {"code": code_now()}).content.decode()

    assert "The next one counts after" in page
    clock.shift(timedelta(seconds=2))
    assert client.post(CODE, {"code": code_now()}).status_code == 302
    for _ in range(3):
        clock.shift(timedelta(seconds=31))
        with pytest.raises(Refused):
            second_factor.check(user, "000000", now=timezone.now())
    with pytest.raises(TooSoon) as refused:
        second_factor.check(user, "000000", now=timezone.now())
    assert refused.value.until == timezone.now() + timedelta(seconds=4)


def test_a_backup_code_lets_in_once_and_is_told_of(clock, required, client):
    codes = with_phone(staff("lead", "Clinical lead"))
    typed = f"{codes[0][:4]}-{codes[0][4:]} ".upper()
    sign_in(client, "lead")

    answer = client.post(CODE, {"code": typed}, follow=True)

    assert "That was a backup code: 9 are left." in answer.content.decode()
    assert AuditEntry.objects.filter(action="use_backup_code").count() == 1
    again = Client()
    sign_in(again, "lead")
    assert "The code is wrong" in again.post(CODE, {"code": codes[0]}).content.decode()


def test_new_backup_codes_end_the_old_ones(clock, required, client):
    user = staff("lead", "Clinical lead")
    old = with_phone(user)
    sign_in(client, "lead")
    client.post(CODE, {"code": old[0]})

    page = client.post(reverse("second_factor_backup_codes")).content.decode()

    new = set(StaticToken.objects.values_list("token", flat=True))
    assert len(new) == 10
    assert not new & set(old)
    assert all(code in page for code in new)
    assert client.get(INDEX).status_code == 200


def test_one_code_is_nobody_elses(clock, required):
    with_phone(staff("lead", "Clinical lead"))

    with pytest.raises(Refused):
        second_factor.check(staff("other"), code_now(), now=timezone.now())


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_a_code_leads_to_no_page_of_others(clock, required, client, wanted):
    codes = with_phone(staff("lead", "Clinical lead"))
    sign_in(client, "lead")

    assert client.post(CODE, {"code": codes[0], "next": wanted}).url == INDEX


def test_an_administrator_resets_it_with_a_reason_and_open_sessions_are_asked_anew(
    clock, required, client
):
    lead = staff("lead", "Clinical lead")
    codes = with_phone(lead)
    sign_in(client, "lead")
    client.post(CODE, {"code": codes[0]})
    boss = staff("boss", "Administrator")
    second_factor.set_up(boss, key=KEY, code=code_now(), now=timezone.now())
    desk = Client()
    sign_in(desk, "boss")
    clock.shift(timedelta(seconds=30))
    desk.post(CODE, {"code": code_now()})
    url = reverse("admin:auth_user_act", args=[lead.pk, "reset_second_factor"])

    assert (
        "Reset second factor"
        in desk.get(reverse("admin:auth_user_change", args=[lead.pk])).content.decode()
    )
    desk.post(url, {"reason": "lost the phone, called back"})

    entry = AuditEntry.objects.get(action="reset_second_factor")
    assert (entry.by, entry.target_label) == (boss, "lead")
    assert entry.reason == "lost the phone, called back"
    assert not TOTPDevice.objects.filter(user=lead).exists()
    assert client.get(INDEX).url.startswith(SET_UP)


def test_the_last_administrator_is_helped_on_the_command_line():
    with_phone(staff("root", is_superuser=True))

    call_command("reset_second_factor", "root", reason="lost it")

    assert not TOTPDevice.objects.exists()
    entry = AuditEntry.objects.get(action="reset_second_factor")
    assert (entry.by, entry.reason) == (None, "lost it")
    with pytest.raises(CommandError, match="no second factor"):
        call_command("reset_second_factor", "root", reason="again")


def test_the_page_of_ones_own_says_what_there_is(clock, client):
    with_phone(user := staff("nurse", "Viewer"))
    client.force_login(user)
    assert client.get(reverse("second_factor")).url.startswith(CODE)
    second_factor.reset(user)

    assert "password alone" in client.get(reverse("second_factor")).content.decode()


def test_whoever_is_not_signed_in_sees_no_page_of_it(client):
    for name in ("second_factor", "second_factor_code", "second_factor_set_up"):
        assert client.get(reverse(name)).url.startswith(LOGIN)
