"""Whoever calls: only what Twilio signed is believed, and nothing that comes in breaks anything."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from django.test import Client
from twilio.request_validator import RequestValidator

from caregiving.models import Caregiver, InboundMessage
from proactive.models import Message, RefusedWebhook
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.calling import (
    BASE,
    FORM,
    INBOUND,
    TOKEN,
    post,
    post_json,
    report_on,
    signature,
    text_fields,
    words,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account(settings):
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.PUBLIC_BASE_URL = BASE


def state():
    """All that a webhook could change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Caregiver, InboundMessage, Message)
    ]


# --- Forged ---


FORGERIES = {
    "no signature": lambda url, fields: "",
    "nonsense": lambda url, fields: "nonsense",
    "not even ASCII": lambda url, fields: "Ünsinn ☃",
    "another account's token": lambda url, fields: signature(url, fields, key="another"),
    "an empty token": lambda url, fields: signature(url, fields, key=""),
    "of another address": lambda url, fields: signature(url + "x/", fields),
    "of another host": lambda url, fields: signature(url.replace("outreach", "elsewhere"), fields),
    "of other fields": lambda url, fields: signature(url, {**fields, "Body": "START"}),
    "of no fields": lambda url, fields: signature(url),
}


@pytest.mark.parametrize("sign", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_text_is_refused_counted_and_changes_nothing(sign):
    CaregiverFactory(phone_number="+14155550001")
    before = state()

    answer = post(INBOUND, text_fields("+14155550001", "STOP"), sign=sign)

    assert answer.status_code == 403
    assert state() == before
    counted = RefusedWebhook.objects.get()
    assert (counted.endpoint, counted.count) == ("inbound", 1)
    assert counted.day == datetime.now(UTC).date()


@pytest.mark.parametrize("sign", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_report_is_refused_counted_and_changes_nothing(sign):
    message = MessageFactory(status="sending")
    before = state()

    answer = post(
        f"/webhooks/twilio/status/{message.pk}/",
        {"MessageSid": "SM1", "MessageStatus": "delivered", "Body": ""},
        sign=sign,
    )

    assert answer.status_code == 403
    assert state() == before
    assert list(RefusedWebhook.objects.values_list("endpoint", "count")) == [("status", 1)]


def test_refusals_are_counted_by_day_and_endpoint():
    for _ in range(3):
        post(INBOUND, {}, sign=FORGERIES["nonsense"])

    assert RefusedWebhook.objects.get().count == 3


def test_without_a_token_of_ours_nobody_can_sign(settings):
    settings.TWILIO_AUTH_TOKEN = ""

    answer = post(
        INBOUND,
        text_fields("+14155550001", "hi"),
        sign=lambda url, fields: signature(url, fields, key=""),
    )

    assert answer.status_code == 403
    assert InboundMessage.objects.count() == 0


def test_the_signature_covers_the_public_address_whatever_the_proxy_calls_us():
    fields = text_fields("+14155550001", "hi")

    assert post(INBOUND, fields, Host="localhost").status_code == 200
    at_the_proxy = lambda url, fields: signature("http://localhost" + INBOUND, fields)  # noqa: E731
    assert post(INBOUND, fields, sign=at_the_proxy, Host="localhost").status_code == 403


def test_only_a_post_is_a_webhook():
    client = Client()

    assert {client.get(INBOUND).status_code, client.put(INBOUND).status_code} == {405}


# --- The other ways of signing ---


def test_a_json_body_counts_by_the_digest_in_the_signed_address():
    assert post_json(INBOUND, text_fields("+14155550001", "hi")).status_code == 200
    assert InboundMessage.objects.get().body == "hi"


def test_a_json_body_that_was_changed_on_the_way_is_refused():
    fields = text_fields("+14155550001", "hi")

    answer = post_json(INBOUND, fields, tampered={**fields, "Body": "STOP"})

    assert answer.status_code == 403
    assert InboundMessage.objects.count() == 0


def test_a_json_body_without_a_digest_is_refused_for_the_signature_does_not_cover_it():
    answer = Client().post(
        INBOUND,
        json.dumps(text_fields("+14155550001", "hi")),
        headers={"X-Twilio-Signature": signature(BASE + INBOUND)},
        content_type="application/json",
    )

    assert answer.status_code == 403


@pytest.mark.parametrize("query", ["bodySHA256=", "xbodySHA256=1", "a=bodySHA256=", "bodySHA256"])
def test_json_whose_address_only_seems_to_have_a_digest_is_refused(query):
    path = f"{INBOUND}?{query}"
    answer = Client(raise_request_exception=False).post(
        path,
        json.dumps(text_fields("+14155550001", "hi")),
        headers={"X-Twilio-Signature": signature(BASE + path)},
        content_type="application/json",
    )

    assert answer.status_code == 403
    assert InboundMessage.objects.count() == 0


def test_json_with_other_bytes_that_read_as_the_signed_ones_is_refused():
    signed = json.dumps(text_fields("+14155550001", "\ufffd"), ensure_ascii=False).encode()
    path = f"{INBOUND}?bodySHA256={hashlib.sha256(signed).hexdigest()}"
    answer = Client().post(
        path,
        signed.replace("\ufffd".encode(), b"\xff"),
        headers={"X-Twilio-Signature": signature(BASE + path)},
        content_type="application/json",
    )

    assert answer.status_code == 403
    assert InboundMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("HMAC_SHA256", hashlib.sha256), ("HMAC_SHA1", hashlib.sha1)]
)
def test_a_shared_key_signs_in_place_of_the_token(settings, algorithm, digest):
    settings.TWILIO_WEBHOOK_KEY = "shared-secret"
    named = {"X-Twilio-Webhooks-Signature-Settings": f"key=k1,algorithm={algorithm}"}

    def with_key(url, fields):
        return signature(url, fields, key="shared-secret", digest=digest)

    assert (
        post(INBOUND, text_fields("+14155550001", "a"), sign=with_key, **named).status_code == 200
    )
    # The token does not open what is locked with the key, nor the other way round.
    assert post(INBOUND, text_fields("+14155550001", "b"), **named).status_code == 403
    assert post(INBOUND, text_fields("+14155550001", "c"), sign=with_key).status_code == 403


def test_an_algorithm_that_nobody_knows_is_refused(settings):
    settings.TWILIO_WEBHOOK_KEY = TOKEN
    named = {"X-Twilio-Webhooks-Signature-Settings": "key=k1,algorithm=MD5"}

    assert post(INBOUND, text_fields("+14155550001", "a"), **named).status_code == 403


# --- Odd, but signed ---


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"MessageSid": ""},
        {"MessageSid": "S" * 65, "From": "+14155550001", "Body": "hi"},
    ],
)
def test_a_text_without_an_identifier_is_told_so(fields):
    answer = post(INBOUND, fields)

    assert answer.status_code == 400
    assert answer.content == b"MessageSid is missing or too long."
    assert InboundMessage.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\0",
        "nul\0inside",
        "🫶🏽",
        "x" * 100_000,
        "\u202estop\u202c",
        "' OR 1=1; --",
        "<b>&amp;",
    ],
    ids=repr,
)
@pytest.mark.parametrize("sender", ["", "+14155550001", "whatsapp:+14155550001", "\0", "ABCDEF"])
def test_whatever_somebody_writes_is_kept(body, sender):
    answer = post(INBOUND, text_fields(sender, body, sid="SM1"))

    assert (answer.status_code, words(answer)) == (200, "")
    kept = InboundMessage.objects.get(provider_sid="SM1")
    assert kept.body == body.replace("\0", "\ufffd")


def test_halves_of_characters_in_json_are_kept_as_question_marks():
    assert post_json(INBOUND, text_fields("+14155550001", "\ud800 hi")).status_code == 200
    assert InboundMessage.objects.get().body == "? hi"


@pytest.mark.parametrize("body", ["[1, 2]", "null", '"text"', "{", "[" * 100_000])
def test_json_that_is_no_object_has_no_fields(body):
    path = f"{INBOUND}?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    answer = Client(raise_request_exception=False).post(
        path,
        body,
        headers={"X-Twilio-Signature": signature(BASE + path)},
        content_type="application/json",
    )

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        f"{FORM}; charset=utf-16",
        f"{FORM}; charset=nonsense",
        "text/plain",
        "",
        "application/json; charset=latin-1",
    ],
)
def test_a_body_in_another_form_never_breaks_anything(content_type):
    answer = Client(raise_request_exception=False).generic(
        "POST",
        INBOUND,
        b"\xff\xfe--x\r\n\x00%zz=&&=;",
        headers={"X-Twilio-Signature": signature(BASE + INBOUND)},
        content_type=content_type,
    )

    assert answer.status_code in (400, 403)
    assert InboundMessage.objects.count() == 0


def test_a_body_of_megabytes_is_refused_before_it_is_read():
    answer = post(INBOUND, text_fields("+14155550001", "x" * 3_000_000))

    assert answer.status_code == 400


def test_a_report_on_a_text_that_is_not_ours_is_told_so():
    answer = post(
        "/webhooks/twilio/status/00000000-0000-4000-8000-000000000000/",
        {"MessageSid": "SM1", "MessageStatus": "sent"},
    )

    assert answer.status_code == 404


def test_a_report_is_taken_in_with_whatever_else_it_brings():
    message = MessageFactory(status="sending")

    assert report_on(message, "delivered", Surprise="yes", RawDlrDoneDate="2611240700") == 200

    message.refresh_from_db()
    assert (message.status, message.provider_sid) == ("delivered", "SM1")


@pytest.mark.parametrize("code", ["", "0", "not a number", "9" * 5000, "\0", "٣٠٠٠٣"])
def test_an_error_code_of_any_kind_is_survived(code):
    message = MessageFactory(status="sending")

    assert report_on(message, "undelivered", ErrorCode=code) == 200
    message.refresh_from_db()
    assert message.status == "undelivered"


def test_when_the_database_fails_the_same_call_may_succeed_later(monkeypatch):
    def fails(*args, **options):
        raise OperationalError("gone")

    monkeypatch.setattr("proactive.webhooks.receive", fails)
    answer = post(INBOUND, text_fields("+14155550001", "hi"))
    assert (answer.status_code, answer.content) == (503, b"Try again later.")

    monkeypatch.undo()
    assert post(INBOUND, text_fields("+14155550001", "hi")).status_code == 200


def test_the_helper_of_these_tests_signs_as_the_client_does():
    fields = {"From": "+14155550001", "Body": "hé & hi", "Empty": ""}
    url = "https://example.org/a/?b=1&c=2"

    assert signature(url, fields, key="k") == RequestValidator("k").compute_signature(url, fields)
