"""A whole run, with libraries at DEBUG: no name, no text and no whole number is in the log."""

import io
import logging
import re

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from caregiving.logs import Discreet, JsonFormatter, TextFormatter
from caregiving.models import Caregiver, InboundMessage
from proactive import tasks
from proactive.models import Message
from proactive.roles import ADMINISTRATOR
from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio, Step
from tests.proactive.calling import post, signature, text_fields
from tests.proactive.people import NOON, due_for
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

WROTE = "I cannot stop crying since yesterday"
NOTED = "Her sister Wilhelmina rang us"
PEOPLE = "phone_number,first_name,zip_code\n(415) 555-2671,Ottilie,60601\n12,Kunigunde,60601\n"


@pytest.fixture
def logs():
    """By formatter, what the service would write if somebody set every logger to DEBUG; and
    `unfiltered`, what the same would be without care."""
    streams = {"text": io.StringIO(), "json": io.StringIO(), "unfiltered": io.StringIO()}
    root = logging.getLogger()
    handlers = {name: logging.StreamHandler(stream) for name, stream in streams.items()}
    handlers["text"].setFormatter(TextFormatter())
    handlers["json"].setFormatter(JsonFormatter())
    for name in ("text", "json"):
        handlers[name].addFilter(Discreet())
    known = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [(one, one.level, one.propagate) for one in (root, *known)]
    for one in (root, *known):
        one.setLevel(logging.DEBUG)
        one.propagate = True
    for handler in handlers.values():
        root.addHandler(handler)
    connection.force_debug_cursor = True
    yield streams
    connection.force_debug_cursor = False
    for handler in handlers.values():
        root.removeHandler(handler)
    for one, level, propagate in before:
        one.setLevel(level)
        one.propagate = propagate


@pytest.fixture
def provider(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    with FakeTwilio(tmp_path / "twilio.jsonl") as fake:
        settings.SMS_GATEWAY = "twilio"
        settings.TWILIO_ACCOUNT_SID = ACCOUNT_SID
        settings.TWILIO_AUTH_TOKEN = AUTH_TOKEN
        settings.TWILIO_FROM_NUMBER = "+14155550100"
        settings.TWILIO_API_BASE_URL = fake.url
        yield fake


def sign(url, fields):
    return signature(url, fields, key=AUTH_TOKEN)


def people_write(person):
    for body in (WROTE, "please stop texting me", "START", "HELP"):
        fields = text_fields(person.phone_number, body)
        assert post("/webhooks/twilio/inbound/", fields, sign=sign).status_code == 200
    assert post("/webhooks/twilio/inbound/", fields, sign=lambda *_: "x").status_code == 403


def the_provider_reports(text, status, **fields):
    fields = {"MessageSid": text.provider_sid, "MessageStatus": status, "To": text.to_number}
    path = f"/webhooks/twilio/status/{text.pk}/"
    assert post(path, fields | {"ErrorCode": "30003"}, sign=sign).status_code == 200


def staff_work(person):
    staff = sign_in(Client(raise_request_exception=False), member_of(ADMINISTRATOR))
    people = reverse("admin:caregiving_caregiver_changelist")
    page = reverse("admin:caregiving_caregiver_change", args=[person.pk])
    for looked_at in (
        reverse("admin:index"),
        f"{people}?q={person.first_name}",
        f"{people}?q={person.phone_number.replace('+', '%2B')}",
        page,
        reverse("admin:proactive_message_changelist"),
        reverse("admin:caregiving_inboundmessage_changelist"),
        reverse("admin:proactive_carealert_changelist"),
        f"{people}{person.phone_number}/",
    ):
        assert staff.get(looked_at, follow=True).status_code in (200, 404)
    note = reverse("admin:caregiving_caregiver_note", args=[person.pk])
    staff.post(note, {"body": NOTED})
    for act, fields in (("record_crisis", {"source": "her sister"}), ("opt_out", {"how": "x"})):
        staff.post(
            people,
            {"action": act, "_selected_action": str(person.pk), "post": "yes", "reason": NOTED}
            | fields,
        )
    file = SimpleUploadedFile("people.csv", PEOPLE.encode())
    staff.post(reverse("admin:caregiving_caregiver_import"), {"file": file}, follow=True)


@time_machine.travel(NOON)
def test_a_whole_run_tells_nobody_who_it_is_about(logs, provider, settings, tmp_path):
    call_command("seed_demo", "--caregivers", "60", stdout=io.StringIO())
    due_for("crisis_followup", first_name="Adelgunde", care_recipient_name="Notburga")
    provider.script(Step.refusal(21211), Step(drop=True), Step(status=500))
    for _ in range(2):
        tasks.tick()
    person = Caregiver.objects.exclude(first_name="").order_by("pk").first()
    people_write(person)
    text = Message.objects.filter(provider_sid__isnull=False, status="sent").first()
    the_provider_reports(text, "undelivered")
    the_provider_reports(text, "delivered")
    staff_work(person)
    (tmp_path / "people.csv").write_text(PEOPLE)
    call_command("import_caregivers", tmp_path / "people.csv", "--skip-bad", stdout=io.StringIO())
    tasks.tick()

    assert provider.requests
    told = {name: stream.getvalue() for name, stream in logs.items()}
    personal = all_that_is_personal()
    assert {"Ottilie", "+14155552671", WROTE, NOTED} <= personal
    # Else this would find nothing whatever is logged.
    assert len(found(told["unfiltered"], personal)) > 30
    for form in ("text", "json"):
        assert len(told[form].splitlines()) > 30
        assert "GET /admin/caregiving/caregiver/ 200 in" in told[form]
        assert found(told[form], personal) == set(), form


def all_that_is_personal():
    personal = {"Kunigunde", "(415) 555-2671", WROTE, NOTED}
    for names in Caregiver.objects.values_list("first_name", "care_recipient_name", "phone_number"):
        personal.update(names)
    personal.update(Message.objects.values_list("body", flat=True))
    personal.update(InboundMessage.objects.values_list("body", flat=True))
    # The words that everybody sends, and that stand in our own code.
    return personal - {"", "STOP", "START", "HELP", "Yes", "yes", "ok", "Ok", "OK"}


def found(log, personal):
    """Which of them stand in the log as words of their own."""
    return {one for one in personal if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", log)}
