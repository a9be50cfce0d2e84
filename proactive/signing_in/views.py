"""Pages of one's own second factor.

Whoever comes to `set_up` for the first time was sent there by the middleware after their first
sign-in; from then on it sends them to `code` after every sign-in.
"""

from base64 import b32encode
from binascii import unhexlify
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import django_otp
import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key
from unfold.widgets import UnfoldAdminTextInputWidget

from caregiving.middleware import began_at
from proactive.signing_in import second_factor
from proactive.signing_in.second_factor import Refused, SetUp, TooSoon

View = Callable[[HttpRequest, User], HttpResponse]

# In the session: the key of a phone that is being set up.
KEY = "second_factor_key"
# Whoever finds a session open may not make their own phone its second factor.
FRESH = timedelta(minutes=15)


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=32,
        widget=UnfoldAdminTextInputWidget(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "off",
                "spellcheck": "false",
                "autofocus": "",
            }
        ),
    )


def for_staff(view: View) -> Callable[[HttpRequest], HttpResponse]:
    @wraps(view)
    def page(request: HttpRequest) -> HttpResponse:
        if not admin.site.has_permission(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        assert isinstance(request.user, User)
        return view(request, request.user)

    return page


@for_staff
def overview(request: HttpRequest, user: User) -> HttpResponse:
    """Whether one has a second factor, and what one can do about it."""
    return _render(
        request,
        "overview",
        "Second factor",
        has_one=second_factor.has_one(user),
        needed=second_factor.is_needed(user),
        left=second_factor.backup_codes_left(user),
    )


@sensitive_post_parameters("code")
@for_staff
def code(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for the code after the password."""
    if not second_factor.has_one(user):
        return redirect("second_factor")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            device = second_factor.check(user, form.cleaned_data["code"], now=timezone.now())
        except Refused as refused:
            form.add_error("code", _why(refused))
        else:
            return _let_in(request, user, device)
    return _render(
        request, "code", "Enter the code from your phone", form=form, next=_next(request)
    )


@sensitive_post_parameters("code")
@for_staff
def set_up(request: HttpRequest, user: User) -> HttpResponse:
    """Show a key, as a QR code too, and make it count once a code proves that a phone has it."""
    if second_factor.has_one(user) and user.otp_device is None:  # type: ignore[attr-defined]
        return redirect_to_login(reverse("second_factor_set_up"), reverse("second_factor_code"))
    if timezone.now() - began_at(request) > FRESH:
        logout(request)
        messages.info(request, "Sign in again: a second factor is set up right after signing in.")
        return redirect_to_login(reverse("second_factor_set_up"), reverse("admin:login"))
    key = request.session.setdefault(KEY, default_key())
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            made = second_factor.set_up(
                user, key=key, code=form.cleaned_data["code"], now=timezone.now()
            )
        except Refused as refused:
            form.add_error("code", _why(refused))
        else:
            del request.session[KEY]
            _verify(request, made.device)
            return _show_backup_codes(request, made)
    return _render(
        request,
        "set_up",
        "Set up your second factor",
        form=form,
        next=_next(request),
        qr_code=_qr_code(user, key),
        key=_in_fours(b32encode(unhexlify(key)).decode()),
        needed=second_factor.is_needed(user),
    )


@require_POST
@for_staff
def backup_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Make new backup codes and show them, once."""
    try:
        made = second_factor.make_backup_codes(user, now=timezone.now())
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("second_factor")
    # What this session has shown may have been one of those that count no more.
    _verify(request, made.device)
    return _show_backup_codes(request, made)


def _let_in(request: HttpRequest, user: User, device: Any) -> HttpResponse:
    _verify(request, device)
    if not isinstance(device, TOTPDevice):
        left = second_factor.backup_codes_left(user)
        messages.warning(request, f"That was a backup code: {left} are left.")
    return HttpResponseRedirect(_next(request))


def _verify(request: HttpRequest, device: Any) -> None:
    """From now on this session has shown a second factor; its old cookie is worth nothing."""
    request.session.cycle_key()
    django_otp.login(request, device)


def _show_backup_codes(request: HttpRequest, made: SetUp) -> HttpResponse:
    return _render(
        request, "backup_codes", "Your backup codes", codes=made.backup_codes, next=_next(request)
    )


def _render(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    return render(
        request,
        f"proactive/signing_in/{name}.html",
        {**admin.site.each_context(request), "title": title, **context},
    )


def _why(refused: Refused) -> str:
    if isinstance(refused, TooSoon):
        until = date_format(timezone.localtime(refused.until), "Y-m-d H:i:s")
        return f"Too many wrong codes. The next one counts after {until}."
    return str(refused)


def _next(request: HttpRequest) -> str:
    """Where to go afterwards: a page of ours, whatever the address says."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else reverse("admin:index")


def _qr_code(user: User, key: str) -> str:
    address = TOTPDevice(user=user, key=key).config_url
    return segno.make(address, error="m").svg_inline(scale=5, dark="#000", light="#fff")


def _in_fours(text: str) -> str:
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
