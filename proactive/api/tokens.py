"""Tokens: made, rotated, revoked, found by their secret, and counted minute by minute.

A secret has 256 random bits, so a plain SHA-256 of it tells nobody anything, and it is found by an
index. It is handed out once, when it is made; here only the digest stays.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Case, F, Q, QuerySet, Value, When

from proactive.models import ApiToken

# By which a secret is recognised wherever it should not be, such as in a log or a repository.
TAG = "outreach_"
SHOWN = len(TAG) + 6
# What calls with the old secret goes on meanwhile: a crisis that is refused would be lost.
GRACE = timedelta(hours=24)
WINDOW = timedelta(minutes=1)


def make(token: ApiToken, *, by: User | None, now: datetime) -> str:
    """Give a new, unsaved `token` its secret, which is returned and kept nowhere."""
    token.created_by, token.created_at = by, now
    return _renew(token)


def rotate(token: ApiToken, *, at_once: bool, now: datetime) -> str:
    """A new secret; the old one works for `GRACE`, or ends now. One before the old one ends now.

    Expects the row to be locked. Raises ValueError for a token that is not in use any more.
    """
    if not token.is_live(now):
        raise ValueError("it is revoked or has expired")
    token.former_digest = None if at_once else token.digest
    token.former_until = None if at_once else now + GRACE
    token.rotated_at = now
    secret = _renew(token)
    token.save(update_fields=["prefix", "digest", "former_digest", "former_until", "rotated_at"])
    return secret


def revoke(token: ApiToken, *, now: datetime) -> None:
    """From now on nobody gets in with it, with an old secret neither. Never undone."""
    token.revoked_at = now
    token.save(update_fields=["revoked_at"])


def find(secret: str, *, now: datetime) -> ApiToken | None:
    """The token that this is the secret of, if it may be used now."""
    token = ApiToken.objects.with_digest(digest_of(secret), now=now).first()
    return token if token is not None and token.is_live(now) else None


def count_request(token: ApiToken, *, now: datetime) -> bool:
    """Note that it is used; False when it has been used too often in this minute.

    One statement, so all processes count together. The minute is kept as `last_used_at`.
    """
    minute = begin_of_window(now)
    is_new = Q(last_used_at__isnull=True) | ~Q(last_used_at=minute)
    few = Q(requests__lt=settings.API_REQUESTS_PER_MINUTE)
    return _count(ApiToken.objects.filter(is_new | few, pk=token.pk), 1, minute)


def count_batch(token: ApiToken, events: int, *, now: datetime) -> None:
    """Note how many `events` came in a request that is counted as one already.

    A batch is never refused for its size: whoever has anything left of this minute may tell all of
    it, and has then less left, or nothing. Else a limit below 1,000 would let no full batch through
    at all, however long its sender waits.
    """
    if events > 1:
        _count(ApiToken.objects.filter(pk=token.pk), events - 1, begin_of_window(now))


def _count(tokens: QuerySet[ApiToken], more: int, minute: datetime) -> bool:
    again = When(last_used_at=minute, then=F("requests") + more)
    return bool(tokens.update(last_used_at=minute, requests=Case(again, default=Value(more))))


def begin_of_window(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _renew(token: ApiToken) -> str:
    secret = TAG + secrets.token_urlsafe(32)
    token.prefix, token.digest = secret[:SHOWN], digest_of(secret)
    return secret
