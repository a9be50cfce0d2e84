"""The page of the policy and its switches: read by all who may look, put by those who may."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from caregiving.models import Caregiver
from proactive import cadences, shares, switches, tasks
from proactive.admin import policy
from proactive.cadences import CADENCES
from proactive.models import AuditEntry, CadenceSwitch, CareAlert, MessageTemplate
from tests.factories import CaregiverFactory
from tests.proactive.people import DAY, DUE, NOON, due_for
from tests.proactive.queueing import queued
from tests.proactive.test_sixth_cadence import ANNIVERSARY

POLICY = reverse("admin:proactive_policy")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "ring", lambda: rung.append(True))
    return rung


def sign_in(client, role):
    user = User.objects.create_user(role.replace(" ", "-"), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


@pytest.fixture
def viewer(client):
    return sign_in(client, "Viewer")


@pytest.fixture
def lead(client):
    return sign_in(client, "Clinical lead")


def act(client, name, act, method="post", **typed):
    url = reverse("admin:proactive_cadenceswitch_act", args=[name, act])
    return getattr(client, method)(url, {"reason": "drill"} | typed if method == "post" else {})


def html(client, url=POLICY):
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


# --- The page ---


def test_its_address_is_short(lead):
    assert lead.get("/admin/policy/").url == POLICY


def test_every_cadence_stands_as_it_is_declared(viewer):
    text = html(viewer)

    positions = [text.index(f"</span> {cadence.label}") for cadence in CADENCES]
    assert positions == sorted(positions)
    for cadence in CADENCES:
        assert escape(cadence.purpose) in text
        assert str(cadence.window) in text
        for step in cadence.steps:
            for rule in (*cadence.who, *cadence.yields, *([] if step.stage else [step.position])):
                assert escape(rule.means) in text
    for words in (
        "<td>35 days</td><td>42 days</td>",
        "every 3 days, after 2 days of silence",
        "left alone for 1 hour",
        "an alert asks a person, and every stage is accounted for",
        "churned after 31 days of silence: no more texts",
        "<li>has not opted out</li>",
        "<li>had no proactive text in the last 24 hours</li>",
    ):
        assert words in text


def test_a_cadence_that_is_added_stands_there_too(viewer, monkeypatch):
    monkeypatch.setattr(policy, "CADENCES", (*CADENCES, ANNIVERSARY))
    monkeypatch.setitem(cadences.BY_NAME, ANNIVERSARY.name, ANNIVERSARY)

    text = html(viewer)

    assert ANNIVERSARY.purpose in text
    assert "<td>200 days</td><td>203 days</td>" in text


def test_each_step_leads_to_its_words(viewer):
    text = html(viewer)

    for template in MessageTemplate.objects.all():
        url = reverse("admin:proactive_messagetemplate_change", args=[template.pk])
        assert f'href="{url}"' in text


def test_a_viewer_reads_it_without_buttons(viewer):
    assert "/act/" not in html(viewer)
    for name in ("switch_off", "pause", "switch_on"):
        assert act(viewer, "everything", name, "get").status_code == 403
        assert act(viewer, "everything", name).status_code == 403
    assert not CadenceSwitch.objects.exists()


def test_nobody_without_a_right_to_look_reads_it(client):
    client.force_login(User.objects.create_user("nobody", is_staff=True))

    assert client.get(POLICY).status_code == 403


def test_it_says_who_switched_what_and_why(lead):
    act(lead, "wellness", "switch_off", reason="words are reviewed")

    text = html(lead)

    assert "words are reviewed" in text
    assert "by Clinical-lead, Tue 5 Jan 2027 12:00" in text
    assert "but all sending is stopped" not in text
    act(lead, "everything", "switch_off")
    assert "but all sending is stopped" in html(lead)


def test_it_takes_as_many_queries_for_many_rows_as_for_few(lead):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            html(lead)
        return len(captured)

    def fill(count):
        CadenceSwitch.objects.bulk_create(
            CadenceSwitch(cadence=f"gone-{count}-{n}") for n in range(count)
        )
        MessageTemplate.objects.bulk_create(
            MessageTemplate(cadence=f"gone-{count}", stage=n, body="x") for n in range(count)
        )

    html(lead)  # what a process reads once
    fill(100)
    few = queries()
    fill(9_900)

    assert queries() == few


def test_to_look_writes_nothing(lead):
    html(lead)
    html(lead, reverse("admin:proactive_cadenceswitch_changelist"))
    for name in ("switch_off", "pause", "switch_on"):
        assert act(lead, "wellness", name, "get").status_code == 200

    assert not CadenceSwitch.objects.exists()


# --- Switching ---


def test_a_cadence_is_switched_off_by_name_with_a_reason_and_rung(
    lead, rung, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        answer = act(lead, "wellness", "switch_off")

    assert answer.url == POLICY
    row = CadenceSwitch.objects.get()
    assert (row.cadence, row.is_on, row.reason) == ("wellness", False, "drill")
    assert row.changed_by.username == "Clinical-lead"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.says, entry.reason) == ("switch_off", "switched off", "drill")
    assert (entry.target_label, entry.target_id) == ("Wellness check-in", str(row.pk))
    assert entry.changes == {"is_on": [True, False], "reason": ["", "drill"]}
    assert rung == [True]
    assert "Wellness check-in: switched off." in [str(one) for one in _said(lead)]


def test_without_a_reason_nothing_is_switched(lead):
    assert act(lead, "everything", "switch_off", reason="").status_code == 200

    assert switches.everything().is_on


def test_what_is_no_cadence_has_no_switch(lead):
    assert act(lead, "birthdays", "switch_off").status_code == 404


def test_what_is_off_already_is_skipped_and_told(lead):
    act(lead, "wellness", "switch_off")

    answer = act(lead, "wellness", "switch_off", reason="again")

    assert any("it is off already" in str(one) for one in _said(lead, answer.url))
    assert AuditEntry.objects.count() == 1


def test_a_pause_is_typed_by_the_clock_of_the_service(lead, settings):
    settings.TIME_ZONE = "America/Chicago"
    act(lead, "everything", "pause", until="2027-01-06T09:30")

    until = switches.everything().paused_until
    assert until == datetime(2027, 1, 6, 15, 30, tzinfo=UTC)
    assert "Paused until Wed 6 Jan 2027 09:30 (America/Chicago)" in html(lead)


@pytest.mark.parametrize("until", ["2028-01-06T12:01", "9999-12-31T23:59"])
def test_what_is_to_stay_off_for_longer_than_a_year_is_switched_off(lead, settings, until):
    settings.TIME_ZONE = "America/New_York"
    answer = act(lead, "everything", "pause", until=until)

    assert "is switched off" in answer.content.decode()
    assert switches.everything().is_open(NOON)


@pytest.mark.parametrize("until", ["", "soon", "2027-01-05T11:59"])
def test_a_pause_needs_a_time_that_comes(lead, until):
    act(lead, "everything", "pause", until=until)

    assert switches.everything().is_open(NOON)
    assert not AuditEntry.objects.exists()


def test_before_a_pause_it_says_what_becomes_of_queued_texts(lead):
    queued("wellness")

    for name, words in (
        ("everything", "Queued texts: 1; they wait."),
        ("wellness", "Queued texts: 1; they are given back"),
        ("crisis_followup", "Queued texts: 0; they are given back"),
    ):
        assert words in act(lead, name, "pause", "get").content.decode()


def test_before_it_is_switched_on_it_shows_what_has_piled_up(lead, settings):
    settings.SWEEP_CEILING = 1
    queued("wellness")
    act(lead, "everything", "switch_off")
    act(lead, "onboarding_nudge", "switch_off")
    due_for("crisis_followup"), due_for("crisis_followup")
    due_for("dormant_reactivation", time_zone="America/Los_Angeles")
    due_for("onboarding_nudge")

    text = act(lead, "everything", "switch_on", "get").content.decode()

    assert '<th scope="row">Crisis follow-up</th><td>0</td><td>2</td>' in text
    assert "their own switch is off or paused: Onboarding nudge" in text
    assert '<th scope="row">Now</th><td>3</td><td>Yes</td>' in text
    assert '<th scope="row">Tue 5 Jan 19:00</th><td>1</td><td>No</td>' in text
    assert "more than 1 people are due a text at once" in text
    assert "1 more when it is time where they live" in text
    assert not switches.everything().is_on


def test_one_cadence_under_a_switch_that_is_off_says_that_nothing_goes_out_yet(lead):
    act(lead, "everything", "switch_off")
    act(lead, "wellness", "switch_off")

    text = act(lead, "wellness", "switch_on", "get").content.decode()

    assert "All sending is stopped: nothing goes out until that is switched on too." in text


def test_a_halt_is_ended_with_its_alert(lead):
    CadenceSwitch.objects.create(cadence="everything", is_on=False, halted=True, reason="30002")
    CareAlert.objects.create(kind=CareAlert.Kind.SENDING_HALTED)
    assert "Halted by the system" in html(lead)

    act(lead, "everything", "switch_on", reason="paid")

    assert switches.everything().is_open(NOON)
    assert CareAlert.objects.get().resolved_by.username == "Clinical-lead"


def test_before_a_share_is_put_it_shows_how_many_people_that_is(lead):
    people = [due_for("wellness") for _ in range(4)]
    inside = [one for one in people if shares.is_among("wellness", one.pk, share=50)]

    text = act(lead, "wellness", "set_share", share="50", look="1").content.decode()

    assert f"50 % of people instead of 100 %: {len(inside)} of 4." in text
    assert "Whoever is not among them any more gets no more of it" in text
    assert f'<th scope="row">Wellness check-in</th><td>0</td><td>{len(inside)}</td>' in text
    assert not CadenceSwitch.objects.exists()
    first = act(lead, "wellness", "set_share", "get").content.decode()
    assert "it is for 100 % of people now; give another share and look" in first


def test_a_share_is_put_with_a_reason_and_stands_on_the_page(lead):
    act(lead, "wellness", "set_share", share="5")

    assert CadenceSwitch.objects.get().share == 5
    assert "On, for 5 % of people" in html(lead)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason, entry.changes) == (
        "set_share",
        "drill",
        {"share": [100, 5]},
    )
    act(lead, "wellness", "switch_off")
    assert "Off, for 5 % of people" in html(lead)


@pytest.mark.parametrize("share", ["", "-1", "101", "2.5", "all"])
def test_a_share_is_a_whole_number_of_percent(lead, share):
    assert act(lead, "wellness", "set_share", share=share).status_code == 200
    assert not CadenceSwitch.objects.exists()


def test_what_has_piled_up_counts_only_whoever_is_among_the_share(lead):
    due_for("wellness")
    CadenceSwitch.objects.create(cadence="wellness", is_on=False, share=0)

    text = act(lead, "wellness", "switch_on", "get").content.decode()

    assert '<th scope="row">Wellness check-in</th><td>0</td><td>0</td>' in text


def test_before_a_cadence_is_switched_on_for_nobody_it_says_so(lead):
    CadenceSwitch.objects.create(cadence="wellness", is_on=False, share=0)

    text = act(lead, "wellness", "switch_on", "get").content.decode()

    assert "On for 0 % of people, so nobody gets it" in text
    assert "share of people: wellness check-in." in text


def test_only_what_can_be_done_is_offered(lead):
    def offered(name):
        text = html(lead)
        return {
            one
            for one in ("switch_off", "pause", "switch_on", "set_share")
            if reverse("admin:proactive_cadenceswitch_act", args=[name, one]) in text
        }

    assert offered("wellness") == {"switch_off", "pause", "set_share"}
    act(lead, "wellness", "pause", until="2027-01-06T09:30")
    assert offered("wellness") == {"switch_off", "pause", "switch_on", "set_share"}
    act(lead, "wellness", "switch_off")
    assert offered("wellness") == {"pause", "switch_on", "set_share"}
    CadenceSwitch.objects.create(cadence="everything", is_on=False, halted=True)
    assert offered("everything") == {"switch_off", "switch_on"}


def test_what_has_piled_up_takes_as_many_queries_for_many_as_for_few(lead):
    def fill(count):
        Caregiver.objects.bulk_create(
            CaregiverFactory.build_batch(
                count, time_zone="UTC", created_at=NOON - 90 * DAY, **DUE["wellness"](NOON)
            )
        )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert act(lead, "everything", "switch_on", "get").status_code == 200
        return len(captured)

    act(lead, "everything", "pause", until="2027-01-06T09:30")
    fill(100)
    few = queries()
    fill(9_900)

    assert queries() == few


def _said(client, url=POLICY):
    return client.get(url).context["messages"]
