"""Sign-ins that failed too often: who is counted, and what they are told."""

from datetime import timedelta
from ipaddress import ip_address

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

UNKNOWN = "0.0.0.0"


def client_address(request: HttpRequest) -> str:
    """The address that a request came from: a valid one always, 0.0.0.0 where nothing is known.

    Behind PROXY_COUNT proxies of our own it is the last but so many in X-Forwarded-For; what
    stands further to the left was sent by the client, who may write there what they like.
    """
    addresses = [request.META.get("REMOTE_ADDR", "")]
    if forwarded := request.META.get("HTTP_X_FORWARDED_FOR", ""):
        addresses = [*forwarded.split(","), *addresses]
    count = min(settings.PROXY_COUNT, len(addresses) - 1)
    try:
        return str(ip_address(addresses[-1 - count].strip()))
    except ValueError:
        return UNKNOWN


def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, str] | None
) -> HttpResponse:
    """The page for whoever has failed too often: when they may try again."""
    name = (credentials or {}).get("username")
    latest = AccessAttempt.objects.filter(
        username=name, ip_address=client_address(request)
    ).aggregate(latest=Max("attempt_time"))["latest"]
    context = {
        **admin.site.each_context(request),
        "title": "Too many failed sign-ins",
        "limit": settings.AXES_FAILURE_LIMIT,
        # To the next whole minute, so that what the page says is never too early.
        "until": (latest or timezone.now()) + get_cool_off(request) + timedelta(minutes=1),
    }
    return render(
        request,
        "proactive/signing_in/locked_out.html",
        context,
        status=429,
    )
