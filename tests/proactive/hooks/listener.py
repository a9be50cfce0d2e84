"""A web server that listens to webhooks: it keeps what it gets, and answers as it is told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Heard(NamedTuple):
    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def id(self):
        return self.headers["webhook-id"]


class Listener:
    """`answers`: the statuses of the next requests, then 200; `hold`: requests wait for it."""

    def __init__(self):
        self.heard = []
        self.answers = []
        self.headers = {}
        self.hold = threading.Event()
        self.hold.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?key=1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                listener.heard.append(Heard(self.path, body, headers))
                status = listener.answers.pop(0) if listener.answers else 200
                listener.hold.wait(30)
                self.send_response(status)
                for name, value in listener.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format, *args):
                """Nothing on standard error."""

        return Handler
