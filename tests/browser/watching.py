"""Everything that goes wrong in a browser without anybody seeing it."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError


class Watch:
    """Collects what the pages of a context do that they must not.

    `complaints`: requests to other hosts, errors of scripts and in the console (a violated
    content security policy and a file that is missing are among them), answers of 500 and more.
    """

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.complaints: list[str] = []
        self._expected: list[str] = []
        self._host = urlsplit(site).netloc
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("console", self._console)
        context.on("weberror", self._error)

    def expect(self, part: str) -> None:
        """Something that the test brings about itself: complaints with this in them are none."""
        self._expected.append(part)

    def _complain(self, says: str) -> None:
        if not any(part in says for part in self._expected):
            self.complaints.append(says)

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.netloc != self._host:
            self._complain(f"asked another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self._complain(f"{response.status}: {response.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self._complain(f"{message.text} ({message.location.get('url', '')})")

    def _error(self, error: WebError) -> None:
        self._complain(f"script: {error.error}")
