"""Whole requests, drawn: signed as Twilio signs, or in one of many wrong ways."""

import gzip
import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from random import Random
from uuid import UUID

from tests.fuzzing.drafting import QUERIES, Draft
from tests.fuzzing.requests import DIGESTS, SHARED_KEY, Request, is_signed, read_text, sign
from tests.proactive.calling import BASE, INBOUND, TOKEN

# --- As Twilio signs ---


def _with_a_shared_key(digest: str) -> Callable[[Draft], None]:
    def given(draft: Draft) -> None:
        draft.name(f"algorithm={draft.random.choice([digest, digest.lower(), f' {digest} '])}")
        draft.sign(SHARED_KEY, digest=digest)

    return given


def _json(draft: Draft) -> None:
    draft.turn_to_json()
    draft.sign()


def _json_with_a_shared_key(draft: Draft) -> None:
    draft.turn_to_json()
    _with_a_shared_key("HMAC_SHA256")(draft)


SIGNATURES: dict[str, Callable[[Draft], object]] = {
    "signed with the token": Draft.sign,
    "signed with the port in the address": lambda draft: draft.sign(base=f"{BASE}:443"),
    "signed with a shared key, SHA-1": _with_a_shared_key("HMAC_SHA1"),
    "signed with a shared key, SHA-256": _with_a_shared_key("HMAC_SHA256"),
    "signed JSON": _json,
    "signed JSON, shared key": _json_with_a_shared_key,
}


# --- As others do ---


def _nonsense(draft: Draft) -> None:
    random = draft.random
    draft.give(
        random.choice(
            [
                *("", "nonsense", "=", "\xdc\xff", "=" * 28, "a" * 8000, "null", "'"),
                b64encode(random.randbytes(20)).decode(),
            ]
        )
    )


def _wrong_key(draft: Draft) -> None:
    draft.sign(draft.random.choice(["another", "", TOKEN + " ", TOKEN[:-1], SHARED_KEY]))


def _key_of_the_other_kind(draft: Draft) -> None:
    digest = draft.random.choice(list(DIGESTS))
    draft.name(f"algorithm={digest}")
    draft.sign(draft.random.choice([TOKEN, ""]), digest=digest)


def _other_algorithm(draft: Draft) -> None:
    named = ["MD5", "none", "HMAC_SHA512", "HMAC_SHA1", "", "\xff", "HMAC_SHA256;", "\xdf" * 50]
    draft.name(draft.random.choice(["algorithm=", "Algorithm=", ""]) + draft.random.choice(named))
    draft.sign(draft.random.choice([TOKEN, SHARED_KEY]), digest="HMAC_SHA256")


def _other_digest(draft: Draft) -> None:
    draft.sign(digest="HMAC_SHA256")


def _other_address(draft: Draft) -> None:
    bases = [
        "http://outreach.example.org",
        "https://evil.example",
        "",
        "http://localhost",
        BASE + "/",
    ]
    draft.sign(base=draft.random.choice(bases))


def _other_query(draft: Draft) -> None:
    draft.sign()
    draft.query = draft.random.choice([*QUERIES, draft.digest, "a=b"])


def _other_path(draft: Draft) -> None:
    """Signed for one text or webhook, sent to another."""
    asked = draft.path
    draft.path = draft.random.choice([INBOUND, f"/webhooks/twilio/status/{UUID(int=0)}/", "/"])
    draft.sign()
    draft.path = asked


def _tampered(draft: Draft) -> None:
    draft.sign()
    draft.tamper()


def _no_fields_covered(draft: Draft) -> None:
    draft.give(sign(BASE + draft.target, []))


def _malleable(draft: Draft) -> None:
    """The right signature, written in another way, or more or less of it."""
    good = draft.signature()
    padded = good + "=" * (-len(good) % 4)
    draft.give(
        draft.random.choice(
            [
                *(good[:-1], good + "=", good.swapcase(), good[::-1], f'"{good}"', good.strip("=")),
                *(f"{good},{good}", f"x, {good}", f"{good} {good}", f"sha1={good}", f"{good}\xa0"),
                *(b64decode(padded).hex(), urlsafe_b64encode(b64decode(padded)).decode() + "\x00"),
            ]
        )
    )


def _twice(draft: Draft) -> None:
    draft.sign()
    draft.give(draft.random.choice(["", "x", draft.headers[0][1]]))


def _gzipped(draft: Draft) -> None:
    draft.sign()
    draft.body = gzip.compress(draft.body, mtime=0)
    draft.headers.append(("Content-Encoding", "gzip"))


def _json_tampered(draft: Draft) -> None:
    draft.turn_to_json()
    draft.sign()
    draft.tamper()


def _json_broken(draft: Draft) -> None:
    """Bytes that are no UTF-8, where the signed body has what often stands in for such."""
    fields = {**dict(draft.fields), "Surprise": "\ufffd"}
    draft.content_type = "application/json"
    draft.body = json.dumps(fields, ensure_ascii=False).encode()
    draft.query = draft.digest
    draft.sign()
    draft.body = draft.body.replace("\ufffd".encode(), b"\xff")


def _json_without_digest(draft: Draft) -> None:
    query = draft.query
    draft.turn_to_json()
    others = [
        draft.digest.lower(),
        f"x{draft.digest}",
        f"a={draft.digest}",
        "bodySHA256=",
        "bodySHA256",
    ]
    draft.query = draft.random.choice([query, *others])
    draft.sign()


def _json_digest_added(draft: Draft) -> None:
    """Signed without content; the digest is right, but nobody signed it."""
    draft.body = b""
    draft.sign()
    draft.turn_to_json()


def _form_as_json(draft: Draft) -> None:
    draft.sign()
    draft.content_type = "application/json"


def _binary(draft: Draft) -> None:
    draft.sign()
    size = draft.random.choice([1, 50, 5000, 100_000])
    draft.body = draft.random.randbytes(size)


def _multipart(draft: Draft) -> None:
    draft.sign()
    draft.content_type = "multipart/form-data; boundary=x"
    fields = [(read_text(name), value) for name, value in draft.pairs[:50]]
    draft.body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (name.encode(), draft.random.choice([b"", b'; filename="a"']), value)
        for name, value in fields
    ) + draft.random.choice([b"--x--\r\n", b"", b"--x"])


FORGERIES: dict[str, Callable[[Draft], object]] = {
    "no signature": lambda draft: None,
    "nonsense": _nonsense,
    "another key": _wrong_key,
    "a key of the other kind": _key_of_the_other_kind,
    "another algorithm": _other_algorithm,
    "SHA-256 with the token": _other_digest,
    "of another address": _other_address,
    "of another path": _other_path,
    "of another query": _other_query,
    "of other fields": _tampered,
    "of no fields": _no_fields_covered,
    "written otherwise": _malleable,
    "given twice": _twice,
    "gzip'd after signing": _gzipped,
    "another JSON body": _json_tampered,
    "JSON with broken bytes": _json_broken,
    "JSON without its digest": _json_without_digest,
    "JSON, digest not signed": _json_digest_added,
    "a form's, over JSON": _form_as_json,
    "a form's, over binary": _binary,
    "a form's, over multipart": _multipart,
}


def draw(random: Random, *, signed: bool, numbers: list[str], texts: list[UUID]) -> Request:
    """One that is signed, or that is not, whatever else is the matter with it."""
    ways = SIGNATURES if signed else FORGERIES
    while True:
        kind = random.choice(list(ways))
        draft = Draft(random, numbers=numbers, texts=texts)
        ways[kind](draft)
        raw = draft.raw()
        # What was changed after signing may say the same as before.
        if is_signed(raw) == signed:
            return Request(raw, kind, signed)
