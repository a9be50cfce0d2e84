"""Signatures as the Standard Webhooks have them: https://www.standardwebhooks.com."""

import base64
import hmac
from collections.abc import Iterable


def headers(event_id: str, *, seconds: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """What goes with `body`; `seconds` since 1970 UTC, in which it is sent.

    Signed with each of the secrets, which begin with whsec_: whoever listens takes the request if
    one signature is right.
    """
    signed = f"{event_id}.{seconds}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(_signature(signed, secret) for secret in secrets),
    }


def _signature(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
