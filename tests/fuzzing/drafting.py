"""A request in the making: where it goes, what it says, and what stands around it."""

import hashlib
from random import Random
from uuid import UUID

from tests.fuzzing import content
from tests.fuzzing.requests import DIGESTS, SIGNATURE, SIGNATURE_SETTINGS, read_form, sign
from tests.proactive.calling import BASE, FORM, INBOUND, TOKEN

QUERIES = [
    *("a=1&b=2", "bodySHA256=", "bodySHA256=abc", "xbodySHA256=1", "a=bodySHA256=", "&&=&="),
    *("bodySHA256", "BODYSHA256=1", "a=%00%ff%ed%a0%80", "\xe9=\xff", "%", "a;bodySHA256=1", "?"),
    *("a=1#bodySHA256=1", "a" * 7000, "bodySHA256=a&bodySHA256=b", "Body=STOP&From=+14155550001"),
]
_CONTENT_TYPES = [
    *(f"{FORM}; charset=utf-8", f"{FORM}; charset=utf-16", f"{FORM}; charset=nonsense", ""),
    *(f"{FORM};;=;", FORM.upper(), f" {FORM} ", "text/plain", "text/xml", "a/b; charset=hex"),
    *("multipart/form-data; boundary=x", "multipart/form-data", "application/octet-stream"),
    *("application/json; charset=latin-1", "application/x-json", f"{FORM}, application/json"),
    *("a/b; charset*=utf-8''%00", "a/b; charset*=nonsense''x", "a/b; charset*0*=x''a;charset*1=b"),
    *(f'{FORM}; charset="', "a/b; charset*=utf-7''%41", "\xff\xfe", "/", ";", "a" * 6000),
]
_HEADERS = {
    "Host": [
        "evil.example",
        "a b",
        "",
        "localhost:99999",
        "[::1",
        "\xff",
        "localhost,x",
        "l" * 999,
    ],
    "X-Forwarded-Proto": ["http", "https,http", "", "\xff"],
    "X-Forwarded-Host": ["evil.example", "outreach.example.org", "\xff"],
    "X-Forwarded-For": ["127.0.0.1", "::1, \xff", "0" * 999],
    "X-HTTP-Method-Override": ["GET", "DELETE"],
    "X_Twilio_Signature": ["x"],
    "Cookie": ["csrftoken=" + "a" * 32, "sessionid=x; csrftoken=\xff", "messages=%00", ";;=,\x07"],
    "Authorization": ["Basic \xff", "Bearer x"],
    "Content-Encoding": ["gzip", "identity", "\xff"],
    "Accept": ["*/*;q=\xff", "application/json", "a" * 4000],
    "Accept-Language": ["\xff", "es", "a-" * 300],
    "Accept-Encoding": ["gzip;q=x", "br"],
    "User-Agent": ["\x01\xff", "TwilioProxy/1.1", "' OR 1=1"],
    "Referer": ["http://[", "\xff"],
    "Range": ["bytes=-1", "bytes=0-" + "9" * 400],
    "If-Modified-Since": ["\xff", "Mon, 99 Foo 9999 99:99:99 GMT"],
    "If-None-Match": ["*", '"' * 500],
    "I-Twilio-Idempotency-Token": ["\xff", "x"],
}
# Odd ones of these lead furthest.
_OFTEN = ["Cookie", "Host"]
_METHODS = ["GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"]


class Draft:
    """A request in the making. What the signature covers is read when `sign` is called."""

    def __init__(self, random: Random, *, numbers: list[str], texts: list[UUID]) -> None:
        self.random = random
        is_inbound = random.random() < 0.5
        self.path = INBOUND if is_inbound else _status_path(random, texts)
        self.pairs = content.inbound(random, numbers) if is_inbound else content.status(random)
        for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
            content.bend(self.pairs, random)
        self.query = random.choice(QUERIES) if random.random() < 0.08 else ""
        self.content_type = random.choice(_CONTENT_TYPES) if random.random() < 0.08 else FORM
        self.body = content.form_body(self.pairs, random)
        self.headers: list[tuple[str, str]] = []

    @property
    def target(self) -> str:
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a signature covers besides the address: what can be read in a form."""
        is_form = self.content_type.partition(";")[0].strip().lower() == FORM
        return read_form(self.body) if is_form else []

    def turn_to_json(self) -> None:
        self.content_type = self.random.choice(
            ["application/json", "application/json", "Application/JSON; charset=utf-8"]
        )
        self.body = content.json_body(self.pairs, self.random)
        self.query += ("&" if self.query else "") + self.digest

    @property
    def digest(self) -> str:
        return f"bodySHA256={hashlib.sha256(self.body).hexdigest()}"

    def tamper(self) -> None:
        """Other content under the signature that there is."""
        content.bend(self.pairs, self.random)
        body = content.json_body if "json" in self.content_type.lower() else content.form_body
        self.body = body(self.pairs, self.random)

    def sign(self, key: str = TOKEN, *, base: str = BASE, digest: str = "HMAC_SHA1") -> None:
        self.give(self.signature(key, base=base, digest=digest))

    def signature(self, key: str = TOKEN, *, base: str = BASE, digest: str = "HMAC_SHA1") -> str:
        return sign(base + self.target, self.fields, key, DIGESTS[digest])

    def give(self, signature: str) -> None:
        self.headers.append((SIGNATURE, signature))

    def name(self, algorithm: str) -> None:
        self.headers.append((SIGNATURE_SETTINGS, f"key=webhooks_sharedkey_1,{algorithm}"))

    def raw(self) -> bytes:
        random = self.random
        method = random.choice(_METHODS) if random.random() < 0.03 else "POST"
        headers = {"Host": "localhost", "X-Forwarded-Proto": "https"}
        while random.random() < 0.3:
            name = random.choice([*_HEADERS, *_OFTEN])
            headers[name] = random.choice(_HEADERS[name])
        if random.random() < 0.01:
            del headers["Host"]
        lines = [
            f"{method} {self.target} HTTP/1.1",
            *(f"{name}: {value}" for name, value in [*headers.items(), *self.headers]),
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def _status_path(random: Random, texts: list[UUID]) -> str:
    text = str(random.choice(texts))
    if random.random() < 0.1:
        text = random.choice(
            [
                *(str(UUID(int=random.getrandbits(128), version=4)), text.upper(), f"{{{text}}}"),
                *(text.replace("-", ""), text[:-1], f"{text}/..", f"%{ord(text[0]):x}{text[1:]}"),
                *("%D9%A3" + text[1:], text + "%00", text + "%0A", "", "%ff%fe", "a" * 3000),
                *("..%2f..%2fadmin", text + "/", f"/{text}", "%ed%a0%80", text + ";x", "\xff"),
            ]
        )
    end = "/" if random.random() < 0.98 else ""
    return f"/webhooks/twilio/status/{text}{end}"
