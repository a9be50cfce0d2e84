"""Closing what a person must look at: what they noted stays, and so does what is open besides."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proactive import alerts
from proactive.models import CareAlert
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import NOON

UNKNOWN = CareAlert.Kind.OUTCOME_UNKNOWN
HELD = CareAlert.Kind.SWEEP_HELD

pytestmark = pytest.mark.django_db


def unresolved() -> list[CareAlert]:
    return list(CareAlert.objects.filter(resolved_at=None).order_by("pk"))


@pytest.mark.parametrize(
    ("noted", "note"),
    [("", "It arrived."), ("Called her.", "Called her.\nIt arrived.")],
    ids=["nothing noted", "noted by staff"],
)
def test_what_staff_noted_stays_on_a_line_of_its_own(noted, note):
    message = MessageFactory()
    alerts.open_alert(UNKNOWN, message=message, detail="", now=NOON)
    CareAlert.objects.update(note=noted)

    alerts.resolve(UNKNOWN, message, note="It arrived.", now=NOON)

    assert CareAlert.objects.get().note == note


def test_what_is_resolved_for_the_service_is_neither_another_kind_nor_about_a_person():
    for kind in (HELD, CareAlert.Kind.SENDING_HALTED):
        alerts.open_alert(kind, detail="", now=NOON)
    about_a_person = CareAlert.objects.create(kind=HELD, caregiver=MessageFactory().caregiver)

    alerts.resolve_for_service(HELD, note="Settled.", now=NOON)

    halted = CareAlert.objects.get(kind=CareAlert.Kind.SENDING_HALTED)
    assert unresolved() == [halted, about_a_person]


def test_what_was_resolved_before_is_left_as_it_is():
    alerts.open_alert(HELD, detail="", now=NOON)
    CareAlert.objects.update(resolved_at=NOON, note="Mine.")

    alerts.resolve_for_service(HELD, note="Settled.", now=NOON)

    assert CareAlert.objects.get().note == "Mine."


# --- What staff do about one ---


@pytest.fixture
def grace():
    return User.objects.create_user("grace")


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def opened(**fields) -> CareAlert:
    return CareAlert.objects.create(**{"kind": UNKNOWN, "opened_at": NOON} | fields)


def twice(alert: CareAlert) -> tuple[CareAlert, CareAlert]:
    """The same alert as two people have it on their screens."""
    return alert, CareAlert.objects.get(pk=alert.pk)


def test_of_two_who_claim_at_once_one_has_it_and_the_other_sees_who(grace, ada):
    first, second = twice(opened())

    assert alerts.claim(first, by=grace, now=NOON)
    assert not alerts.claim(second, by=ada, now=NOON)

    assert (second.claimed_by, second.claimed_at) == (grace, NOON)


def test_of_two_who_resolve_at_once_one_does_and_the_other_writes_nothing(grace, ada):
    first, second = twice(opened(note="Nobody answers."))

    assert alerts.resolve_by_staff(first, by=grace, done="Reached her.", now=NOON)
    assert not alerts.resolve_by_staff(second, by=ada, done="Reached her too.", now=NOON)

    assert (second.resolved_by, second.resolved_at) == (grace, NOON)
    assert second.note == "Nobody answers.\n2027-01-05 12:00 UTC, grace: Reached her."


@pytest.mark.parametrize(
    "do",
    [
        lambda alert, by: alerts.claim(alert, by=by, now=NOON),
        lambda alert, by: alerts.add_note(alert, by=by, text="Called", now=NOON),
        lambda alert, by: alerts.resolve_by_staff(alert, by=by, done="Called", now=NOON),
    ],
)
def test_the_person_is_locked_before_the_alert_as_a_report_about_their_text_does(grace, do):
    alert = opened(caregiver=CaregiverFactory())
    with CaptureQueriesContext(connection) as captured:
        do(alert, grace)
    tables = ("caregiving_caregiver", "proactive_carealert")
    touched = [
        table
        for query in captured
        for table in tables
        if query["sql"].startswith(("SELECT", "UPDATE")) and f'"{table}"' in query["sql"]
    ]
    assert touched[:2] == list(tables)
    if connection.features.has_select_for_update:
        assert any("FOR UPDATE" in query["sql"] for query in captured)


def test_what_is_resolved_is_neither_claimed_nor_released(grace):
    alert = opened(resolved_at=NOON)

    assert not alerts.claim(alert, by=grace, now=NOON)
    assert not alerts.release(alert)


def test_a_colleague_may_release_what_somebody_left_behind(grace, ada):
    alert = opened()
    alerts.claim(alert, by=grace, now=NOON)

    assert alerts.release(alert)
    assert not alerts.release(alert)
    assert alerts.claim(alert, by=ada, now=NOON)


def test_notes_of_two_people_at_once_are_both_kept(grace, ada):
    first, second = twice(opened())

    alerts.add_note(first, by=grace, text="Line busy.", now=NOON)
    alerts.add_note(second, by=ada, text="Called her son.", now=NOON)

    assert second.note.splitlines() == [
        "2027-01-05 12:00 UTC, grace: Line busy.",
        "2027-01-05 12:00 UTC, ada: Called her son.",
    ]


def test_what_is_opened_again_is_in_the_hands_of_whoever_opened_it(grace):
    alert = opened(resolved_at=NOON, escalated_at=NOON, note="Done.")

    assert alerts.reopen(alert, by=grace, why="it was her sister", now=NOON)
    assert not alerts.reopen(alert, by=grace, why="again", now=NOON)

    alert = CareAlert.objects.get()
    assert (alert.resolved_at, alert.escalated_at, alert.claimed_by) == (None, None, grace)
    assert alert.note == "Done.\n2027-01-05 12:00 UTC, grace: Reopened: it was her sister"


@pytest.mark.parametrize("about", ["person", "service"])
def test_what_has_been_found_again_since_is_not_opened_twice(grace, about):
    of = {"caregiver": MessageFactory().caregiver, "occasion": NOON} if about == "person" else {}
    old = opened(resolved_at=NOON, **of)
    opened(**of)

    with pytest.raises(alerts.OpenAlready):
        alerts.reopen(old, by=grace, why="x", now=NOON)

    old.refresh_from_db()
    assert (old.resolved_at, old.note) == (NOON, "")


def test_every_kind_says_what_to_do_next():
    assert {*CareAlert.Kind} == {*CareAlert.NEXT_STEP}
    assert all(CareAlert(kind=kind).next_step for kind in CareAlert.Kind)
