"""Secrets of endpoints, by which they know that it is us: made, shown once, rotated.

A secret is worked out from a random salt, which is kept, and from SECRET_KEY, which is not in the
database: whoever has a copy of the database alone can sign nothing.
"""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

from proactive.models import WebhookEndpoint

# As the Standard Webhooks have it; scanners of repositories look for it.
TAG = "whsec_"
SHOWN = len(TAG) + 6
# What is told meanwhile is signed with both, so that whoever listens changes over when they like.
GRACE = timedelta(hours=24)


class KeyChanged(Exception):
    """SECRET_KEY is another one since the secret was made: it has to be rotated."""


def make(endpoint: WebhookEndpoint, *, by: User | None, now: datetime) -> str:
    """Give a new, unsaved `endpoint` its secret, which is returned and kept nowhere."""
    endpoint.created_by, endpoint.created_at = by, now
    return _renew(endpoint)


def rotate(endpoint: WebhookEndpoint, *, at_once: bool, now: datetime) -> str:
    """A new secret; with the old one is signed too for `GRACE`, or not any more. Not saved: the
    fields in `ROTATED` are to be."""
    keeps_old = not at_once and digest_of(_secret(endpoint.salt)) == endpoint.digest
    endpoint.former_salt = endpoint.salt if keeps_old else ""
    endpoint.former_until = now + GRACE if keeps_old else None
    endpoint.rotated_at = now
    return _renew(endpoint)


ROTATED = ("prefix", "salt", "digest", "former_salt", "former_until", "rotated_at")


def valid(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """The secrets that it is told with at `now`, the newest first. Raises KeyChanged."""
    secret = _secret(endpoint.salt)
    if digest_of(secret) != endpoint.digest:
        raise KeyChanged
    if endpoint.former_until is not None and endpoint.former_until > now:
        return [secret, _secret(endpoint.former_salt)]
    return [secret]


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _renew(endpoint: WebhookEndpoint) -> str:
    endpoint.salt = secrets.token_urlsafe(32)
    secret = _secret(endpoint.salt)
    endpoint.prefix, endpoint.digest = secret[:SHOWN], digest_of(secret)
    return secret


def _secret(salt: str) -> str:
    key = salted_hmac("proactive.hooks.keys", salt, algorithm="sha256").digest()
    return TAG + base64.b64encode(key).decode()
