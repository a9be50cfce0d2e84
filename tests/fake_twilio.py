"""A Twilio that runs here: a real HTTP server that keeps a durable log and misbehaves on request.

In a test's own process:

    with FakeTwilio(log=tmp_path / "twilio.jsonl") as twilio:
        twilio.script(Step(status=429, code=20429, headers={"Retry-After": "7"}))
        twilio.script(Step(status=400, code=21610), to="+12025550143")

In a process of its own, which outlives its clients' crashes:

    python -m tests.fake_twilio --port 0 --log FILE      (prints "listening on http://...")

    POST /_fake/script  {"to": "+12025550143" or null, "steps": [{"status": 400, "code": 21610}]}

The log has one JSON object a line for each request to send, on disk before it is answered:
`at`, `params`, `sid` (null when refused), `outcome` ("accepted" or "refused") and `answer`
("201", "400 21610", "dropped").
"""

import argparse
import base64
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "fake-auth-token"
API_VERSION = "2010-04-01"


@dataclass(frozen=True)
class Step:
    """How one request to send is answered. By default as Twilio does when all is well."""

    status: int = 201
    code: int | None = None  # Twilio's error code, for the body of the answer
    accept: bool | None = None  # whether the text is taken; by default if the status is 2xx
    delay: float = 0  # seconds between taking (or refusing) it and answering
    drop: bool = False  # close the connection instead of answering
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None  # answered as it is, in place of JSON
    repeat: bool = False  # stays in force for all later requests of its queue

    @property
    def accepts(self) -> bool:
        return 200 <= self.status < 300 if self.accept is None else self.accept


class FakeTwilio:
    def __init__(
        self,
        log: Path | None = None,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.requests: list[dict[str, Any]] = []  # the entries of the log, of this run
        self._log = log.open("a", encoding="utf-8") if log else None
        self._scripts: dict[str | None, deque[Step]] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.fake = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def stop(self) -> None:
        """Stops listening and cuts the connections that clients keep open."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()
        if self._log:
            self._log.close()

    def script(self, *steps: Step, to: str | None = None) -> None:
        """Queues steps for the next requests, of one number or (after those) of any."""
        with self._lock:
            self._scripts.setdefault(to, deque()).extend(steps)

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return [entry for entry in self.requests if entry["outcome"] == "accepted"]

    def create_message(self, params: dict[str, str]) -> tuple[Step, dict[str, Any]]:
        """Takes or refuses one text, on record; returns how to answer it, and the JSON."""
        with self._lock:
            step = self._next_step(params.get("To"))
            wrong = _find_fault(params)
            if wrong and step.accepts:
                step = Step(status=400, code=wrong)
            sid = f"SM{secrets.token_hex(16)}" if step.accepts else None
            answer = str(step.status) + (f" {step.code}" if step.code else "")
            self._record(
                {
                    "at": datetime.now(UTC).isoformat(),
                    "params": params,
                    "sid": sid,
                    "outcome": "accepted" if sid else "refused",
                    "answer": "dropped" if step.drop else answer,
                }
            )
        if sid and 200 <= step.status < 300:
            return step, self._resource(sid, params)
        return step, error_json(step.status, step.code, to=params.get("To", ""))

    def _next_step(self, to: str | None) -> Step:
        for queue in (self._scripts.get(to), self._scripts.get(None)):
            if queue:
                return queue[0] if queue[0].repeat else queue.popleft()
        return Step()

    def _record(self, entry: dict[str, Any]) -> None:
        self.requests.append(entry)
        if self._log:
            self._log.write(json.dumps(entry) + "\n")
            self._log.flush()
            os.fsync(self._log.fileno())

    def _resource(self, sid: str, params: dict[str, str]) -> dict[str, Any]:
        created = format_datetime(datetime.now(UTC))
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Messages/{sid}"
        service = params.get("MessagingServiceSid")
        return {
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "body": params["Body"],
            "date_created": created,
            "date_sent": None,
            "date_updated": created,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": params.get("From"),
            "messaging_service_sid": service,
            "num_media": "0",
            "num_segments": "0" if service else "1",
            "price": None,
            "price_unit": None if service else "USD",
            "sid": sid,
            "status": "accepted" if service else "queued",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": params["To"],
            "uri": f"{uri}.json",
        }


def error_json(status: int, code: int | None, *, to: str = "") -> dict[str, Any]:
    """Twilio's error body. Like the real one it quotes the recipient's number."""
    code = code or 20000 + status
    return {
        "code": code,
        "message": f"Scripted failure of the message to {to}",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def _find_fault(params: dict[str, str]) -> int | None:
    """The error code for parameters that Twilio would refuse."""
    if not params.get("To"):
        return 21604
    if not re.fullmatch(r"\+[1-9][0-9]{7,14}", params["To"]):
        return 21211
    if not (params.get("From") or params.get("MessagingServiceSid")):
        return 21603
    if not params.get("Body"):
        return 21602
    if len(params["Body"]) > 1600:
        return 21617
    validity = params.get("ValidityPeriod", "36000")
    if not (validity.isdecimal() and 1 <= int(validity) <= 36000):
        return 21624
    return None


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # many clients may connect at once
    fake: FakeTwilio

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that left is no news
            super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            cut(connection)


def cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # when the other side was first
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open, as Twilio does
    wbufsize = -1  # head and body in one packet
    server: _Server

    def do_POST(self) -> None:
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = urlsplit(self.path).path
        if path == "/_fake/script":
            script = json.loads(body)
            fake.script(*(Step(**step) for step in script["steps"]), to=script.get("to"))
            return self._answer(200, {})
        credentials = f"{fake.account_sid}:{fake.auth_token}".encode()
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(credentials).decode()}":
            return self._answer(401, error_json(401, 20003))
        if path != f"/{API_VERSION}/Accounts/{fake.account_sid}/Messages.json":
            return self._answer(404, error_json(404, 20404))
        step, answer = fake.create_message(dict(parse_qsl(body, keep_blank_values=True)))
        time.sleep(step.delay)
        if step.drop:
            self.close_connection = True
            return cut(self.connection)
        return self._answer(step.status, answer if step.body is None else step.body, step.headers)

    def _answer(
        self, status: int, body: dict[str, Any] | str, headers: dict[str, str] | None = None
    ) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error: the log has what counts."""


def main() -> None:
    parser = argparse.ArgumentParser(description="A Twilio that runs here, for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, required=True, help="gets one JSON line per request")
    options = parser.parse_args()
    fake = FakeTwilio(options.log, port=options.port)
    # shutdown() waits for the loop that it ends, so it must come from another thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=fake.stop).start())
    print(f"listening on {fake.url}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        fake.serve_forever()


if __name__ == "__main__":
    main()
