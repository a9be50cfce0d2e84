"""The fake's HTTP side: Twilio's API, the requests that control the fake, and the page."""

import base64
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.fake_twilio import control, page
from tests.fake_twilio.listing import list_page
from tests.fake_twilio.steps import error_json
from tests.fake_twilio.texts import API_VERSION

if TYPE_CHECKING:
    from tests.fake_twilio.fake import FakeTwilio

LARGEST_BODY = 1_000_000


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # many clients may connect at once
    daemon_threads = False  # so that stopping waits for them

    def __init__(self, fake: "FakeTwilio", port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.fake = fake
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="server")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops listening, cuts the connections that clients keep open and ends all threads."""
        self.shutdown()
        for connection in list(self._connections):
            cut(connection)
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that left is no news
            super().handle_error(request, client_address)


def cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # when the other side was first
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open, as Twilio does
    wbufsize = -1  # head and body in one packet
    server: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if url.path == "/":
            content = page.render(self.server.fake.account, person=query.get("person", ""))
            self._answer(200, content, kind="text/html")
        elif url.path == "/_fake/state":
            self._answer(200, self.server.fake.state())
        elif self._has_credentials():
            self._answer(*self._read_messages(url.path, query))

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self._read_body()
        if body is None:
            self._answer(400, error_json(400, None))
        elif path.startswith("/_fake/"):
            self._answer(*control.answer(self.server.fake, path, body))
        elif path == "/text":
            self._receive(dict(parse_qsl(body, keep_blank_values=True)))
        elif self._has_credentials():
            if path == f"{self._messages_path()}.json":
                self._create_message(dict(parse_qsl(body, keep_blank_values=True)))
            else:
                self._answer(404, error_json(404, 20404))

    def _create_message(self, params: dict[str, str]) -> None:
        fake = self.server.fake
        fake.wait_until_open()
        if fake.stopping.is_set() or self._client_left():
            self.close_connection = True
            return
        step, answer = fake.create_message(params)
        stopped = fake.stopping.wait(step.delay)
        if step.drop or stopped:
            self.close_connection = True
            cut(self.connection)
        else:
            self._answer(step.status, answer if step.body is None else step.body, step.headers)

    def _receive(self, form: dict[str, str]) -> None:
        """The page's form; like every form that was heeded, it leads to a page to read."""
        fake = self.server.fake
        person, body = page.read_number(form.get("from", "")), form.get("body", "")
        try:
            control.check_text({"from": person, "body": body})
        except ValueError as error:
            content = page.render(
                fake.account, number=form.get("from", ""), draft=body, error=str(error)
            )
            return self._answer(400, content, kind="text/html")
        fake.receive(person, body.replace("\r\n", "\n"))
        return self._answer(303, "", {"Location": page.address_of(person)})

    def _read_messages(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        fake = self.server.fake
        if path == f"{self._messages_path()}.json":
            try:
                texts = fake.visible_texts()
                return 200, list_page(texts, query, account_sid=fake.account_sid, path=path)
            except (ValueError, OverflowError):
                return 400, error_json(400, 20001)
        sid = path.removeprefix(f"{self._messages_path()}/").removesuffix(".json")
        text = fake.account.get(sid)
        return (200, text.resource(fake.account_sid)) if text else (404, error_json(404, 20404))

    def _messages_path(self) -> str:
        return f"/{API_VERSION}/Accounts/{self.server.fake.account_sid}/Messages"

    def _has_credentials(self) -> bool:
        """Answers by itself when the request has others than ours."""
        fake = self.server.fake
        credentials = f"{fake.account_sid}:{fake.auth_token}".encode()
        if self.headers.get("Authorization") == f"Basic {base64.b64encode(credentials).decode()}":
            return True
        self._answer(401, error_json(401, 20003))
        return False

    def _read_body(self) -> str | None:
        length = self.headers.get("Content-Length", "0")
        if not (length.isdecimal() and int(length) <= LARGEST_BODY):
            self.close_connection = True  # where the next request begins is anybody's guess
            return None
        try:
            return self.rfile.read(int(length)).decode()
        except UnicodeDecodeError:
            return None

    def _client_left(self) -> bool:
        """Whether whoever asked has hung up, perhaps killed while the request had to wait."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _answer(
        self,
        status: int,
        body: dict[str, Any] | str,
        headers: Mapping[str, str] | None = None,
        *,
        kind: str = "application/json",
    ) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind};charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error: the log has what counts."""
