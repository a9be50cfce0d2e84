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
        self._host = urlsplit(site).netloc
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("console", self._console)
        context.on("weberror", self._error)

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.netloc != self._host:
            self.complaints.append(f"asked another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status}: {response.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"script: {error.error}")
