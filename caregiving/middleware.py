"""What holds for every page of the back office, and for every answer that a browser gets."""

import logging
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from caregiving import logs

GetResponse = Callable[[HttpRequest], HttpResponse]

# Nothing of the back office hears, sees, locates or pays.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope"),
        *("magnetometer", "microphone", "midi", "payment", "usb"),
    )
)
# In the session: seconds since 1970, UTC.
BEGAN = "began"
SEEN = "seen"
# A session is written at most this often only because it is used.
PRECISION = timedelta(minutes=1)
# Asked so often that nobody wants to read of it.
UNREMARKABLE = ("/health/", "/metrics", "/static/")

logger = logging.getLogger(__name__)


def in_back_office(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))


def log_requests(get_response: GetResponse) -> GetResponse:
    """One line a request, with an id that every other line in its course has, and its answer too.

    Without the query, which holds what staff look for: names and numbers; and of the API the route
    in place of the path, see `logs.address`.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        number = uuid.uuid4().hex
        # Not taken back: Django logs what was refused after all middleware, and the next request of
        # this thread sets its own.
        logs.request_id.set(number)
        response = get_response(request)
        milliseconds = round((time.monotonic() - began) * 1000)
        path = logs.address(request)
        unremarkable = request.path.startswith(UNREMARKABLE) and response.status_code < 500
        logger.log(
            logging.DEBUG if unremarkable else logging.INFO,
            "%s %s %d in %d ms",
            request.method,
            path,
            response.status_code,
            milliseconds,
            extra={
                "fields": {
                    "method": request.method,
                    "path": path,
                    "status": response.status_code,
                    "milliseconds": milliseconds,
                }
            },
        )
        response["X-Request-ID"] = number
        return response

    return answer


def tell_browsers(get_response: GetResponse) -> GetResponse:
    """Headers: what pages may use, and that none of the back office is kept anywhere.

    Its pages hold health data; a browser's cache outlives the signing out.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        if in_back_office(request):
            response["Cache-Control"] = "no-store, private"
        return response

    return answer


def end_idle_sessions(get_response: GetResponse) -> GetResponse:
    """Sign out whoever has asked for nothing for SESSION_IDLE_MINUTES, and say so.

    When a session was used last is noted to the minute, so it may live for a minute longer, but
    is never ended early.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if in_back_office(request) and request.user.is_authenticated:
            now = timezone.now()
            if _is_idle(request.session, now):
                return _sign_out(request)
            _note(request.session, now)
        return get_response(request)

    return answer


def note_sign_in(request: HttpRequest, **_: Any) -> None:
    """Django calls this at each sign-in, before the session is stored."""
    moment = int(timezone.now().timestamp())
    request.session[BEGAN] = request.session[SEEN] = moment


def began_at(request: HttpRequest) -> datetime:
    """When this session was signed in to; for one from before this was noted, long ago."""
    return datetime.fromtimestamp(request.session.get(BEGAN, 0), UTC)


def _is_idle(session: Any, now: datetime) -> bool:
    seen = session.get(SEEN)
    longest = timedelta(minutes=settings.SESSION_IDLE_MINUTES) + PRECISION
    return seen is not None and now.timestamp() - seen > longest.total_seconds()


def _note(session: Any, now: datetime) -> None:
    moment = int(now.timestamp())
    if moment - session.get(SEEN, 0) >= PRECISION.total_seconds():
        session[SEEN] = moment


def _sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    minutes = settings.SESSION_IDLE_MINUTES
    messages.info(request, f"You were signed out, as nothing was done for {minutes} minutes.")
    # What was posted is gone: it is not done again by itself after signing in.
    back = request.get_full_path() if request.method == "GET" else reverse("admin:index")
    return redirect_to_login(back, reverse("admin:login"))
