"""Sweeps in the back office: what each left for later, and letting one go on that was held."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from proactive import deferring, tasks
from proactive.models import AuditEntry, CadenceSwitch, CareAlert, Sweep
from proactive.sweeps import run_sweep
from tests.proactive.people import NOON, due_for

pytestmark = pytest.mark.django_db

HELD = "More than 2 people are due a text at once; the usual is 1."
DAY = timedelta(days=1)
LIST = reverse("admin:proactive_sweep_changelist")


@pytest.fixture
def rung(monkeypatch):
    rings = []
    monkeypatch.setattr(tasks, "ring", lambda: rings.append(True))
    return rings


def held(**fields) -> Sweep:
    CareAlert.objects.create(kind=CareAlert.Kind.SWEEP_HELD)
    return Sweep.objects.create(**{"now": timezone.now(), "held": HELD} | fields)


def action(swept: Sweep) -> str:
    return reverse("admin:proactive_sweep_act", args=[swept.pk, "let_it_go_on"])


def page(swept: Sweep) -> str:
    return reverse("admin:proactive_sweep_change", args=[swept.pk])


def submit(client, swept: Sweep, reason="the import is right"):
    return client.post(action(swept), {"reason": reason}, follow=True)


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def state() -> list:
    return [list(model.objects.values()) for model in (Sweep, CareAlert, AuditEntry)]


def cells(html: str, cadence: str) -> list[str]:
    """What the table of a sweep's page says of one cadence: queued, deferred, superseded."""
    row = html.split(f'<th scope="row">{cadence}</th>')[1].split("</tr>")[0]
    return re.findall(r"<td [^>]*>(.*?)</td>", row)


# --- What it found ---


def test_the_page_says_by_cadence_what_was_queued_deferred_and_superseded(admin_client):
    due_for("crisis_followup", last_crisis_event_at=NOON - 8 * DAY)
    for _ in range(2):
        due_for("wellness", time_zone="Asia/Tokyo")
    due_for("wellness", outreach_paused_until=NOON + DAY)
    swept = run_sweep(now=NOON)

    html = admin_client.get(page(swept)).content.decode()

    assert cells(html, "Crisis follow-up") == ["1", "-", "2"]
    assert cells(html, "Wellness check-in") == ["0", "window 2, pause 1", "0"]
    assert "where they are it was too early or too late in the day" in html
    assert "they had a proactive text within 24 hours" not in html
    assert f"{reverse('admin:proactive_message_changelist')}?sweep__id__exact={swept.pk}" in html
    assert "window 2, pause 1" in admin_client.get(LIST).content.decode()


def test_a_sweep_that_did_not_count_shows_and_names_the_last_that_did(admin_client):
    due_for("wellness", time_zone="Asia/Tokyo")
    counted = run_sweep(now=NOON)
    swept = run_sweep(now=NOON + timedelta(minutes=1))

    html = admin_client.get(page(swept)).content.decode()

    assert cells(html, "Wellness check-in") == ["0", "window 1", "0"]
    assert f'<a href="{page(counted)}">sweep of 12:00</a>' in html


def test_a_sweep_of_before_anything_was_counted_says_so(admin_client):
    swept = Sweep.objects.create(
        now=NOON, finished_at=NOON, counts={"queued": {"retired": 3}, "superseded": {}}
    )

    html = admin_client.get(page(swept)).content.decode()

    assert cells(html, "Wellness check-in") == ["0", "not counted", "0"]
    assert cells(html, "retired") == ["3", "not counted", "0"]
    assert "not counted" in admin_client.get(LIST).content.decode()


def test_where_a_number_is_a_lower_bound_it_says_so(admin_client):
    counts = {"deferred": {"wellness": {"window": deferring.MOST - 1, "gate": 1}}}
    swept = Sweep.objects.create(now=NOON, counts=counts)

    html = admin_client.get(page(swept)).content.decode()

    assert cells(html, "Wellness check-in")[1] == "window 9,999+, gate 1+"
    assert "window 9,999+, gate 1+" in admin_client.get(LIST).content.decode()


def test_the_list_takes_as_many_queries_for_ten_thousand_as_for_a_hundred(admin_client):
    def fill(count):
        Sweep.objects.bulk_create(Sweep(now=NOON, counts={}) for _ in range(count))

    def queries(url):
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(url)
        return len(captured)

    fill(100)
    few = [queries(url) for url in (LIST, page(Sweep.objects.latest("pk")))]
    fill(9_900)
    assert [queries(url) for url in (LIST, page(Sweep.objects.latest("pk")))] == few


# --- Letting a held one go on ---


def test_a_held_sweep_says_why_and_offers_to_let_it_go_on(admin_client):
    swept = held()
    html = admin_client.get(page(swept)).content.decode()
    assert HELD in html
    assert "held: asks a person" in html
    assert f'href="{action(swept)}"' in html
    assert "held: asks a person" in admin_client.get(LIST).content.decode()


def test_a_sweep_that_went_through_without_a_limit_says_so(admin_client):
    now = timezone.now()
    swept = Sweep.objects.create(now=now, finished_at=now, counts={"unlimited": True})
    assert "finished, without a limit" in admin_client.get(page(swept)).content.decode()


def test_looking_at_it_says_how_many_are_due_now_and_changes_nothing(
    client, admin_user, rung, time_machine
):
    time_machine.move_to(NOON, tick=False)
    client.force_login(admin_user)
    for cadence in ("crisis_followup", "crisis_followup", "assessment_reminder", "wellness"):
        due_for(cadence)
    due_for("assessment_reminder", time_zone="Asia/Tokyo")
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)
    swept = held()
    before = state()

    html = client.get(action(swept) + "?reason=looking").content.decode()

    assert "Due now: Crisis follow-up 2, Assessment reminder 1." in html
    assert "What is sent cannot be taken back." in html
    assert (state(), rung) == (before, [])


def test_when_nobody_is_due_any_more_it_says_so(admin_client):
    assert "Nobody is due now." in admin_client.get(action(held())).content.decode()


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
    assert answer.redirect_chain == [(page(swept), 302)]
    swept.refresh_from_db()
    alert = CareAlert.objects.get()
    assert (swept.approved_by, alert.resolved_by) == (admin_user, admin_user)
    assert alert.resolved_at == swept.approved_at
    assert alert.note == "the import is right"
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.action, entry.target_id, entry.reason) == (
        admin_user,
        "let_it_go_on",
        str(swept.pk),
        "the import is right",
    )
    before, after = entry.changes["approved_at"]
    assert before is None
    assert after
    until = swept.approved_at + timedelta(hours=1)
    assert said(answer) == [
        f"{swept}: Let go on: the next sweep, within a minute, queues everybody who is due, and "
        f"none is held until {until:%H:%M}."
    ]
    assert rung == [True]
    html = answer.content.decode()
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
        f"1 skipped. {swept}: only a sweep that is held, that nobody has let go on yet and that is "
        "less than a day old can go on."
    ]
    assert (state(), rung) == (before, [])


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
