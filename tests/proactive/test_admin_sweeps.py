"""A held sweep in the back office: what staff read, and letting it go on."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from proactive import tasks
from proactive.models import CareAlert, Sweep

pytestmark = pytest.mark.django_db

HELD = "More than 2 people are due a text at once; the usual is 1."
DAY = timedelta(days=1)


@pytest.fixture
def rung(monkeypatch):
    rings = []
    monkeypatch.setattr(tasks, "ring", lambda: rings.append(True))
    return rings


def held(**fields) -> Sweep:
    CareAlert.objects.create(kind=CareAlert.Kind.SWEEP_HELD)
    return Sweep.objects.create(**{"now": timezone.now(), "held": HELD} | fields)


def action(swept: Sweep) -> str:
    return reverse("admin:proactive_sweep_let_it_go_on", args=[swept.pk])


def page(swept: Sweep) -> str:
    return reverse("admin:proactive_sweep_change", args=[swept.pk])


def submit(client, swept: Sweep, reason="the import is right"):
    return client.post(action(swept), {"_form_submitted": "True", "reason": reason})


def said(answer) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def state() -> list:
    return [list(model.objects.values()) for model in (Sweep, CareAlert, LogEntry)]


def test_a_held_sweep_says_why_and_offers_to_let_it_go_on(admin_client):
    swept = held()
    html = admin_client.get(page(swept)).content.decode()
    assert HELD in html
    assert "held: asks a person" in html
    assert f'hx-get="{action(swept)}"' in html
    assert (
        "held: asks a person"
        in admin_client.get(reverse("admin:proactive_sweep_changelist")).content.decode()
    )


def test_a_sweep_that_went_through_without_a_limit_says_so(admin_client):
    now = timezone.now()
    swept = Sweep.objects.create(now=now, finished_at=now, counts={"unlimited": True})
    assert "finished, without a limit" in admin_client.get(page(swept)).content.decode()


def test_the_dialog_asks_for_a_reason_and_looking_at_it_changes_nothing(admin_client, rung):
    swept = held()
    before = state()
    answer = admin_client.get(action(swept) + "?reason=looking&_form_submitted=True")
    html = answer.content.decode()
    assert 'name="reason"' in html
    assert "What is sent cannot be taken back." in html
    assert (state(), rung) == (before, [])


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_nothing_is_changed(admin_client, rung, reason):
    swept = held()
    before = state()
    answer = submit(admin_client, swept, reason)
    assert "This field is required." in answer.content.decode()
    assert (state(), rung) == (before, [])


def test_letting_it_go_on_is_on_record_and_rings(
    admin_client, admin_user, rung, django_capture_on_commit_callbacks
):
    swept = held()
    with django_capture_on_commit_callbacks(execute=True):
        answer = submit(admin_client, swept)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, page(swept))
    swept.refresh_from_db()
    alert = CareAlert.objects.get()
    assert (swept.approved_by, alert.resolved_by) == (admin_user, admin_user)
    assert alert.resolved_at == swept.approved_at
    assert alert.note == "the import is right"
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (
        admin_user,
        str(swept.pk),
        "Let it go on: the import is right",
    )
    until = swept.approved_at + timedelta(hours=1)
    assert said(answer) == [
        "The next sweep, within a minute, queues everybody who is due. None is held until "
        f"{until:%H:%M} UTC."
    ]
    assert rung == [True]
    html = admin_client.get(page(swept)).content.decode()
    assert "held; admin let it go on" in html
    assert action(swept) not in html


@pytest.mark.parametrize(
    "fields",
    [
        {"held": ""},
        {"now": timezone.now() - DAY},
        {"approved_at": timezone.now()},
        {"dry_run": True},
    ],
    ids=["not held", "a day old", "let go on before", "a dry run"],
)
def test_what_is_not_waiting_for_it_cannot_be_let_go_on(admin_client, rung, fields):
    swept = held(**fields)
    before = state()
    assert action(swept) not in admin_client.get(page(swept)).content.decode()
    answer = submit(admin_client, swept)
    assert said(answer) == [
        "Nothing was changed: only a sweep that is held, that nobody has let go on yet and that is "
        "less than a day old can go on."
    ]
    assert (answer.headers["HX-Redirect"], state(), rung) == (page(swept), before, [])


def test_a_sweep_that_does_not_exist_is_not_found(admin_client):
    assert submit(admin_client, Sweep(pk=1)).status_code == 404


@pytest.mark.parametrize(("permission", "may"), [("view_sweep", False), ("change_sweep", True)])
def test_it_takes_the_permission_to_change_sweeps(client, rung, permission, may):
    staff = User.objects.create_user("grace", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(staff)
    swept = held()
    assert (action(swept) in client.get(page(swept)).content.decode()) == may
    assert client.get(action(swept)).status_code == (200 if may else 403)
    assert submit(client, swept).status_code == (200 if may else 403)
    swept.refresh_from_db()
    assert swept.approved_by == (staff if may else None)
