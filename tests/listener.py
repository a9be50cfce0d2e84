"""A web server that Twilio may call: it keeps what it gets, and answers as it is told."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator


class Call(NamedTuple):
    path: str
    params: dict[str, str]
    host: str
    signed: bool  # by the token, over the public address


class Listener:
    def __init__(self, *, public_base: str, auth_token: str) -> None:
        self.calls: list[Call] = []
        self.answer = (200, "<Response/>")
        self.delay = 0.0
        self._validator = RequestValidator(auth_token)
        self._public_base = public_base
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def statuses(self, path: str | None = None) -> list[str]:
        """What was reported, in the order in which it came."""
        return [
            call.params["MessageStatus"] for call in self.calls if path is None or call.path == path
        ]

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                params = dict(parse_qsl(body, keep_blank_values=True))
                signed = listener._validator.validate(
                    listener._public_base + self.path, params, self.headers["X-Twilio-Signature"]
                )
                listener.calls.append(Call(self.path, params, self.headers["Host"], signed))
                time.sleep(listener.delay)
                status, content = listener.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(content.encode())))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on standard error."""

        return Handler
