"""One HTTP request as bytes, and our own reckoning whether Twilio signed it."""

import hashlib
import sys
from base64 import b64decode, b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote_to_bytes

from tests.proactive.calling import BASE, FORM, TOKEN, signature

SHARED_KEY = "the-shared-key"
SIGNATURE = "X-Twilio-Signature"
SIGNATURE_SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
DIGESTS = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}


class Parts(NamedTuple):
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Request:
    """`kind` says how it was signed, or broken; only one that is `signed` may change anything."""

    raw: bytes
    kind: str
    signed: bool

    def environ(self) -> dict[str, Any]:
        """What gunicorn makes of it; expects a request that is well-formed."""
        method, target, headers, body = parse(self.raw)
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in _joined(headers).items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        return environ

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "signed": self.signed,
            "raw": b64encode(self.raw).decode(),
        }

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> Self:
        return cls(b64decode(read["raw"]), read["kind"], read["signed"])


def parse(raw: bytes) -> Parts:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return Parts(method, target, [(name, value.strip(" \t")) for name, _, value in pairs], body)


def is_signed(raw: bytes) -> bool:
    """Whether Twilio, or whoever has one of our keys, may have signed this.

    Where an address or a form can be read in two ways, either will do: what this calls forged is
    forged beyond doubt.
    """
    _, target, header_lines, body = parse(raw)
    headers = _joined(header_lines)
    named = headers.get(SIGNATURE_SETTINGS.lower(), "")
    digest = DIGESTS.get(_algorithm(named).upper())
    if digest is None:
        return False
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    fields: list[tuple[str, str]] = []
    if content_type == "application/json":
        if _given_digest(target) != hashlib.sha256(body).hexdigest():
            return False
    elif content_type == FORM:
        fields = read_form(body)
    path, mark, query = target.partition("?")
    plain = unquote_to_bytes(path.encode("latin-1")).decode(errors="replace") + mark + query
    given = headers.get(SIGNATURE.lower(), "")
    return any(
        given == sign(base + address, fields, SHARED_KEY if named else TOKEN, digest)
        for address in {target, plain}
        for base in (BASE, f"{BASE}:443")
    )


def sign(url: str, fields: list[tuple[str, str]], key: str = TOKEN, digest: Any = None) -> str:
    """Of a name that comes twice each value counts, once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return signature(text, key=key, digest=digest or hashlib.sha1)


def read_form(body: bytes) -> list[tuple[str, str]]:
    pairs = (piece.partition(b"=") for piece in body.split(b"&") if piece)
    return [(read_text(name), read_text(value)) for name, _, value in pairs]


def read_text(escaped: bytes) -> str:
    return unquote_to_bytes(escaped.replace(b"+", b" ")).decode(errors="replace")


def _given_digest(target: str) -> str:
    query = target.partition("?")[2].partition("#")[0]
    return next((value for name, value in parse_qsl(query) if name == "bodySHA256"), "")


def _algorithm(named: str) -> str:
    for part in named.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip()
    return "HMAC_SHA1"


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    """By lower-case name, as gunicorn does: repeated ones run together, underscores dropped."""
    joined: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        if "_" in name:
            continue
        repeats = name in joined and not name.startswith("content-")
        joined[name] = f"{joined[name]},{value}" if repeats else value
    return joined
