"""A client of the API with a token, and what it may tell."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from proactive.api import tokens
from proactive.models import ApiToken, Scope

EVENTS = "/api/v1/events/"
ALL = tuple(scope.value for scope in Scope)
PHONE = "+14155552671"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

_numbers = count()


def make_token(name: str = "assistant", scopes: tuple[str, ...] = ALL, **fields: Any):
    """The token, and its secret."""
    token = ApiToken(name=name, scopes=list(scopes), **fields)
    secret = tokens.make(token, by=None, now=timezone.now())
    token.save()
    return token, secret


def client_with(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def a_client(*scopes: str) -> Client:
    return client_with(make_token(scopes=scopes or ALL)[1])


def event(kind: str = "contact", **fields: Any) -> dict[str, Any]:
    """One with a key of its own, of PHONE at NOON unless `fields` say otherwise."""
    usual = {"phone_number": PHONE, "at": "2026-03-02T12:00:00Z"}
    return {"type": kind, **usual, "idempotency_key": f"key-{next(_numbers)}", **fields}


def tell(client: Client, told: Any) -> HttpResponse:
    return client.post(EVENTS, told, content_type="application/json")


def put(client: Client, phone: str = PHONE, **fields: Any) -> HttpResponse:
    told = event(**fields)
    del told["type"], told["phone_number"]
    return client.put(f"/api/v1/caregivers/{phone}/", told, content_type="application/json")
