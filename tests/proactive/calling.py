"""Webhooks as Twilio calls them, signed by our own reckoning and not by its client."""

import base64
import hashlib
import hmac
import json
import uuid
from urllib.parse import urlencode
from xml.etree import ElementTree

from django.test import Client

TOKEN = "the-account-token"
BASE = "https://outreach.example.org"
INBOUND = "/webhooks/twilio/inbound/"
FORM = "application/x-www-form-urlencoded"


def signature(url, fields=(), *, key=TOKEN, digest=hashlib.sha1):
    """Base64 of the HMAC over the address and the fields, sorted by name, run together."""
    text = url + "".join(name + value for name, value in sorted(dict(fields).items()))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), digest).digest()).decode()


def post(path, fields, *, sign=signature, **headers):
    """POST `fields` to `path` with the signature that Twilio would give it."""
    return Client(raise_request_exception=False).post(
        path,
        urlencode(fields),
        headers={"X-Twilio-Signature": sign(BASE + path, fields), **headers},
        content_type=FORM,
    )


def post_json(path, fields, *, tampered=None):
    body = json.dumps(fields)
    path += f"?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    return Client(raise_request_exception=False).post(
        path,
        body if tampered is None else json.dumps(tampered),
        headers={"X-Twilio-Signature": signature(BASE + path)},
        content_type="application/json",
    )


def text_from(number, body, *, sid=None, **fields):
    """What the webhook answers to a text: the words that the person gets, "" for none."""
    answer = post(INBOUND, text_fields(number, body, sid=sid, **fields))
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/xml; charset=utf-8")
    return words(answer)


def text_fields(number, body, *, sid=None, **fields):
    return {
        "MessageSid": sid or f"SM{uuid.uuid4().hex}",
        "From": number,
        "To": "+12025550100",
        "Body": body,
        "NumMedia": "0",
        **fields,
    }


def report_on(message, status, *, sid="SM1", **fields):
    """Twilio's report about a text of ours; returns the HTTP status of the answer."""
    fields = {"MessageSid": sid, "MessageStatus": status, **fields}
    return post(f"/webhooks/twilio/status/{message.pk}/", fields).status_code


def words(answer):
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "Response"
    return "".join(message.text for message in root.findall("Message"))
