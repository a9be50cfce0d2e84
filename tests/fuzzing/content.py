"""What a request says: the fields of a webhook, bent in every way we could think of."""

import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

Pairs = list[tuple[bytes, bytes]]

# Over what Django reads (2.5 MB), and as many as it refuses to count (1,000).
TOO_LONG, TOO_MANY = 2_700_000, 10_000

WORDS = [
    "stop",
    "STOP",
    "start",
    "HELP",
    "please stop",
    "no me escriban más",
    "I'm ok",
    "yes",
    "end",
]
STATUSES = ["queued", "sending", "sent", "delivered", "undelivered", "failed", "read", "canceled"]
CODES = ["", "30003", "30005", "30034", "21610", "30007", "21408", "0"]

ODD: list[bytes] = [
    b"",
    b"\0",
    b"a\0b",
    b"\xed\xa0\x80",  # half of a surrogate pair
    b"\xc0\xaf\xe0\x80\xaf",  # overlong
    b"\xff\xfe\x00",
    b"\xf4\x90\x80\x80",  # beyond Unicode
    "naïve".encode("latin-1"),
    "stop".encode("utf-16"),
    "ＳＴＯＰ ﬀ ß İ ſtop".encode(),
    "🫶🏽\u200d\u202estop\u202c\ufeff".encode(),
    "\ufdfa".encode() * 1600,  # grows by 18 when it is normalised
    "٣٠٠٠٣".encode(),
    "+1٤١٥٥٥٥٠٠٠١".encode(),
    b"9" * 5000,
    b"-1",
    b"1e400",
    b"NaN",
    b"2027-01-05T12:00:00Z",
    b"0000-00-00",
    b"' OR 1=1; --",
    b"<b>&amp;</Response>",
    b"%",
    b"%zz%u0041",
    b"a;b=c;Body=STOP",
    b"a\r\nX-Twilio-Signature: x",
    b"null",
    b'{"a": [1, {"b": null}]}',
    b"whatsapp:+14155550001",
    b"+1 (415) 555-0001 ext. 99999999999",
    b"tel:+14155550001;phone-context=+1",
    b" \t\r\n ",
    b"stop " * 400,
    b"please stop, " * 300,
    b"no me " * 400,
    b"(" * 2000,
    b"x" * 17,
    b"x" * 64,
    b"x" * 65,
    b"x" * 40_000,
]


def inbound(random: Random, numbers: list[str]) -> Pairs:
    return _bytes(
        MessageSid=_sid(random),
        From=random.choice(numbers),
        To="+12025550100",
        Body=random.choice(WORDS),
        NumMedia="0",
        OptOutType=random.choice(["", "", "STOP", "START", "HELP"]),
        MediaUrl0=random.choice(["", "https://api.twilio.com/media/ME1"]),
    )


def status(random: Random) -> Pairs:
    return _bytes(
        MessageSid=_sid(random),
        MessageStatus=random.choice(STATUSES),
        ErrorCode=random.choice(CODES),
        To="+14155550001",
    )


def odd_value(random: Random) -> bytes:
    if random.random() < 0.002:
        return b"A" * TOO_LONG
    if random.random() < 0.1:
        return random.randbytes(random.randrange(1, 200))
    return random.choice(ODD)


def bend(pairs: Pairs, random: Random) -> None:
    """Changes `pairs` in one way."""
    random.choice(_BENDS)(pairs, random)


def _other_value(pairs: Pairs, random: Random) -> None:
    at = _any(pairs, random)
    pairs[at] = (pairs[at][0], odd_value(random))


def _drop(pairs: Pairs, random: Random) -> None:
    del pairs[_any(pairs, random)]


def _double(pairs: Pairs, random: Random) -> None:
    name, value = random.choice(pairs)
    pairs.insert(_any(pairs, random), (name, random.choice([value, odd_value(random)])))


def _rename(pairs: Pairs, random: Random) -> None:
    at = _any(pairs, random)
    name, value = pairs[at]
    names = [
        name.lower(),
        name + b" ",
        name + b"\0",
        name + b"[]",
        b"",
        b"Sms" + name[7:],
        b"_" * 9,
    ]
    pairs[at] = (random.choice([*names, odd_value(random)]), value)


def _add(pairs: Pairs, random: Random) -> None:
    names = [
        b"Surprise",
        b"SmsSid",
        b"SmsStatus",
        b"MediaUrl9",
        b"MediaUrl10",
        b"bodySHA256",
        b"id",
    ]
    pairs.append((random.choice(names), odd_value(random)))


def _add_many(pairs: Pairs, random: Random) -> None:
    count = TOO_MANY if random.random() < 0.02 else random.randrange(2, 60)
    pairs.extend((f"Field{number}".encode(), b"x") for number in range(count))


def _shuffle(pairs: Pairs, random: Random) -> None:
    random.shuffle(pairs)


_BENDS: list[Callable[[Pairs, Random], None]] = [
    *(_other_value, _other_value, _other_value, _drop, _double),
    *(_rename, _add, _add_many, _shuffle),
]


# --- As a body ---


def form_body(pairs: Pairs, random: Random) -> bytes:
    escape = random.choice([_usual, _usual, _usual, _everything, _lower_case, _nothing])
    between = random.choice([b"&"] * 9 + [b"&&"])
    return between.join(escape(name) + b"=" + escape(value) for name, value in pairs)


def json_body(pairs: Pairs, random: Random) -> bytes:
    """Mostly an object with the fields; at times one with other values, or no JSON at all."""
    fields: dict[str, Any] = {
        name.decode(errors=errors): value.decode(errors=errors)
        for errors in [random.choice(["replace", "surrogateescape"])]
        for name, value in pairs
    }
    if random.random() < 0.3 and fields:
        fields[random.choice(list(fields))] = random.choice(
            [None, True, 12, -0.5, [], {}, [["a"]], {"Body": "STOP"}, "\ud83d", 10**400]
        )
    body = json.dumps(fields).encode()
    if random.random() < 0.8:
        return body
    return random.choice(
        [
            b"",
            b"{}",
            b"null",
            b"[1, 2]",
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b'{"MessageSid": ' + b"9" * 5000 + b"}",
            b'{"MessageSid": NaN, "Body": Infinity, "From": 1e999}',
            b'{"Body": "\xff\xed\xa0\x80", "MessageSid": "SM\x00"}',
            b"\xef\xbb\xbf" + body,
            body[:-3],
            body + b"}",
            body.decode().encode("utf-16"),
            random.randbytes(100),
        ]
    )


def _usual(text: bytes) -> bytes:
    return quote_from_bytes(text, safe=" ").replace(" ", "+").encode()


def _everything(text: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in text[:4000]) + _usual(text[4000:])


def _lower_case(text: bytes) -> bytes:
    return b"".join(
        bytes([byte]) if byte in b"abcdefghijklmnopqrstuvwxyz" else b"%%%02x" % byte
        for byte in text[:4000]
    ) + _usual(text[4000:])


def _nothing(text: bytes) -> bytes:
    return text


def _bytes(**fields: str) -> Pairs:
    return [(name.encode(), value.encode()) for name, value in fields.items()]


def _any(pairs: Pairs, random: Random) -> int:
    if not pairs:
        pairs.append((b"Body", b""))
    return random.randrange(len(pairs))


def _sid(random: Random) -> str:
    # At times one that came before.
    return f"SM{random.choice([random.randrange(20), random.getrandbits(128)]):032x}"
