"""An administrator brings people in from a file some of whose rows are wrong."""

import csv
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from caregiving.models import Caregiver
from proactive.models import AuditEntry
from proactive.roles import ADMINISTRATOR, LEAD
from tests.browser.pages import ListPage
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db(transaction=True)

FILE = """phone_number,first_name,zip_code,time_zone
+14155552671,Josefina,94103,
+13125550182,Walter,60601,
12,Nobody,60601,
+12135550147,Edith,,Mars/Olympus
+16175550111,Here,,
"""


def test_bad_rows_are_told_before_anything_happens_and_the_others_come_in(signed_in, site):
    CaregiverFactory(phone_number="+16175550111", first_name="Rosa")
    page = signed_in(ADMINISTRATOR)
    ListPage(page, site).open("caregiving_caregiver")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    )
    page.get_by_role("button", name="Show what would happen").click()

    happens = page.get_by_role("region", name="What would happen")
    for row, count in (("New", 2), ("with other values", 1), ("Rejected", 2), ("in all", 5)):
        expect(happens.get_by_role("row").filter(has_text=row)).to_contain_text(str(count))
    rejected = page.get_by_role("region", name="Rejected")
    expect(rejected).to_contain_text("'Mars/Olympus' is not an IANA time zone")
    assert Caregiver.objects.count() == 1

    with page.expect_download() as download:
        page.get_by_role("link", name="Download all rejected rows").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert [row["first_name"] for row in rows] == ["Nobody", "Edith"]

    page.get_by_role("button", name="Import 2 people").click()
    expect(page.get_by_text("This field is required")).to_be_visible()
    assert Caregiver.objects.count() == 1
    page.locator("[name=reason]").fill("From the county's list")
    page.get_by_role("button", name="Import 2 people").click()

    expect(page.get_by_text("Imported 2 people from people.csv")).to_be_visible()
    names = Caregiver.objects.order_by("pk").values_list("first_name", flat=True)
    assert list(names) == ["Rosa", "Josefina", "Walter"]
    assert AuditEntry.objects.get().reason == "From the county's list"
    page.get_by_role("link", name="To the list of people").click()
    expect(page.get_by_role("link", name="Josefina")).to_be_visible()


def test_a_file_that_is_no_list_of_people_is_refused_in_words(signed_in, site):
    page = signed_in(ADMINISTRATOR)
    page.goto(site + reverse("admin:caregiving_caregiver_import"))
    page.get_by_label("CSV file").set_input_files(
        {"name": "picture.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n\x00\xff"}
    )
    page.get_by_role("button", name="Show what would happen").click()

    expect(page.locator(".errors")).to_contain_text("picture.png")
    expect(page.get_by_label("CSV file")).to_be_visible()


def test_whoever_may_not_import_is_offered_nothing(signed_in, site):
    page = signed_in(LEAD)
    ListPage(page, site).open("caregiving_caregiver")

    expect(page.get_by_role("link", name="Export")).to_be_visible()
    expect(page.get_by_role("link", name="Import", exact=True)).to_have_count(0)
