"""Alerts in the back office: what staff see of each, and who is told what when two act at once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from caregiving.models import Caregiver
from proactive.admin import confirming
from proactive.models import AuditEntry, CareAlert
from tests.factories import CaregiverFactory, MessageFactory

pytestmark = pytest.mark.django_db

Kind = CareAlert.Kind
LIST = reverse("admin:proactive_carealert_changelist")
HOUR = timedelta(hours=1)


def login(name: str, role: str) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def nurse():
    return login("grace", "Care coordinator")


@pytest.fixture
def viewer():
    return login("vera", "Viewer")


def opened(kind=Kind.FOLLOWUP_FAILED, **fields) -> CareAlert:
    fields.setdefault("caregiver", None)
    return CareAlert.objects.create(kind=kind, **fields)


def about_a_text(**fields) -> CareAlert:
    message = MessageFactory(
        caregiver=CaregiverFactory(first_name="Josefina", phone_number="+14155552671"),
        status="undelivered",
        body="Hi Josefina, how are you today?",
        reason="The number is a landline (30006)",
    )
    return opened(message=message, caregiver=message.caregiver, **fields)


def page(alert) -> str:
    return reverse("admin:proactive_carealert_change", args=[alert.pk])


def act(name, alert) -> str:
    return reverse("admin:proactive_carealert_act", args=[alert.pk, name])


def listed(client, query="") -> list[CareAlert]:
    return list(client.get(LIST + query).context["cl"].result_list)


def html(client, url) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- The list ---


def test_open_ones_come_first_the_oldest_on_top_and_tabs_show_the_others(nurse):
    grace, now = User.objects.get(), timezone.now()
    young = opened(Kind.FOLLOWUP_FAILED, opened_at=now - HOUR)
    old = opened(Kind.FOLLOWUP_STUCK, opened_at=now - 9 * HOUR)
    mine = opened(Kind.DUPLICATE, claimed_by=grace, opened_at=now - 5 * HOUR)
    over = opened(Kind.SWEEP_HELD, resolved_at=now, opened_at=now - 20 * HOUR)

    assert listed(nurse) == [old, mine, young]
    assert listed(nurse, "?state=unclaimed") == [old, young]
    assert listed(nurse, "?state=mine") == [mine]
    assert listed(nurse, "?state=resolved") == [over]
    assert set(listed(nurse, "?state=all")) == {young, old, mine, over}
    assert listed(nurse, "?kind__exact=followup_stuck") == [old]


def test_plain_lookups_of_other_pages_work(nurse):
    alert = about_a_text()
    over = about_a_text_resolved(alert)

    assert set(listed(nurse, f"?state=all&caregiver__id__exact={alert.caregiver_id}")) == {
        alert,
        over,
    }
    assert listed(nurse, "?resolved_at__isnull=False") == [over]
    assert listed(nurse, "?claimed_by__isnull=True") == [alert]


def about_a_text_resolved(alert) -> CareAlert:
    return opened(Kind.DUPLICATE, caregiver=alert.caregiver, resolved_at=timezone.now())


def test_the_list_says_what_of_whom_since_when_and_who_has_it(nurse):
    grace = User.objects.get()
    about_a_text(opened_at=timezone.now() - 5 * HOUR, claimed_by=grace)
    opened(Kind.SENDING_HALTED, escalated_at=timezone.now())

    text = html(nurse, LIST)

    for words in (
        *(
            "A crisis follow-up could not be delivered",
            "Josefina",
            "5 h 00 min",
            "grace",
            "claimed",
        ),
        *("Sending stopped: our own configuration", "everybody", "unclaimed, sent on by email"),
    ):
        assert words in text
    assert 'aria-current="page">Open<' in text


# --- The page ---


def test_the_page_says_what_happened_and_what_to_do_next(nurse):
    alert = about_a_text(detail="Twilio says no.", opened_at=timezone.now() - 26 * HOUR)

    text = html(nurse, page(alert))

    for words in (
        *("Twilio says no.", "What to do next:", "correct it on their page", "1 d 2 h"),
        *("Josefina", "+14155552671", "America/Chicago", "Hi Josefina, how are you today?"),
        *("Undelivered: the carrier did not deliver it", "The number is a landline (30006)"),
        *(reverse("admin:proactive_message_change", args=[alert.message_id]), "Crisis follow-up 1"),
    ):
        assert words in text


def test_what_staff_wrote_on_an_alert_is_read_by_whoever_reads_what_is_written(nurse, viewer):
    alert = about_a_text(note="Her brother moved in")

    assert "Her brother moved in" in html(nurse, page(alert))
    assert "Her brother moved in" not in html(viewer, page(alert))


def test_whoever_may_only_look_sees_no_number_no_body_and_no_act(viewer):
    alert = about_a_text()

    text = html(viewer, page(alert))

    assert "+1415***2671" in text
    assert "+14155552671" not in text
    assert "You may not read this." in text
    assert "how are you today" not in text
    assert "/act/" not in text
    for name in ("claim", "release", "add_note", "resolve", "reopen"):
        assert viewer.get(act(name, alert)).status_code == 403
        assert viewer.post(act(name, alert), {"reason": "x"}).status_code == 403
    alert.refresh_from_db()
    assert (alert.claimed_by, alert.resolved_at, alert.note) == (None, None, "")


def test_nothing_is_edited_by_a_form(nurse):
    alert = about_a_text()

    assert nurse.post(page(alert), {"note": "x", "resolved_at_0": "2027-01-01"}).status_code == 403
    alert.refresh_from_db()
    assert (alert.note, alert.resolved_at) == ("", None)


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({}, {"claim", "add_note", "resolve"}),
        ({"claimed": True}, {"release", "add_note", "resolve"}),
        ({"resolved_at": timezone.now()}, {"add_note", "reopen"}),
    ],
    ids=["unclaimed", "claimed", "resolved"],
)
def test_what_can_be_done_is_offered(nurse, fields, offered):
    if fields.pop("claimed", False):
        fields = {"claimed_by": User.objects.get()}
    alert = about_a_text(**fields)

    text = html(nurse, page(alert))

    names = {"claim", "release", "add_note", "resolve", "reopen"}
    assert {name for name in names if act(name, alert) in text} == offered


# --- Acts ---


def test_a_claim_takes_no_reason_and_is_on_record(nurse):
    alert = about_a_text()

    answer = nurse.post(act("claim", alert), {}, follow=True)

    assert answer.redirect_chain == [(page(alert), 302)]
    alert.refresh_from_db()
    assert alert.claimed_by.username == "grace"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.by.username, entry.caregiver) == ("claim", "grace", alert.caregiver)
    assert entry.changes["claimed_by"] == [None, alert.claimed_by_id]


def test_whoever_claims_second_is_told_who_was_faster(nurse, monkeypatch):
    alert = about_a_text()
    ada = login("ada", "Care coordinator")
    perform = confirming.perform

    def perform_after_ada(chosen, rows, data, **options):
        monkeypatch.setattr(confirming, "perform", perform)
        ada.post(act("claim", alert), {})
        return perform(chosen, rows, data, **options)

    monkeypatch.setattr(confirming, "perform", perform_after_ada)
    answer = nurse.post(act("claim", alert), {}, follow=True)

    assert said(answer) == [
        "1 skipped. A crisis follow-up could not be delivered: ada was faster and has claimed it."
    ]
    alert.refresh_from_db()
    assert alert.claimed_by.username == "ada"
    assert AuditEntry.objects.count() == 1


def test_before_one_acts_the_page_says_who_has_it(nurse):
    ada = User.objects.create_user("ada")
    alert = about_a_text(claimed_by=ada)

    assert "ada has claimed it already" in html(nurse, act("claim", alert))
    assert "ada no longer looks after it" in html(nurse, act("release", alert))


def test_notes_release_resolve_and_reopen_leave_their_line_and_their_entry(nurse):
    alert = about_a_text()
    for name, reason in (
        ("claim", ""),
        ("add_note", "Line busy."),
        ("release", "end of shift"),
        ("resolve", "Called her, she is fine."),
        ("reopen", "it was her sister"),
    ):
        nurse.post(act(name, alert), {"reason": reason})

    alert.refresh_from_db()
    assert (alert.resolved_at, alert.claimed_by.username) == (None, "grace")
    assert [line.split(": ", 1)[1] for line in alert.note.splitlines()] == [
        "Line busy.",
        "Called her, she is fine.",
        "Reopened: it was her sister",
    ]
    entries = AuditEntry.objects.order_by("pk").values_list("action", "reason")
    assert [*entries] == [
        ("claim", ""),
        ("add_note", "Line busy."),
        ("release", "end of shift"),
        ("resolve", "Called her, she is fine."),
        ("reopen", "it was her sister"),
    ]
    text = html(nurse, page(alert))
    assert "grace: Called her, she is fine." in text


@pytest.mark.parametrize("name", ["add_note", "resolve", "reopen"])
def test_what_needs_words_is_not_done_without(nurse, name):
    alert = about_a_text(resolved_at=timezone.now() if name == "reopen" else None)
    before = list(CareAlert.objects.values())

    assert (
        "This field is required" in nurse.post(act(name, alert), {"reason": " "}).content.decode()
    )
    assert (list(CareAlert.objects.values()), AuditEntry.objects.count()) == (before, 0)


def test_what_was_found_again_since_cannot_be_opened_twice(nurse):
    someone, now = CaregiverFactory(), timezone.now()
    same = {"kind": Kind.CASCADE_UNANSWERED, "caregiver": someone, "occasion": now - HOUR}
    old = opened(**same, resolved_at=now)
    opened(**same)

    answer = nurse.post(act("reopen", old), {"reason": "x"}, follow=True)

    assert "has an open alert of its own: work on that one" in said(answer)[0]
    old.refresh_from_db()
    assert old.resolved_at == now
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("name", ["claim", "resolve"])
def test_several_are_claimed_or_resolved_at_once(nurse, name):
    several = [opened(caregiver=CaregiverFactory()) for _ in range(3)]
    taken = opened(Kind.DUPLICATE, resolved_at=timezone.now())
    rows = [*several, taken]

    chosen = nurse.post(
        LIST + "?state=all", {"action": name, "_selected_action": [row.pk for row in rows]}
    )
    assert "For 3 it would be done" in chosen.content.decode()
    nurse.post(
        reverse("admin:proactive_carealert_act_on_several", args=[name]),
        {"row": [row.pk for row in rows], "reason": "one outage"},
    )

    field = {"claim": "claimed_by", "resolve": "resolved_by"}[name]
    assert CareAlert.objects.filter(**{f"{field}__username": "grace"}).count() == 3
    assert AuditEntry.objects.count() == 3


# --- Cost ---


def test_the_list_takes_as_many_queries_for_ten_thousand_as_for_a_hundred(nurse):
    def fill(count, start):
        people = Caregiver.objects.bulk_create(
            Caregiver(phone_number=f"+1415{start + n:07}") for n in range(count)
        )
        CareAlert.objects.bulk_create(
            CareAlert(kind=Kind.CASCADE_UNANSWERED, caregiver=one) for one in people
        )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            nurse.get(LIST)
        return len(captured)

    fill(100, 2_000_000)
    few = queries()
    fill(9_900, 3_000_000)
    assert queries() == few < 12


def test_the_page_takes_few_queries(nurse, django_assert_max_num_queries):
    alert = about_a_text()

    with django_assert_max_num_queries(14):
        nurse.get(page(alert))
