"""People are added, changed and read; the newest word about a field holds."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User

from caregiving.models import Caregiver, InboundMessage
from proactive import profiles, telling
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import AuditEntry
from tests.factories import CaregiverFactory
from tests.proactive.api.calling import NOON, PHONE, a_client, event, put, tell

pytestmark = pytest.mark.django_db

ADDRESS = f"/api/v1/caregivers/{PHONE}/"


@pytest.fixture(autouse=True)
def later():
    with time_machine.travel(NOON + timedelta(hours=3), tick=False):
        yield


def test_somebody_new_is_added_as_of_when_they_signed_up():
    answer = put(a_client(), first_name="Ada", zip_code="60601", language="es")

    assert (answer.status_code, answer.json()["outcome"]) == (201, "created")
    person = Caregiver.objects.get()
    assert (str(person.phone_number), person.created_at) == (PHONE, NOON)
    assert (person.first_name, person.zip_code, person.language) == ("Ada", "60601", "es")
    assert person.derived_zones == "America/Chicago"


def test_what_their_number_wrote_before_is_theirs_and_a_stop_holds():
    InboundMessage.objects.create(
        from_number=PHONE, body="STOP", intent="stop", received_at=NOON, provider_sid="SM1"
    )

    put(a_client())

    assert Caregiver.objects.get().opted_out_at == NOON


def test_of_somebody_known_only_what_is_given_changes_and_the_audit_says_through_what():
    CaregiverFactory(phone_number=PHONE, first_name="Ada", relationship="daughter")

    answer = put(a_client(), first_name="Eva")

    assert (answer.status_code, answer.json()["outcome"]) == (200, "changed")
    person = Caregiver.objects.get()
    assert (person.first_name, person.relationship) == ("Eva", "daughter")
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.via, entry.happened_at) == (None, "API: assistant", NOON)
    assert entry.changes == {"first_name": ["Ada", "Eva"]}
    assert telling.staff_action(entry).by == "API: assistant"


def test_what_is_so_already_is_unchanged():
    CaregiverFactory(phone_number=PHONE, first_name="Ada")

    answer = tell(a_client(), event("profile_change", first_name=" Ada "))

    assert answer.json()["outcome"] == "unchanged"
    assert not AuditEntry.objects.exists()


def test_an_older_change_that_comes_late_leaves_newer_word_alone():
    CaregiverFactory(phone_number=PHONE, first_name="Ada", zip_code="60601")
    client = a_client()
    tell(client, event("profile_change", first_name="Eva", at="2026-03-02T14:00:00Z"))

    late = tell(client, event("profile_change", first_name="Eve", zip_code="10001"))

    assert (late.json()["outcome"], late.json()["kept"]) == ("changed", ["first_name"])
    person = Caregiver.objects.get()
    assert (person.first_name, person.zip_code) == ("Eva", "10001")


def test_what_staff_have_corrected_since_is_left_alone_and_older_corrections_are_not():
    person = CaregiverFactory(phone_number=PHONE, first_name="Ada")
    nurse = User.objects.create(username="nurse")
    person.first_name = "Adah"
    profiles.save_edited(person, ["first_name"], by=nurse, now=NOON + timedelta(hours=1))
    client = a_client()

    tell(client, event("profile_change", first_name="Ida"))
    assert Caregiver.objects.get().first_name == "Adah"
    tell(client, event("profile_change", first_name="Ida", at="2026-03-02T14:00:00Z"))

    assert Caregiver.objects.get().first_name == "Ida"


def test_reading_a_person_brings_the_explanation_and_the_forecast():
    person = CaregiverFactory(phone_number=PHONE, last_crisis_event_at=NOON)
    now = NOON + timedelta(hours=3)

    answer = a_client("caregivers:read").get(f"{ADDRESS}?days=10")

    read = answer.json()
    assert (answer.status_code, read["caregiver"]["phone_number"]) == (200, PHONE)
    assert answer.headers["Cache-Control"] == "no-store"
    assert read["caregiver"]["last_crisis_event_at"] == "2026-03-02T12:00:00Z"
    told = explain(person, now=now)
    assert [
        (one["cadence"], one["sendable"], one["rules"]) for one in read["explanation"]["cadences"]
    ] == [(one["cadence"], one["sendable"], one["rules"]) for one in told["cadences"]]
    coming = forecast(person, now=now, days=10)["messages"]
    assert coming
    assert [one["body"] for one in read["forecast"]["messages"]] == [one["body"] for one in coming]
    assert read["forecast"]["from"] == "2026-03-02T15:00:00Z"


def test_reading_somebody_unknown_or_something_that_is_no_number_says_so():
    client = a_client()

    unknown, odd = client.get(ADDRESS), client.get("/api/v1/caregivers/ada/")

    assert (unknown.status_code, odd.status_code) == (404, 422)
    assert unknown.json()["errors"][0]["field"] == odd.json()["errors"][0]["field"]


@pytest.mark.parametrize("days", ["0", "91", "many"])
def test_a_forecast_is_of_one_to_ninety_days(days):
    answer = a_client().get(f"{ADDRESS}?days={days}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "days")
