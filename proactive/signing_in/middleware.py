"""Nobody who needs a second factor, or has one, gets anywhere in the back office without it."""

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from caregiving.middleware import GetResponse, in_back_office
from proactive.signing_in import second_factor

# Signing in and out, and what leads to having shown a second factor.
OPEN = ("admin:login", "admin:logout", "second_factor_code", "second_factor_set_up")


def ask_for_second_factor(get_response: GetResponse) -> GetResponse:
    """Sends whoever has not shown a second factor to where they can; nothing else is done.

    A middleware, and not the sign-in's form, so that no page, action or POST gets around it.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        page = _page_first(request)
        if page is None:
            return get_response(request)
        # What was posted is gone: it is not done again by itself afterwards.
        back = request.get_full_path() if request.method == "GET" else reverse("admin:index")
        return redirect_to_login(back, reverse(page))

    return answer


def _page_first(request: HttpRequest) -> str | None:
    """The name of the page that must come before the one that was asked for."""
    if not in_back_office(request) or request.path in {reverse(name) for name in OPEN}:
        return None
    user = request.user
    # `otp_device`: set by django-otp's middleware, to what this session has shown.
    if not isinstance(user, User) or user.otp_device is not None:  # type: ignore[attr-defined]
        return None
    if second_factor.has_one(user):
        return "second_factor_code"
    if second_factor.is_needed(user):
        return "second_factor_set_up"
    return None
