"""API tokens: who calls, with what allowed, when last; made, rotated and revoked.

The secret is shown once, on the page to which making or rotating leads. On the way there it is in a
signed cookie of that page alone, for a minute, and nowhere on the server.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanWidget

from proactive import audit
from proactive.admin.audited import AuditedAdmin
from proactive.admin.base import OnlyChangedAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.api import tokens
from proactive.models import ApiToken, Scope

SECRET = "new_api_token"
SHOWN_FOR = timedelta(minutes=1)
MAY_END = "proactive.end_apitoken"
NOT_LIVE = "is not in use any more: make another one"


class RotateForm(ReasonForm):
    at_once = forms.BooleanField(
        label="The old secret ends now",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="For one that somebody else may have seen. Whoever calls with it is refused "
        "until they have the new one.",
    )


def _foresee_rotation(token: ApiToken, data: dict[str, Any], now: datetime) -> str:
    if not token.is_live(now):
        raise Skip(NOT_LIVE)
    if data.get("at_once"):
        return "gets a new secret, which is shown once. The old one ends now"
    hours = tokens.GRACE // timedelta(hours=1)
    return (
        f"gets a new secret, which is shown once. The one that begins with {token.prefix} works "
        f"for {hours} more hours; any before it ends now"
    )


def _rotate(token: ApiToken, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = _locked(token)
    try:
        # Kept on the row until the answer is written: see `_page`.
        token.secret = tokens.rotate(token, at_once=data["at_once"], now=now)  # type: ignore[attr-defined]
    except ValueError:
        raise Skip(NOT_LIVE) from None
    ends = "ended" if data["at_once"] else "works for a day more"
    return Done(
        f"has a new secret; the old one {ends}",
        audit.difference(before, token),
    )


def _foresee_revoking(token: ApiToken, data: dict[str, Any], now: datetime) -> str:
    if token.revoked_at is not None:
        raise Skip("is revoked already")
    return "is refused from now on, whatever it is used for. This cannot be undone"


def _revoke(token: ApiToken, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = _locked(token)
    if token.revoked_at is not None:
        raise Skip("is revoked already")
    tokens.revoke(token, now=now)
    return Done("revoked", audit.difference(before, token))


def _locked(token: ApiToken) -> dict[str, Any]:
    """Lock the row and read it anew; what of it the audit compares."""
    token.refresh_from_db(from_queryset=ApiToken.objects.select_for_update())
    return audit.snapshot(token, ("prefix", "former_until", "revoked_at"))


ROTATE = Act(
    name="rotate",
    label="Rotate",
    explains="A new secret for the same client: name, scopes and what it has told stay. Give it to "
    "whoever runs the client; nobody can read it here afterwards.",
    permission=MAY_END,
    foresee=_foresee_rotation,
    perform=_rotate,
    form=RotateForm,
    icon="autorenew",
    in_bulk=False,
    offered=lambda token, now: token.is_live(now),
)
REVOKE = Act(
    name="revoke",
    label="Revoke",
    explains="For a client that is no more, or a secret that somebody else has. What it has told "
    "stays.",
    permission=MAY_END,
    foresee=_foresee_revoking,
    perform=_revoke,
    icon="block",
    in_bulk=False,
    offered=lambda token, now: token.revoked_at is None,
)


class TokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label="What it allows",
        choices=[(one.value, f"{one.value}: {one.label}") for one in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="No more than it needs. It cannot be changed later: make another token then.",
    )

    class Meta:
        model = ApiToken
        fields = ("name", "scopes", "expires_at")

    def clean_expires_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now():
            raise ValidationError("That is over. Give a later time, or none.")
        return at


@admin.register(ApiToken)
class ApiTokenAdmin(ActingAdmin, AuditedAdmin, OnlyChangedAdmin):
    acts = (ROTATE, REVOKE)
    form = TokenForm
    actions = None
    change_form_outer_before_template = "proactive/api_token.html"
    empty_title = "No tokens"
    empty_says = "The assistant, the apps and the phone line each need one to call the API."
    list_display = ("name", "state", "allows", "prefix", "last_used_at", "created_by")
    list_select_related = ("created_by",)
    readonly_fields = (
        *("state", "allows", "prefix", "former_until", "last_used_at"),
        *("created_by", "created_at", "rotated_at", "revoked_at"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": TokenForm.Meta.fields})]
        return [(None, {"fields": ("name", "expires_at", *self.readonly_fields)})]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # by acts alone

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what it has told stands beside its name

    @admin.display(description="state")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return "revoked"
        return "in use" if token.is_live(timezone.now()) else "expired"

    @admin.display(description="allows")
    def allows(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    # --- The secret, once ---

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)
        obj.secret = tokens.make(obj, by=request.user, now=timezone.now())
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._with_secret(redirect(self._page_of(obj)), obj)

    def _page(
        self, request: HttpRequest, act: Act, rows: list[Any], **options: Any
    ) -> HttpResponse:
        return self._with_secret(super()._page(request, act, rows, **options), rows[0])

    def _with_secret(self, answer: HttpResponse, token: ApiToken) -> HttpResponse:
        if secret := getattr(token, "secret", None):
            answer.set_signed_cookie(
                SECRET,
                secret,
                max_age=SHOWN_FOR,
                path=self._page_of(token),
                httponly=True,
                samesite="Strict",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        token = context.get("original")
        secret = request.get_signed_cookie(SECRET, default=None, max_age=SHOWN_FOR)
        # Of this very token: a newer one may have been made in another tab.
        is_its = bool(secret and token and tokens.digest_of(secret) == token.digest)
        context["secret"] = secret if is_its else None
        answer = super().render_change_form(request, context, *args, **kwargs)
        if secret and token:
            answer.delete_cookie(SECRET, path=self._page_of(token), samesite="Strict")
        return answer
