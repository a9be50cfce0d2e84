"""Texts by Twilio: the only module that knows its client."""

import json
import logging
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from urllib.parse import parse_qs, urlparse

import requests
import urllib3.exceptions
from django.conf import settings
from requests.adapters import HTTPAdapter
from twilio.base.values import unset
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance
from twilio.twiml.messaging_response import MessagingResponse

from proactive.models import Message
from proactive.sms.errors import read_refusal
from proactive.sms.gateway import Listed, Outcome, Report, SmsError

# Below PUBLIC_BASE_URL. Twilio signs what it calls, so the UUID in it identifies a text even when
# the answer that held its SID never reached us.
STATUS_CALLBACK_PATH = "/webhooks/twilio/status/{message_id}/"

API = "https://api.twilio.com"

NOT_FOUND = "20404"

# Texts to one number: seldom more than one page.
LIST_PAGE = 100
# Of everybody since a backup was made: as many as Twilio gives at once.
LONG_LIST_PAGE = 1000

# What Twilio accepts; without a ValidityPeriod it assumes the longest.
SHORTEST_VALIDITY = timedelta(seconds=1)
LONGEST_VALIDITY = timedelta(hours=10)


class TwilioGateway:
    """Submits texts with the account and sender of the settings.

    Holds nothing that a call changes, so threads may share it: the client builds its parts when
    they are first used, and all that `send` needs is built here. Connections are kept open between
    calls, one for each submission that a process keeps under way.
    """

    def __init__(self) -> None:
        client = Client(
            settings.TWILIO_ACCOUNT_SID,
            settings.TWILIO_AUTH_TOKEN,
            http_client=_HttpClient(
                settings.TWILIO_API_BASE_URL or API,
                timeout=float(settings.SMS_TIMEOUT_SECONDS),
                connections=settings.SMS_IN_FLIGHT,
            ),
        )
        if settings.TWILIO_API_BASE_URL:
            client.api.base_url = settings.TWILIO_API_BASE_URL
        self._messages = client.messages
        # With a messaging service Twilio picks the number, and keeps to it for each person.
        self._sender = (
            {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
            if settings.TWILIO_MESSAGING_SERVICE_SID
            else {"from_": settings.TWILIO_FROM_NUMBER}
        )

    def send(self, message: Message, *, validity: timedelta) -> str:
        """Submit `message`; Twilio drops it if it cannot hand it to a carrier within `validity`.

        Returns Twilio's SID. Raises SmsError.
        """
        with _failures_in_our_words():
            sid = self._messages.create(
                to=message.to_number,
                body=message.body,
                # A test text is stored nowhere: reports on it would find no row.
                status_callback=unset
                if message._state.adding
                else settings.PUBLIC_BASE_URL + STATUS_CALLBACK_PATH.format(message_id=message.pk),
                validity_period=int(
                    min(max(validity, SHORTEST_VALIDITY), LONGEST_VALIDITY).total_seconds()
                ),
                **self._sender,
            ).sid
        if not (isinstance(sid, str) and sid):
            raise SmsError(Outcome.UNKNOWN, "Twilio's answer names no text")
        return sid

    def find(self, message: Message, *, since: datetime, until: datetime) -> list[Report]:
        """Ours to the number and with the very words of `message`, by when Twilio created them.

        Not by when it sent them: what still waits there has no such date. The list may lag by
        hours, so that what is absent may still have been taken. Raises SmsError.
        """
        # Twilio gives whole seconds.
        since = since.replace(microsecond=0)
        found = []
        with _failures_in_our_words():
            listed = self._messages.stream(to=message.to_number, page_size=LIST_PAGE)
            for one in takewhile(lambda one: one.date_created >= since, listed):
                theirs = str(one.direction).startswith("inbound")
                if not theirs and one.body == message.body and one.date_created <= until:
                    found.append(_report(one))
        return found[::-1]

    def since(self, instant: datetime) -> Iterator[Listed]:
        """All texts of our sender that Twilio created from `instant` on; the newest first.

        By a messaging service its name stands on what we sent alone, so that what people wrote is
        taken from the whole account. Raises SmsError.
        """
        instant = instant.replace(microsecond=0)
        with _failures_in_our_words():
            listed = self._messages.stream(page_size=LONG_LIST_PAGE)
            for one in takewhile(lambda one: one.date_created >= instant, listed):
                inbound = str(one.direction).startswith("inbound")
                # Answers to what people write are no texts of ours.
                if not inbound and one.direction == "outbound-reply":
                    continue
                if self._is_ours(one, inbound):
                    yield Listed(
                        sid=one.sid,
                        number=one.from_ if inbound else one.to,
                        body=one.body,
                        inbound=inbound,
                        status=str(one.status),
                        created_at=one.date_created,
                        code=str(one.error_code or ""),
                    )

    def _is_ours(self, one: MessageInstance, inbound: bool) -> bool:
        if service := self._sender.get("messaging_service_sid"):
            return inbound or one.messaging_service_sid == service
        return (one.to if inbound else one.from_) == self._sender["from_"]

    def fetch(self, sid: str) -> Report | None:
        """What Twilio has of one text by now; None of one that was deleted. Raises SmsError."""
        try:
            with _failures_in_our_words():
                return _report(self._messages(sid).fetch())
        except SmsError as error:
            if error.code == NOT_FOUND:
                return None
            raise


def has_valid_signature(
    url: str, signed: Mapping[str, str] | str, signature: str, signature_settings: str
) -> bool:
    """Whether Twilio signed a webhook to the public `url`.

    `signed` is what the signature covers besides: the form's fields, or the text of a JSON body.
    `signature` and `signature_settings` are its two headers; the latter comes with a webhook that
    is signed with a shared key in place of the account's token.
    """
    secret = settings.TWILIO_WEBHOOK_KEY if signature_settings else settings.TWILIO_AUTH_TOKEN
    # Without a secret anybody could sign.
    if not (secret and signature):
        return False
    try:
        # A JSON body counts only by the digest in the address. Read as the validator reads it,
        # which takes the body for fields where it finds no digest.
        if isinstance(signed, str) and "bodySHA256" not in parse_qs(urlparse(url).query):
            return False
        return bool(
            RequestValidator(secret).validate(
                url, signed, signature, get_signature_algorithm(signature_settings)
            )
        )
    except ValueError:
        return False  # an address that no webhook of Twilio's has, or characters that none can hold


def answer_in_twiml(text: str) -> str:
    """The document with which a webhook tells Twilio to answer with `text`; "" for no answer."""
    response = MessagingResponse()
    if text:
        response.message(text)
    return str(response)


class _HttpClient(HttpClient):
    """Raises SmsError for every answer other than 2xx, in either of Twilio's error formats.

    Here status, headers and body are at hand. The exceptions that Twilio's client would raise next
    lack the headers (Retry-After) and quote the recipient's number, which could then reach a log.

    Not Twilio's own, which keeps the last answer on itself: of two threads one could get what the
    other was answered, and take that SID for its own. Nothing is logged: the address of a listing
    holds the number that it asks for.
    """

    def __init__(self, address: str, *, timeout: float, connections: int) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=timeout)
        self._session = requests.Session()
        # The proxy and the certificates that the environment names are read once: for each request
        # anew, that would take a third of its time.
        given = self._session.merge_environment_settings(address, {}, None, None, None)
        self._session.proxies, self._session.verify = given["proxies"], given["verify"]
        self._session.trust_env = False
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=connections))

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        answer = self._session.request(
            method,
            uri,
            params=params,
            data=data,
            headers=headers,
            auth=auth,
            timeout=timeout or self.timeout,
            allow_redirects=allow_redirects,
        )
        response = Response(answer.status_code, answer.text, answer.headers)
        if 200 <= response.status_code < 300:
            return response
        code = _error_code(response)
        outcome, reason = read_refusal(response.status_code, code)
        raise SmsError(outcome, reason, code=str(code or ""), retry_after=_retry_after(response))


@contextmanager
def _failures_in_our_words() -> Iterator[None]:
    """Every way in which a call of Twilio's client can fail, as an SmsError."""
    try:
        yield
    except requests.RequestException as error:
        outcome, reason = _read_failure(error)
        raise SmsError(outcome, reason) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The client could not make sense of a 2xx answer.
        raise SmsError(Outcome.UNKNOWN, "Twilio's answer cannot be read") from error


def _report(instance: MessageInstance) -> Report:
    return Report(
        sid=instance.sid, status=str(instance.status), code=str(instance.error_code or "")
    )


def _error_code(response: Response) -> int | None:
    try:
        code = json.loads(response.text)["code"]
    except (KeyError, TypeError, ValueError):
        return None  # a proxy's page, or a load balancer's
    return code if isinstance(code, int) else None


def _retry_after(response: Response) -> timedelta | None:
    # The other form that HTTP allows, a date, is not worth trusting two clocks.
    seconds = (response.headers or {}).get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if re.fullmatch(r"[0-9]{1,6}", seconds) else None


def _read_failure(error: requests.RequestException) -> tuple[Outcome, str]:
    """What a request without an answer means, for the text and for those after it."""
    # A connection that was refused and one that was dropped are the same exception of requests;
    # what it wraps tells them apart.
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    # Never opened, so never sent. A name that does not resolve is a NewConnectionError too, and a
    # ProxyError says that not even our own proxy was reached.
    never_opened = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.ProxyError,
    )
    if isinstance(cause, never_opened):
        return Outcome.BUSY, "Twilio cannot be reached"
    # A certificate is checked before anything is sent. What fails is our trust store, our clock
    # or somebody between us and Twilio: it fails for all, and a person must look. Any other TLS
    # error may come after the request, so it is unknown, below.
    if isinstance(cause, urllib3.exceptions.SSLError) and any(
        isinstance(arg, ssl.SSLCertVerificationError) for arg in cause.args
    ):
        return Outcome.MISCONFIGURED, "Twilio's certificate cannot be verified"
    if isinstance(
        error,
        requests.exceptions.InvalidURL
        | requests.exceptions.InvalidSchema
        | requests.exceptions.MissingSchema,
    ):
        return Outcome.MISCONFIGURED, "TWILIO_API_BASE_URL is not an address"
    if isinstance(error, requests.ReadTimeout):
        return Outcome.UNKNOWN, "Twilio did not answer in time"
    return Outcome.UNKNOWN, "The connection broke before Twilio answered"
