"""The fake Twilio keeps what it promises: whoever leans on it leans on these tests."""

import http.client
import time
from urllib.parse import urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER

PUBLIC = "https://outreach.example.org"
PERSON = "+12025550143"
SOMEBODY_ELSE = "+12025550199"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
TWIML = "<?xml version='1.0'?><Response><Message>Thank you &amp; good night</Message></Response>"


def make_client(fake, auth_token=AUTH_TOKEN):
    """Twilio's own."""
    client = Client(ACCOUNT_SID, auth_token)
    client.api.base_url = fake.url
    return client


def create(client, body="Hi", **changes):
    return client.messages.create(**({"to": PERSON, "from_": NUMBER, "body": body} | changes))


def fail(client):
    """The error instead of an answer."""
    with pytest.raises((OSError, TwilioRestException)) as caught:
        create(client)
    return caught.value


def send(fake, body="Hi", *, to=PERSON, path="/status/1/", **params):
    """Without HTTP: the step by which it is answered, and the JSON."""
    return fake.create_message(
        {"To": to, "From": NUMBER, "Body": body, "StatusCallback": PUBLIC + path} | params
    )


def ask(fake, method, path, body=None, headers=None):
    """One request as a client of no manners sends it: status, text and Location of the answer."""
    connection = http.client.HTTPConnection(urlsplit(fake.url).netloc, timeout=5)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("Location")
    finally:
        connection.close()


def wait_until(holds):
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
