"""The pages on which staff act for people: seen first, with a reason, by who may, and kept."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import tasks
from proactive.admin.confirming import MOST
from proactive.admin.person_acts import PERSON_ACTS
from proactive.admin.person_forms import STAGED
from proactive.cadences import CADENCES
from proactive.models import AuditEntry, Message
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, person

pytestmark = pytest.mark.django_db

LIST = reverse("admin:caregiving_caregiver_changelist")
# Those of a coordinator; of the others see test_holding.
HERS = [act for act in PERSON_ACTS if act.permission == "caregiving.act_on_caregiver"]
BY_NAME = {act.name: act for act in HERS}
IN_BULK = [act.name for act in HERS if act.in_bulk]

CHURNED = {"journey_phase": "churned", "last_contact_at": NOON - 60 * DAY}
CRISIS = {"last_crisis_event_at": NOON - 26 * HOUR}
# Somebody for whom it can be done, what the form then says, and the fields that it changes.
ACTS = {
    "send_now": ({}, {"wording": "wellness:high"}, {"last_proactive_message_at", "text"}),
    "record_contact": ({}, {"at": "2027-01-05T11:00"}, {"last_contact_at"}),
    "record_crisis": (
        {},
        {"at": "2027-01-05T11:00", "source": "her sister"},
        {"last_contact_at", "last_crisis_event_at", "crisis_followup_count"},
    ),
    "pause": ({}, {"last_day": "2027-01-08"}, {"outreach_paused_until"}),
    "resume": ({"outreach_paused_until": NOON + DAY}, {}, {"outreach_paused_until"}),
    "opt_out": ({}, {"how": "by phone"}, {"opted_out_at"}),
    "opt_in": (
        {"opted_out_at": NOON - DAY},
        {"where": "by phone"},
        {"opted_out_at", "opted_in_at"},
    ),
    "clear_unreachable": ({"unreachable_at": NOON - DAY}, {}, {"unreachable_at"}),
    "reactivate": (CHURNED, {"at": "2027-01-05T11:00"}, {"journey_phase", "last_contact_at"}),
    "reset_crisis_counter": (
        CRISIS | {"crisis_followup_count": 2},
        {},
        {"crisis_followup_count"},
    ),
    "reset_reactivation_counter": (
        {"reactivation_message_count": 2},
        {},
        {"reactivation_message_count"},
    ),
    "restart_crisis_followups": (
        CRISIS | {"crisis_followup_count": 2},
        {},
        {"last_contact_at", "last_crisis_event_at", "crisis_followup_count"},
    ),
    "end_cascade": (CRISIS, {"cadence": "crisis_followup"}, {"crisis_followup_count"}),
}
every_act = pytest.mark.parametrize("name", ACTS)

# Somebody for whom it cannot be done, and why.
SKIPPED = {
    "send_now": ({"opted_out_at": NOON - DAY}, "opted out Mon 4 Jan 12:00"),
    "record_contact": ({"last_contact_at": NOON}, "was heard from since then: Tue 5 Jan 12:00"),
    "record_crisis": (
        {"last_crisis_event_at": NOON},
        "a crisis Tue 5 Jan 12:00 is on record, and has the follow-ups",
    ),
    "pause": (
        {"outreach_paused_until": NOON + 84 * HOUR},
        "is paused by staff until Sat 9 Jan 00:00 already",
    ),
    "resume": ({}, "is not paused"),
    "opt_out": ({"opted_out_at": NOON - DAY}, "opted out Mon 4 Jan 12:00 already"),
    "opt_in": ({}, "has not opted out"),
    "clear_unreachable": ({}, "nothing says that the number cannot be texted"),
    "reactivate": ({}, "is not churned: active"),
    "reset_crisis_counter": ({}, "the counter of crisis follow-up is at 0"),
    "reset_reactivation_counter": ({}, "the counter of dormant reactivation is at 0"),
    "restart_crisis_followups": ({}, "no crisis is on record: record one"),
    "end_cascade": ({}, "no crisis on record"),
}


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "ring", lambda: rung.append(True))
    return rung


def member(client, role):
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


@pytest.fixture
def coordinator(client):
    return member(client, "Care coordinator")


def page(someone, name):
    return reverse("admin:caregiving_caregiver_act", args=[someone.pk, name])


def several(name):
    return reverse("admin:caregiving_caregiver_act_on_several", args=[name])


def state():
    return (
        list(Caregiver.objects.order_by("pk").values()),
        list(Message.objects.order_by("pk").values()),
        AuditEntry.objects.count(),
    )


def test_each_act_is_tried_here():
    assert set(ACTS) == set(SKIPPED) == {act.name for act in HERS}


@every_act
def test_to_look_changes_nothing(coordinator, name):
    fields, data, _ = ACTS[name]
    someone = person(**fields)
    before = state()

    assert coordinator.get(page(someone, name)).status_code == 200
    html = coordinator.post(page(someone, name), data | {"look": "1"}).content.decode()

    assert "What happens" in html
    assert state() == before


@every_act
def test_without_a_reason_nothing_is_done(coordinator, name):
    fields, data, _ = ACTS[name]
    someone = person(**fields)
    before = state()

    html = coordinator.post(page(someone, name), data).content.decode()

    assert "This field is required" in html
    assert state() == before


@every_act
def test_with_a_reason_it_is_done_and_one_entry_tells_from_what_to_what(coordinator, name):
    fields, data, changed = ACTS[name]
    someone = person(**fields)
    before = Caregiver.objects.values().get(pk=someone.pk)

    answer = coordinator.post(page(someone, name), data | {"reason": "she asked"}, follow=True)

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason, entry.caregiver_id) == (name, "she asked", someone.pk)
    assert (entry.by.username, entry.at) == ("Care coordinator", NOON)
    assert set(entry.changes) >= changed
    after = Caregiver.objects.values().get(pk=someone.pk)
    of_the_person = {field for field in before if before[field] != after[field]}
    assert of_the_person == set(entry.changes) - {"text"}
    assert [str(one) for one in answer.context["messages"]] == [f"{someone}: {entry.says}."]


@every_act
def test_whoever_cannot_be_done_is_skipped_and_told_why_before_and_after(coordinator, name):
    fields, reason = SKIPPED[name]
    data = ACTS[name][1]
    someone = person(**fields)
    before = state()

    html = coordinator.post(page(someone, name), data | {"look": "1"}).content.decode()
    answer = coordinator.post(page(someone, name), data | {"reason": "x"}, follow=True)

    assert "1 would be skipped" in html
    assert reason in html
    says = [str(one) for one in answer.context["messages"]]
    assert says == [f"1 skipped. {someone}: {reason}."]
    assert state() == before


@every_act
def test_a_viewer_may_not(client, name):
    fields, data, _ = ACTS[name]
    someone = person(**fields)
    member(client, "Viewer")
    before = state()

    assert client.get(page(someone, name)).status_code == 403
    assert client.post(page(someone, name), data | {"reason": "x"}).status_code == 403
    assert client.post(several(name), {"row": someone.pk, "reason": "x"}).status_code == 403
    change = reverse("admin:caregiving_caregiver_change", args=[someone.pk])
    assert page(someone, name) not in client.get(change).content.decode()
    assert state() == before


@every_act
def test_it_is_offered_on_the_page_where_it_applies(coordinator, name):
    someone = person(**ACTS[name][0])
    change = reverse("admin:caregiving_caregiver_change", args=[someone.pk])
    assert page(someone, name) in coordinator.get(change).content.decode()


def test_on_the_page_of_somebody_unremarkable_only_what_applies_is_offered(coordinator):
    someone = person()
    change = reverse("admin:caregiving_caregiver_change", args=[someone.pk])
    html = coordinator.get(change).content.decode()
    offered = {name for name in ACTS if page(someone, name) in html}
    assert offered == {
        *("send_now", "record_contact", "record_crisis", "pause", "opt_out", "end_cascade")
    }


@pytest.mark.parametrize("name", IN_BULK)
def test_several_at_once_each_have_their_entry_and_who_is_skipped_has_none(coordinator, name):
    fields, data, _ = ACTS[name]
    people = [person(**fields) for _ in range(3)]
    skipped, reason = SKIPPED[name]
    people.append(person(**skipped))
    keys = [one.pk for one in people]

    chosen = coordinator.post(LIST, {"action": name, "_selected_action": keys})
    answer = coordinator.post(several(name), data | {"row": keys, "reason": "x"}, follow=True)

    assert all(f'name="row" value="{key}"' in chosen.content.decode() for key in keys)
    says = [str(one) for one in answer.context["messages"]]
    assert says == [
        f"{BY_NAME[name].label}: 3 done.",
        f"1 skipped. {people[3]}: {reason}.",
    ]
    assert set(AuditEntry.objects.values_list("caregiver_id", flat=True)) == set(keys[:3])


def test_what_takes_a_look_at_one_person_is_not_done_to_several(coordinator):
    html = coordinator.get(LIST).content.decode()
    assert {name for name in ACTS if f'value="{name}"' in html} <= set(IN_BULK)
    assert set(IN_BULK) == {
        *("record_contact", "pause", "resume", "opt_out", "reactivate"),
        *("reset_crisis_counter", "reset_reactivation_counter"),
    }
    someone = person()
    answer = coordinator.post(
        several("send_now"), {"row": someone.pk, "wording": "wellness:high", "reason": "x"}
    )
    assert answer.url == LIST
    assert Message.objects.count() == 0


@pytest.mark.parametrize("name", IN_BULK)
def test_looking_at_900_asks_the_database_no_more_often_than_at_10(coordinator, name):
    fields = {"time_zone": "UTC", "created_at": NOON - 2 * DAY} | ACTS[name][0]

    def queries(count):
        people = Caregiver.objects.bulk_create(CaregiverFactory.build_batch(count, **fields))
        MessageFactory(caregiver=people[0], occasion=NOON - 26 * HOUR, status="sent")
        chosen = {"action": name, "_selected_action": [one.pk for one in people]}
        with CaptureQueriesContext(
            connection,
        ) as asked:
            html = coordinator.post(LIST, chosen).content.decode()
        assert f"For {count} it would be done" in html
        return len(asked)

    queries(1)  # the first also reads what is then remembered
    assert queries(10) == queries(MOST)


# --- What is filled in wrongly ---


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("record_contact", {"at": "2027-01-05T12:01"}, "That is in the future."),
        ("record_contact", {"at": "2025-01-01T12:00"}, "more than a year ago"),
        ("record_contact", {"at": "yesterday"}, "Enter a valid date/time."),
        ("record_contact", {}, "This field is required."),
        ("record_crisis", {"at": "2027-01-06T00:00", "source": "x"}, "That is in the future."),
        ("record_crisis", {"at": "2027-01-05T11:00"}, "This field is required."),
        ("reactivate", {"at": "2027-01-05T12:01"}, "That is in the future."),
        ("pause", {"last_day": "2027-01-03"}, "That day is over. Give 2027-01-05 or a later one."),
        ("pause", {"last_day": "9999-12-31"}, "Give 2028-01-05 or an earlier day."),
        ("opt_out", {"how": "x" * 41}, "at most 40 characters"),
        ("opt_in", {"where": " "}, "This field is required."),
        ("send_now", {}, "Choose the words first."),
        ("send_now", {"wording": "birthday:1"}, "Select a valid choice."),
        ("end_cascade", {"cadence": "wellness"}, "Select a valid choice."),
    ],
)
def test_what_is_filled_in_wrongly_says_what_to_write_and_does_nothing(
    coordinator, name, data, says
):
    someone = person(**ACTS[name][0])
    before = state()
    html = coordinator.post(page(someone, name), data | {"reason": "x"}).content.decode()
    assert says in html
    assert state() == before


def test_times_are_on_the_clock_of_the_service(coordinator, settings):
    settings.TIME_ZONE = "America/Chicago"
    with timezone.override("America/Chicago"):
        someone = person()
        html = coordinator.get(page(someone, "record_contact")).content.decode()
        assert "On the clock of the service (America/Chicago)." in html
        assert 'value="2027-01-05T06:00"' in html
        coordinator.post(page(someone, "record_contact"), {"at": "2027-01-05T05:30", "reason": "x"})
    someone.refresh_from_db()
    assert someone.last_contact_at == datetime(2027, 1, 5, 11, 30, tzinfo=UTC)


# --- Send now ---


def test_the_words_are_shown_as_the_person_would_get_them_with_what_is_not_asked(coordinator):
    someone = person(first_name="Ada", burnout_band="moderate")
    data = {"wording": "wellness:high", "look": "1"}
    html = coordinator.post(page(someone, "send_now"), data).content.decode()
    assert "CareCheck: Hi Ada" in html
    assert "segment) goes out now. By itself it would not: burnout band is moderate" in html


@pytest.mark.parametrize("cadence", CADENCES, ids=lambda cadence: cadence.name)
def test_there_is_a_choice_for_each_wording(coordinator, cadence):
    html = coordinator.get(page(person(), "send_now")).content.decode()
    assert "choose the words below" in html
    assert all(f'value="{cadence.name}:{step.variant}"' in html for step in cadence.steps)


def test_whoever_may_not_read_texts_does_not_have_them_sent(client):
    user = User.objects.create_user("acts", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=("view_caregiver", "act_on_caregiver"))
    )
    client.force_login(user)
    someone = person()
    assert client.get(page(someone, "send_now")).status_code == 403
    assert client.get(page(someone, "pause")).status_code == 200


def test_the_words_are_not_kept_in_the_audit_and_a_delivery_is_rung_for(
    coordinator, rung, django_capture_on_commit_callbacks
):
    someone = person()
    data = {"wording": "wellness:high", "reason": "x"}
    with django_capture_on_commit_callbacks(execute=True):
        coordinator.post(page(someone, "send_now"), data)
    entry = AuditEntry.objects.get()
    assert entry.says == "Wellness check-in (high) is queued and goes out now"
    message = Message.objects.get()
    assert message.body not in str(entry.changes)
    assert entry.changes["text"] == [None, str(message.pk)]
    assert message.ordered_by == entry.by
    assert rung == [True]


def test_posting_it_twice_sends_it_once(coordinator):
    someone = person()
    data = {"wording": "wellness:high", "reason": "x"}
    for _ in range(2):
        coordinator.post(page(someone, "send_now"), data)
    assert Message.objects.count() == AuditEntry.objects.count() == 1


def test_a_series_can_be_ended_of_each_cadence_with_stages():
    assert [cadence.name for cadence in STAGED] == [
        *("crisis_followup", "dormant_reactivation", "assessment_reminder", "onboarding_nudge")
    ]


def test_the_preview_of_a_reset_asks_what_exists_already(coordinator):
    someone = person(**CRISIS, crisis_followup_count=1)
    MessageFactory(
        caregiver=someone, occasion=someone.last_crisis_event_at, stage=1, status="delivered"
    )
    html = coordinator.get(page(someone, "reset_crisis_counter")).content.decode()
    assert "counter from 1 to 0; next is crisis follow-up 2 of 7, due Thu 7 Jan 10:00" in html


def test_a_pause_offers_a_week(coordinator):
    html = coordinator.get(page(person(), "pause")).content.decode()
    assert f'value="{(NOON + timedelta(days=7)).date()}"' in html
    assert "paused until Wed 13 Jan 00:00" in html
