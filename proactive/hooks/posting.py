"""One POST to an address that staff have given: bounded in time, to the public internet only.

The name is looked up once, each of its addresses is judged, and the connection is made to the very
address that was judged: a name that points elsewhere a moment later leads nowhere. No redirect is
followed and no proxy used, for either would ask somebody else where to go.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
# Whatever it does meanwhile, such as to send its answer byte by byte.
ALL_SECONDS = 15.0

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Answer:
    """`status`: of HTTP, None where there was none; `error`: what went wrong, without the address.

    `retry_after`: seconds that it asks us to wait.
    """

    status: int | None = None
    error: str = ""
    retry_after: int = 0

    @property
    def took_it(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == http.HTTPStatus.GONE


class Refused(Exception):
    """We do not go there; the text says why, without the address."""


def check(url: str) -> None:
    """Raises Refused for what is no address of a listener, whatever its name stands for."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for one that cannot be)
    except ValueError:
        raise Refused("it is no address") from None
    if parts.scheme != "https" and not (settings.DEBUG and parts.scheme == "http"):
        raise Refused("it must begin with https://")
    if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused("it is no address")
    if parts.username is not None or parts.password is not None:
        raise Refused("it must have no name or password in it")
    if parts.fragment:
        raise Refused("it must have no # in it")


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Hand `body`, which is JSON, over. Raises nothing: whatever goes wrong is an answer."""
    try:
        check(url)
        parts = urlsplit(url)
        assert parts.hostname is not None  # checked
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = _judged(parts.hostname, port)
        connection = _Connection(parts.hostname, port, address, is_tls=parts.scheme == "https")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _exchange(connection, target, body, headers)
    except Refused as error:
        return Answer(error=str(error))
    except TimeoutError:
        return Answer(error="no answer in time")
    except ssl.SSLError as error:
        return Answer(error=f"TLS: {error.reason or type(error).__name__}"[:200])
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Its text may repeat the address.
        return Answer(error=f"no answer: {type(error).__name__}")


def _exchange(
    connection: "_Connection", target: str, body: bytes, headers: dict[str, str]
) -> Answer:
    cut_off = threading.Timer(ALL_SECONDS, connection.cut)
    cut_off.daemon = True
    cut_off.start()
    try:
        connection.request(
            "POST",
            target,
            body,
            {"Content-Type": "application/json", "User-Agent": "caregiver-outreach", **headers},
        )
        response = connection.getresponse()
        asked = response.headers.get("Retry-After", "")
        wait = int(asked) if asked.isdecimal() and len(asked) < 7 else 0
        error = "" if 200 <= response.status < 300 else f"answered {response.status}"
        # What it says besides is not read.
        return Answer(response.status, error, wait)
    except (OSError, http.client.HTTPException) as failure:
        if connection.was_cut:
            raise TimeoutError from failure
        raise
    finally:
        cut_off.cancel()
        connection.close()


def _judged(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    """Family and address to connect to. Raises Refused where one of them is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("its name is not known") from None
    if not settings.DEBUG:
        for _, _, _, _, address in found:
            # Also 100.64.0.0/10, of carriers, and what IPv6 maps: neither is global.
            if not _is_public(str(address[0])):
                raise Refused("it is an address within a private network")
    family, _, _, _, address = found[0]
    return family, address


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # What leads on to an address of the older kind is judged by that one.
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


class _Connection(http.client.HTTPConnection):
    """To one address that was judged, by the name that the certificate must have."""

    def __init__(
        self, host: str, port: int, address: tuple[int, tuple[object, ...]], *, is_tls: bool
    ) -> None:
        super().__init__(host, port)
        self.default_port = 443 if is_tls else 80
        self.was_cut = False
        self._address = address
        self._is_tls = is_tls

    def connect(self) -> None:
        family, address = self._address
        plain = socket.socket(family, socket.SOCK_STREAM)
        self.sock = plain
        try:
            plain.settimeout(CONNECT_SECONDS)
            plain.connect(address)
            if self._is_tls:
                context = ssl.create_default_context()
                wrapped = context.wrap_socket(
                    plain, server_hostname=self.host, do_handshake_on_connect=False
                )
                self.sock = wrapped  # so that it can be cut while it shakes hands
                wrapped.do_handshake()
        except BaseException:
            self.sock.close()
            raise
        self.sock.settimeout(ANSWER_SECONDS)

    def cut(self) -> None:
        self.was_cut = True
        if self.sock is not None:
            with suppress(OSError):  # it has ended by itself
                self.sock.shutdown(socket.SHUT_RDWR)
