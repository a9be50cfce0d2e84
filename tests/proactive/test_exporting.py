"""Lists as CSV: exactly what the list shows, harmless in a spreadsheet, and never without a why."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from caregiving.csv_cells import as_typed, harmless
from caregiving.models import Caregiver
from proactive.models import AuditEntry
from tests.factories import CaregiverFactory, number

pytestmark = pytest.mark.django_db

LIST = reverse("admin:caregiving_caregiver_changelist")
EXPORT = reverse("admin:caregiving_caregiver_export")
NOW = datetime(2027, 1, 13, 18, tzinfo=UTC)


@pytest.fixture
def lead(client):
    user = User.objects.create_user("lead", is_staff=True)
    user.groups.add(Group.objects.get(name="Clinical lead"))
    client.force_login(user)
    return client


@pytest.fixture
def exported(lead):
    """The rows of the file, as dictionaries."""

    def export(query=""):
        answer = lead.post(f"{EXPORT}?{query}", {"reason": "for the board"})
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        text = b"".join(answer.streaming_content).decode()
        assert text[0] == "\ufeff"
        return list(csv.DictReader(StringIO(text[1:])))

    return export


def test_the_file_has_the_columns_of_the_list_with_instants_instead_of_words(exported, settings):
    settings.TIME_ZONE = "America/Chicago"
    CaregiverFactory(
        first_name="José",
        phone_number="+14155552671",
        burnout_band="high",
        last_contact_at=NOW,
        created_at=NOW,
        opted_out_at=NOW,
        outreach_paused_until=datetime(2090, 1, 5, 18, tzinfo=UTC),
    )

    (row,) = exported()

    assert row.pop("Local time").endswith(" Chicago")
    assert row == {
        "Name": "José",
        "Phone number": "'+14155552671",
        "Phase": "Active",
        "Band": "High",
        "Heard from": "2027-01-13T12:00:00-06:00",
        "Last text": "",
        "Next follow-up": "",
        "Note": "opted out paused until 5 Jan",
    }


def test_only_what_is_filtered_and_searched_is_in_the_file_and_in_its_order(exported):
    for name, opted_out in (("Ana", NOW), ("Anita", NOW), ("Anna", None), ("Berta", NOW)):
        CaregiverFactory(
            first_name=name, opted_out_at=opted_out, last_contact_at=NOW - timedelta(len(name))
        )

    rows = exported("cohort=opted-out&q=an&o=6")

    assert [row["Name"] for row in rows] == ["Anita", "Ana"]


def test_every_row_is_in_the_file_not_only_the_page_that_is_shown(exported):
    CaregiverFactory.create_batch(60)

    assert len(exported("p=2")) == 60


def test_whoever_may_not_see_numbers_gets_masked_ones(client):
    user = User.objects.create_user("auditor", is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    group = Group.objects.create(name="Exporters")
    group.permissions.add(
        *Group.objects.get(name="Clinical lead").permissions.filter(codename="export_list")
    )
    user.groups.add(group)
    client.force_login(user)
    CaregiverFactory(phone_number="+14155552671")

    answer = client.post(EXPORT, {"reason": "count"})

    text = b"".join(answer.streaming_content).decode()
    assert "'+1415***2671" in text
    assert "5552671" not in text


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_begins_a_formula(exported, beginning):
    CaregiverFactory(first_name=f"{beginning}cmd|' /C calc'!A0")

    (row,) = exported()

    assert row["Name"] == f"'{beginning}cmd|' /C calc'!A0"
    assert as_typed(row["Name"]) == f"{beginning}cmd|' /C calc'!A0"


def test_other_text_stays_as_it_is():
    for text in ("Ana", "'t Hooft", "", "1-2", "O'Neil"):
        assert harmless(text) == as_typed(text) == text


def test_the_audit_says_which_list_how_many_rows_and_why(exported):
    CaregiverFactory(first_name="Ana", opted_out_at=NOW, journey_phase="active")
    CaregiverFactory(first_name="Berta")

    exported("cohort=opted-out&journey_phase__exact=active&language=en&q=ana")

    entry = AuditEntry.objects.get()
    assert entry.says == (
        "exported 1 person: group: Opted out; journey phase: Active; language: en; search: ana"
    )
    assert (entry.action, entry.by.username, entry.reason) == (
        "export_list",
        "lead",
        "for the board",
    )


def test_nothing_is_exported_without_a_reason(lead):
    CaregiverFactory()

    answer = lead.post(EXPORT, {"reason": " "})

    assert "This field is required" in answer.content.decode()
    assert not AuditEntry.objects.exists()


def test_the_page_says_what_the_file_will_have_and_goes_back_to_the_same_list(lead):
    CaregiverFactory(first_name="Ana", opted_out_at=NOW)

    listed = lead.get(LIST, {"cohort": "opted-out"}).content.decode()
    assert f'href="{EXPORT}?cohort=opted-out"' in listed
    html = lead.get(EXPORT, {"cohort": "opted-out"}).content.decode()

    assert "A CSV file with 1 person," in html
    assert "Group: Opted out" in html
    assert "Name, Phone number, Local time" in html
    assert f'href="{LIST}?cohort=opted-out"' in html
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_may_not_export_is_not_offered_it_and_refused(client, method):
    user = User.objects.create_user("nurse", is_staff=True)
    user.groups.add(Group.objects.get(name="Care coordinator"))
    client.force_login(user)

    assert EXPORT not in client.get(LIST).content.decode()
    assert getattr(client, method)(EXPORT, {"reason": "x"}).status_code == 403
    assert not AuditEntry.objects.exists()


def test_a_group_that_does_not_exist_is_not_exported(lead):
    assert lead.post(f"{EXPORT}?cohort=rich", {"reason": "x"}).url == LIST
    assert not AuditEntry.objects.exists()


def test_the_file_takes_as_many_queries_for_many_people_as_for_few(exported):
    def fill(first, last):
        Caregiver.objects.bulk_create(
            (Caregiver(phone_number=number(n), time_zone="UTC") for n in range(first, last)),
            batch_size=1000,
        )

    def queries(people):
        with CaptureQueriesContext(connection) as captured:
            assert len(exported()) == people
        return len(captured)

    fill(0, 100)
    few = queries(100)
    fill(100, 10_000)
    assert queries(10_000) == few
