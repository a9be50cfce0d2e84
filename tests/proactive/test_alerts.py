"""Closing what a person must look at: what they noted stays, and so does what is open besides."""

import pytest

from proactive import alerts
from proactive.models import CareAlert
from tests.factories import MessageFactory
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
