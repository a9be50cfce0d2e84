"""A provider that takes every text and answers after a while, far from its own limits.

`python -m benchmarks.speed.slow_provider [--seconds 0.05]` prints its address, answers until its
standard input closes, and prints then how many texts it took, how many different ones, and how many
were under way at once, as JSON. It speaks as much HTTP as the clients here do: keep-alive, bodies
with a length. Each request costs it some tens of microseconds.
"""

import argparse
import asyncio
import json
import sys
from itertools import count
from urllib.parse import parse_qs

LARGEST_HEAD = 64_000


class Provider:
    """What all connections share: the wait, the identifiers, and what was taken."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0
        self.texts: set[str] = set()
        self.under_way = 0
        self.most_under_way = 0
        self._sids = count(1)

    def begin(self) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)

    def answer(self, body: bytes) -> bytes:
        """Take the text of a form; the whole answer, in Twilio's words."""
        self.under_way -= 1
        self.taken += 1
        form = parse_qs(body.decode())
        self.texts.add(form.get("StatusCallback", form["Body"])[0])
        content = json.dumps(
            {
                "sid": f"SM{next(self._sids):032x}",
                "status": "queued",
                "to": form["To"][0],
                "body": form["Body"][0],
                "date_created": "Tue, 05 Jan 2027 12:00:00 +0000",
                "error_code": None,
                "num_segments": "1",
            }
        ).encode()
        head = (
            "HTTP/1.1 201 Created\r\nContent-Type: application/json;charset=utf-8\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


class Connection(asyncio.Protocol):
    """One client, one request after the other."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            if len(self._received) > LARGEST_HEAD:
                self._transport.close()
            return
        length = _length(head)
        if len(rest) < length:
            return
        self._received = rest[length:]
        self._provider.begin()
        asyncio.get_running_loop().call_later(self._provider.seconds, self._answer, rest[:length])

    def _answer(self, body: bytes) -> None:
        answer = self._provider.answer(body)
        if not self._transport.is_closing():
            self._transport.write(answer)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(seconds: float) -> None:
    """Until standard input closes."""
    provider = Provider(seconds)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    closed = asyncio.Event()
    loop.add_reader(sys.stdin, lambda: None if sys.stdin.readline() else closed.set())
    await closed.wait()
    server.close()
    told = {
        "taken": provider.taken,
        "different": len(provider.texts),
        "most_under_way": provider.most_under_way,
    }
    print(json.dumps(told), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.slow_provider")
    parser.add_argument("--seconds", type=float, default=0.05, help="before each answer")
    asyncio.run(serve(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
