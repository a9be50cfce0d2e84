"""Who calls: `Authorization: Bearer <secret>`, what the token allows, and how often it may call."""

import math
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja.security.http import HttpAuthBase

from proactive.api import tokens
from proactive.api.problems import Problem
from proactive.models import ApiToken, Scope

REALM = 'Bearer realm="outreach"'


class Token(HttpAuthBase):
    """Lets a request through whose token is valid, allows `scope` and has calls left this minute.

    `request.auth` is then the ApiToken. Raises Problem: 401, 403 or 429.
    """

    openapi_scheme = "bearer"

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        super().__init__()

    def __call__(self, request: HttpRequest) -> ApiToken:
        now = timezone.now()
        token = self._find(request, now)
        if not tokens.count_request(token, now=now):
            ends = tokens.begin_of_window(now) + tokens.WINDOW
            seconds = max(1, math.ceil((ends - now).total_seconds()))
            raise Problem(
                429,
                "too-many-requests",
                f"This token has used up what it may do in this minute, in which each event of a "
                f"batch counts as one. Try again in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )
        require(token, self.scope)
        return token

    def _find(self, request: HttpRequest, now: Any) -> ApiToken:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Problem(
                401,
                "no-token",
                "Send a token: Authorization: Bearer ...",
                headers={"WWW-Authenticate": REALM},
            )
        token = tokens.find(secret.strip(), now=now)
        if token is None:
            raise Problem(
                401,
                "bad-token",
                "This token is unknown, revoked or has expired. Ask an administrator for another.",
                headers={"WWW-Authenticate": f'{REALM}, error="invalid_token"'},
            )
        return token


def require(token: ApiToken, scope: Scope) -> None:
    """Raises Problem, 403, when the token does not allow it."""
    if not token.allows(scope):
        raise Problem(
            403,
            "missing-scope",
            f"This token does not allow {scope.value}. Ask an administrator for one that does.",
            headers={"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'},
        )
