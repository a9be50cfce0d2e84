"""What staff did is kept with its reason and its values, and stays as it was written."""

import pytest
from django.contrib.auth.models import User
from django.db.models import ProtectedError
from django.utils import timezone

from proactive import audit
from proactive.models import AuditEntry
from tests.factories import CaregiverFactory, MessageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def nurse():
    return User.objects.create_user("nurse")


def test_an_entry_says_who_did_what_to_whom_why_and_from_which_value_to_which(nurse):
    message = MessageFactory(status="unknown")
    before = audit.snapshot(message, ("status", "reason"))
    message.status = "sent"

    entry = audit.record(
        "it_arrived",
        by=nurse,
        says="it arrived",
        now=timezone.now(),
        target=message,
        reason="she told me",
        changes=audit.difference(before, message),
    )

    entry.refresh_from_db()
    assert (entry.by, entry.action, entry.reason) == (nurse, "it_arrived", "she told me")
    assert (entry.target_type, entry.target_id) == ("proactive.message", str(message.pk))
    assert entry.caregiver == message.caregiver
    assert entry.changes == {"status": ["unknown", "sent"]}


def test_what_a_person_had_changed_is_kept_as_json_can_carry_it(nurse):
    someone = CaregiverFactory(phone_number="+14155550123")
    before = audit.snapshot(someone, ("phone_number", "outreach_paused_until"))
    someone.phone_number = "+14155550124"
    someone.outreach_paused_until = until = timezone.now()

    entry = audit.record(
        "edit",
        by=nurse,
        says="edited",
        now=until,
        target=someone,
        changes=audit.difference(before, someone),
    )

    entry.refresh_from_db()
    assert entry.changes["phone_number"] == ["+14155550123", "+14155550124"]
    assert entry.changes["outreach_paused_until"][0] is None
    assert entry.changes["outreach_paused_until"][1].startswith(f"{until:%Y-%m-%dT%H:%M}")


def test_no_entry_is_edited_or_deleted(nurse):
    entry = audit.record("x", by=nurse, says="x", now=timezone.now())

    for attempt in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(says="y"),
        lambda: AuditEntry.objects.all().delete(),
    ):
        with pytest.raises(TypeError, match="only ever added to"):
            attempt()
    assert AuditEntry.objects.get().says == "x"


def test_whoever_has_done_something_cannot_be_deleted(nurse):
    audit.record("x", by=nurse, says="x", now=timezone.now())

    with pytest.raises(ProtectedError):
        nurse.delete()
