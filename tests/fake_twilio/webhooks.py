"""What Twilio itself calls: signed requests to the web server, and the TwiML it answers with."""

import base64
import contextlib
import hashlib
import hmac
import socket
import threading
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

TIMEOUT_SECONDS = 15


class Unreachable(Exception):
    """No answer came; says why in words."""


def sign(url: str, params: dict[str, str], auth_token: str) -> str:
    """The signature over the public address and the sorted parameters of a form."""
    signed = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.digest(auth_token.encode(), signed.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


def read_replies(twiml: str) -> list[str]:
    """The words of each <Message>. Raises ValueError for what is no TwiML."""
    if not twiml.strip():
        return []
    try:
        response = ElementTree.fromstring(twiml)
    except ElementTree.ParseError as error:
        raise ValueError("no XML") from error
    if response.tag != "Response":
        raise ValueError("no <Response>")
    messages = response.findall("Message")
    return ["".join(message.itertext()).strip() for message in messages]


class Webhooks:
    """Sends to one web server, whatever the public address is that it goes by.

    `base` is where it really listens, such as http://127.0.0.1:8000. The signature covers the
    public address, which need not resolve here.
    """

    def __init__(self, base: str, auth_token: str) -> None:
        parts = urlsplit(base)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{base!r} is not an address such as http://127.0.0.1:8000")
        self.base = base.rstrip("/")
        self._host, self._port, self._folder = parts.hostname, parts.port, parts.path.rstrip("/")
        self._auth_token = auth_token
        self._open: set[HTTPConnection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def post(self, url: str, params: dict[str, str]) -> tuple[int, str]:
        """The HTTP status and body of the answer. Raises Unreachable."""
        parts = urlsplit(url)
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        with self._lock:
            if self._closed:
                raise Unreachable("The fake is being stopped")
            self._open.add(connection)
        try:
            connection.request(
                "POST",
                self._folder + (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                urlencode(params),
                {
                    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                    "User-Agent": "TwilioProxy/1.1",
                    "X-Twilio-Signature": sign(url, params, self._auth_token),
                },
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except TimeoutError:
            raise Unreachable(
                f"The web server at {self.base} did not answer in {TIMEOUT_SECONDS} seconds"
            ) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Unreachable(
                f"The web server at {self.base} cannot be reached ({reason}): is it running?"
            ) from None
        finally:
            connection.close()
            with self._lock:
                self._open.discard(connection)

    def close(self) -> None:
        """Cuts what waits for an answer, and sends no more."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                if isinstance(connection.sock, socket.socket):
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
