"""Requests as no client would send them, in bytes for a socket."""

import re
from random import Random

from tests.fuzzing import population
from tests.fuzzing.drawing import draw
from tests.fuzzing.requests import Request, is_signed


def draw_mangled(random: Random, count: int, *, signed: bool) -> list[Request]:
    ways = _STILL_SIGNED if signed else list(_MANGLED)
    return [_draw_one(random, random.choice(ways), signed=signed) for _ in range(count)]


def _draw_one(random: Random, way: str, *, signed: bool) -> Request:
    """Of a request that was signed and then cut off, no part may count."""
    kind = f"wire: {way}{', signed' if signed else ''}"
    while True:
        is_base_signed = signed or way == "cut off"
        base = draw(
            random, signed=is_base_signed, numbers=population.NUMBERS, texts=population.TEXTS
        )
        raw = _MANGLED[way](base.raw, random)
        if way != "cut off" or b"\r\n\r\n" not in raw or not is_signed(raw):
            return Request(raw, kind, signed)


def _whole(raw: bytes, random: Random) -> bytes:
    return raw


def _pipelined(raw: bytes, random: Random) -> bytes:
    return raw * random.randrange(2, 6)


def _cut_off(raw: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw))]


def _junk(raw: bytes, random: Random) -> bytes:
    return random.choice(
        [
            random.randbytes(random.randrange(1, 3000)),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(200),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.randbytes(60),
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + raw,
            b"\r\n" * 500,
            b"\0" * 100,
            b"POST " + b"/" * 9000,
        ]
    )


def _flipped(raw: bytes, random: Random) -> bytes:
    """Some bytes of the head are others."""
    mangled = bytearray(raw)
    end = raw.find(b"\r\n\r\n")
    for _ in range(random.choice([1, 1, 2, 8])):
        mangled[random.randrange(end)] = random.choice([*b"\0\r\n \t:,;%/", random.randrange(256)])
    return bytes(mangled)


def _first_line(raw: bytes, random: Random) -> bytes:
    first, end, rest = raw.partition(b"\r\n")
    method, _, target = first.rpartition(b" ")[0].partition(b" ")
    line = random.choice(
        [
            *(
                b"%b %b HTTP/9.9",
                b"%b %b HTTP/1.0",
                b"%b  %b HTTP/1.1",
                b"%b %b",
                b"%b %b HTTP/0.9",
            ),
            *(b"%b http://[::1%b HTTP/1.1", b"%b http://x%b HTTP/1.1", b"%b *%b HTTP/1.1"),
            *(b"%b //%b HTTP/1.1", b"%b \0%b HTTP/1.1", b"%b #%b HTTP/1.1", b"\xff%b %b HTTP/1.1"),
        ]
    )
    return line % (method, target) + end + rest


def _length(raw: bytes, random: Random) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    length = random.choice(
        [
            *(
                b"0",
                b"-1",
                b"+5",
                b"1e3",
                b"abc",
                b"",
                b"0x10",
                b"9" * 30,
                b"\xb2",
                b"5, 5",
                b"1_0",
            ),
            *(b"%d" % (len(body) + 7), b"%d" % (len(body) // 2)),
        ]
    )
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: " + length, head)
    if random.random() < 0.3:
        head += b"\r\nContent-Length: %d" % len(body)
    return head + b"\r\n\r\n" + body


def _chunked(raw: bytes, random: Random) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    coding = random.choice([b"chunked"] * 4 + [b"gzip", b"chunked, chunked", b"\x0bchunked", b"x"])
    if random.random() < 0.8:
        head = re.sub(rb"\r\nContent-Length: \d+", b"", head)
    size = random.choice(
        [b"%x" % len(body)] * 4 + [b"-1", b"zz", b"f" * 20, b"", b"5;a=\xff", b"1"]
    )
    end = random.choice(
        [b"\r\n0\r\n\r\n"] * 4 + [b"", b"\r\n0\r\nX: y\r\n\r\n", b"\r\n0\r\n", b"\n"]
    )
    return head + b"\r\nTransfer-Encoding: " + coding + b"\r\n\r\n" + size + b"\r\n" + body + end


def _headers(raw: bytes, random: Random) -> bytes:
    first, end, rest = raw.partition(b"\r\n")
    more = random.choice(
        [
            *(
                b"no colon",
                b": x",
                b"a b: c",
                b" folded: x",
                b"X: a\r\n b",
                b"X\0: y",
                b"X: \0",
                b"X:",
            ),
            *(
                b"Host: other",
                b"Expect: 100-continue",
                b"Expect: \xff",
                b"Upgrade: h2c",
                b"\xff: x",
            ),
            *(
                b"Connection: upgrade",
                b"X: " + b"y" * 9000,
                b"X: y\r\n" * 150,
                b"X: a\rb",
                b"X: a\nb",
            ),
            *(
                b"Content-Type: application/json",
                b"Transfer_Encoding: chunked",
                b"X-Forwarded-Ssl: on",
            ),
        ]
    )
    return first + end + more.removesuffix(b"\r\n") + end + rest


_MANGLED = {
    "whole": _whole,
    "slow": _whole,
    "pipelined": _pipelined,
    "cut off": _cut_off,
    "junk": _junk,
    "bytes flipped": _flipped,
    "odd first line": _first_line,
    "odd length": _length,
    "chunked": _chunked,
    "odd headers": _headers,
}
# Framed in odd ways, but by whoever signed them: what they do is theirs to do.
_STILL_SIGNED = ["whole", "slow", "pipelined", "odd length", "chunked", "odd headers"]
