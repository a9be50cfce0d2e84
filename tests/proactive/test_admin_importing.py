"""Importing people in the back office: a look first, then a reason, and nothing lost."""

import csv
from io import StringIO
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from caregiving import importing_uploads
from caregiving.models import Caregiver, ImportUpload
from proactive.admin.importing import UploadForm
from proactive.models import AuditEntry
from tests.factories import CaregiverFactory, number

pytestmark = pytest.mark.django_db

LIST = reverse("admin:caregiving_caregiver_changelist")
IMPORT = reverse("admin:caregiving_caregiver_import")
FILE = """phone_number,first_name,zip_code
(415) 555-2671,Ana,60601
+13125550100,Berta,60601
+13125550101,Carla,60601
12,Dora,60601
+13125550103,Eva,60601,too much
"""


def user(name="admin", role="Administrator"):
    someone = User.objects.create_user(name, is_staff=True)
    someone.groups.add(Group.objects.get(name=role))
    return someone


@pytest.fixture
def admin(client):
    client.force_login(user())
    return client


@pytest.fixture
def here():
    """Two whom the file has as well: one as she is there, one with another name."""
    fields = {"zip_code": "60601", "time_zone": ""}
    CaregiverFactory(phone_number="+13125550100", first_name="Berta", **fields)
    CaregiverFactory(phone_number="+13125550101", first_name="Karla", **fields)


def upload(client, content, name="people.csv"):
    content = content if isinstance(content, bytes) else content.encode()
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, content)})


def shown(client, content=FILE):
    """The page that tells what the file would do, and its address."""
    url = upload(client, content).url
    return url, " ".join(client.get(url).content.decode().split())


def counts(html):
    rows = html.split('aria-labelledby="import-counts">')[2].split("</table>")[0].split("<tr>")[1:]
    return [int(row.split("<td>")[1].split("</td>")[0]) for row in rows]


def test_the_page_tells_what_would_happen_and_nothing_has_happened(admin, here):
    _, html = shown(admin)

    assert counts(html) == [1, 1, 1, 2, 5]
    assert "<td>2</td><td>Ana</td><td>+1415***2671</td>" in html
    assert "<td>3</td><td>Berta</td><td>+1312***0100</td>" in html
    assert "<td>4</td><td>+1312***0101</td><td>first_name</td>" in html
    assert "<td>5</td><td>phone_number</td><td>&#x27;12&#x27; has too few" in html
    assert "<td>6</td><td>the row</td><td>has 4 cells where the header has 3</td>" in html
    assert Caregiver.objects.count() == 2
    assert not AuditEntry.objects.exists()


def test_confirmed_with_a_reason_the_good_rows_are_imported_and_audited(admin, here):
    url, _ = shown(admin)

    answer = admin.post(url, {"reason": "the list of June"}, follow=True)

    says = "1 person from people.csv; 2 were here already, 2 rows rejected"
    assert [str(message) for message in answer.context["messages"]] == [f"Imported {says}."]
    assert sorted(Caregiver.objects.values_list("first_name", flat=True)) == [
        *("Ana", "Berta", "Karla")
    ]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.by.username, entry.says, entry.reason) == (
        *("import_people", "admin", f"imported {says}", "the list of June"),
    )
    html = answer.content.decode()
    assert "What was done" in html
    assert 'name="reason"' not in html


def test_without_a_reason_nobody_is_imported(admin):
    url, _ = shown(admin)

    assert "This field is required" in admin.post(url, {"reason": ""}).content.decode()
    assert not Caregiver.objects.exists()


def test_confirmed_twice_it_is_imported_once(admin):
    url, _ = shown(admin)
    admin.post(url, {"reason": "x"})
    answer = admin.post(url, {"reason": "x"}, follow=True)

    assert "imported or discarded meanwhile" in str(list(answer.context["messages"])[-1])
    assert (Caregiver.objects.count(), AuditEntry.objects.count()) == (3, 1)


def test_the_rejected_rows_can_be_corrected_and_imported_in_their_turn(admin, here):
    url, _ = shown(admin)
    admin.post(url, {"reason": "x"})

    text = b"".join(admin.get(f"{url}rejected/").streaming_content).decode()
    rows = list(csv.reader(StringIO(text.removeprefix("\ufeff"))))
    assert rows[0] == [
        "rejected_line",
        "rejected_because",
        "phone_number",
        "first_name",
        "zip_code",
    ]
    assert [row[0] for row in rows[1:]] == ["5", "6"]
    assert rows[1][2:] == ["12", "Dora", "60601"]
    assert rows[2][1:] == [
        "has 4 cells where the header has 3",
        *("'+13125550103", "Eva", "60601", "too much"),
    ]

    corrected = text.replace(",12,", ",+13125550102,").replace(",too much", "")
    url, html = shown(admin, corrected)
    assert counts(html) == [2, 0, 0, 0, 2]
    admin.post(url, {"reason": "corrected"})
    assert Caregiver.objects.get(first_name="Eva").phone_number == "+13125550103"


def test_a_file_without_fault_is_forgotten_once_it_is_imported(admin):
    url, _ = shown(admin, "phone_number\n+14155552671\n")

    assert admin.post(url, {"reason": "x"}).url == LIST
    assert not ImportUpload.objects.exists()


def test_a_discarded_file_is_forgotten_and_nobody_imported(admin):
    url, _ = shown(admin)

    assert admin.post(url, {"discard": "1"}).url == LIST
    assert not ImportUpload.objects.exists()
    assert not Caregiver.objects.exists()


def test_a_file_is_kept_for_an_hour_and_then_forgotten(admin):
    url, _ = shown(admin)
    ImportUpload.objects.update(created_at=timezone.now() - importing_uploads.LASTS)

    assert admin.post(url, {"reason": "x"}).url == IMPORT
    assert admin.get(f"{url}rejected/").status_code == 404
    assert not Caregiver.objects.exists()

    shown(admin)
    assert ImportUpload.objects.count() == 1


def test_only_the_session_that_brought_a_file_sees_it(admin):
    url, _ = shown(admin)
    elsewhere, other = Client(), Client()
    elsewhere.force_login(User.objects.get(username="admin"))
    other.force_login(user("other"))

    for one in (elsewhere, other):
        assert one.get(url).url == IMPORT
        assert one.post(url, {"reason": "x"}).url == IMPORT
        assert one.get(f"{url}rejected/").status_code == 404
    assert not Caregiver.objects.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty"),
        (b"phone_number\n", "people.csv has a header but no rows"),
        (b"+14155552671,Ana\n", "people.csv has unknown columns: +14155552671"),
        (b"first_name\nAna\n", "people.csv has no column phone_number"),
        (b"phone_number;first_name\n1;2\n", "people.csv is not separated by commas"),
        ("phone_number,first_name\n+14155552671,José\n".encode("latin-1"), "is not UTF-8: line 2"),
        ("phone_number\n+14155552671\n".encode("utf-16"), "people.csv is UTF-16"),
        (b"PK\x03\x04\x14\x00", "people.csv is a spreadsheet, not CSV"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "people.csv is not UTF-8"),
        (b'phone_number\n"+14155552671\n', "is not well-formed CSV"),
    ],
)
def test_what_is_no_such_file_is_refused_in_words_and_not_kept(admin, content, says):
    html = upload(admin, content).content.decode()

    assert says in html
    assert not ImportUpload.objects.exists()


def test_no_file_at_all_is_refused(admin):
    assert "This field is required" in admin.post(IMPORT).content.decode()


def test_a_file_of_200_megabytes_is_refused_before_it_is_read():
    file = SimpleUploadedFile("huge.csv", b"phone_number\n")
    file.size = 200 * 1024**2
    file.file = None  # so that it cannot be read

    assert UploadForm({}, {"file": file}).errors["file"] == [
        "huge.csv is too large: 5 MB or 20,000 lines at most. Split it, or have an operator run "
        "manage.py import_caregivers."
    ]


def test_more_lines_than_a_request_can_look_at_are_refused(admin):
    html = upload(admin, "phone_number\n" + "\n" * 20_001).content.decode()

    assert "people.csv is too large" in html


@pytest.mark.parametrize("role", ["Viewer", "Care coordinator", "Clinical lead"])
def test_whoever_may_not_import_is_not_offered_it_and_refused(client, role):
    client.force_login(user("someone", role))
    preview = f"{IMPORT}{uuid4()}/"

    assert IMPORT not in client.get(LIST).content.decode()
    for url in (IMPORT, preview, f"{preview}rejected/"):
        assert client.get(url).status_code == client.post(url).status_code == 403


def test_the_list_leads_to_the_import(admin):
    assert f'href="{IMPORT}"' in admin.get(LIST).content.decode()


def test_the_page_takes_as_many_queries_for_many_rows_as_for_few(admin):
    def queries(rows):
        url = upload(admin, "phone_number\n" + "\n".join(number(n) for n in range(rows))).url
        with CaptureQueriesContext(connection) as captured:
            assert counts(admin.get(url).content.decode())[0] == rows
        return len(captured)

    assert queries(100) == queries(10_000)
