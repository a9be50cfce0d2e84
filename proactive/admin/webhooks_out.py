"""Webhooks out: who is told what outreach did, and what became of each thing that was to be told.

The secret of an endpoint is shown once, as that of an API token is: on its way to the page it is in
a signed cookie of that page alone, for a minute, and nowhere on the server.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanWidget

from proactive import audit
from proactive.admin.audited import AuditedAdmin
from proactive.admin.base import OnlyChangedAdmin, ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.hooks import keys, posting, replaying
from proactive.models import EventKind, WebhookDelivery, WebhookEndpoint

SECRET = "new_webhook_secret"
SHOWN_FOR = timedelta(minutes=1)
MAY_CHANGE = "proactive.change_webhookendpoint"


# --- What can be done to an endpoint ---


class RotateForm(ReasonForm):
    at_once = forms.BooleanField(
        label="Sign with the new secret alone from now on",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="For a secret that somebody else may have seen. Whoever listens refuses what "
        "comes until they have the new one; it is tried again meanwhile.",
    )


def _foresee_rotation(endpoint: WebhookEndpoint, data: dict[str, Any], now: datetime) -> str:
    if data.get("at_once"):
        return "gets a new secret, which is shown once. The old one ends now"
    hours = keys.GRACE // timedelta(hours=1)
    return (
        "gets a new secret, which is shown once. What is told is signed with the one that begins "
        f"with {endpoint.prefix} too for {hours} more hours"
    )


def _rotate(endpoint: WebhookEndpoint, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = _locked(endpoint)
    # Kept on the row until the answer is written: see `_page`.
    endpoint.secret = keys.rotate(endpoint, at_once=data["at_once"], now=now)  # type: ignore[attr-defined]
    endpoint.save(update_fields=keys.ROTATED)
    ends = "ended" if data["at_once"] else "is used beside it for a day more"
    return Done(f"has a new secret; the old one {ends}", audit.difference(before, endpoint))


def _foresee_switching_off(endpoint: WebhookEndpoint, data: dict[str, Any], now: datetime) -> str:
    if not endpoint.enabled:
        raise Skip("is off already")
    return "hears nothing from now on, also not later of what happens meanwhile"


def _switch_off(endpoint: WebhookEndpoint, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = _locked(endpoint)
    _foresee_switching_off(endpoint, data, now)
    endpoint.enabled, endpoint.disabled_at = False, now
    endpoint.disabled_why = f"{by.get_username()}: {data['reason']}"[:300]
    endpoint.save(update_fields=["enabled", "disabled_at", "disabled_why"])
    return Done("switched off", audit.difference(before, endpoint))


def _foresee_switching_on(endpoint: WebhookEndpoint, data: dict[str, Any], now: datetime) -> str:
    if endpoint.enabled:
        raise Skip("is on already")
    return "hears of what happens from now on, and of what still waits for it"


def _switch_on(endpoint: WebhookEndpoint, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = _locked(endpoint)
    _foresee_switching_on(endpoint, data, now)
    endpoint.enabled, endpoint.failing_since = True, None
    endpoint.disabled_at, endpoint.disabled_why = None, ""
    endpoint.save(update_fields=["enabled", "failing_since", "disabled_at", "disabled_why"])
    return Done("switched on", audit.difference(before, endpoint))


def _locked(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Lock the row and read it anew; what of it the audit compares."""
    endpoint.refresh_from_db(from_queryset=WebhookEndpoint.objects.select_for_update())
    return audit.snapshot(endpoint, ("prefix", "former_until", "enabled"))


ROTATE = Act(
    name="rotate",
    label="Rotate",
    explains="A new secret for the same listener. Give it to whoever runs it; nobody can read it "
    "here afterwards.",
    permission=MAY_CHANGE,
    foresee=_foresee_rotation,
    perform=_rotate,
    form=RotateForm,
    icon="autorenew",
    in_bulk=False,
)
SWITCH_OFF = Act(
    name="disable_endpoint",
    label="Switch off",
    explains="It is told nothing. What waits for it is kept until its three days are over.",
    permission=MAY_CHANGE,
    foresee=_foresee_switching_off,
    perform=_switch_off,
    icon="notifications_off",
    in_bulk=False,
    offered=lambda endpoint, now: endpoint.enabled,
)
SWITCH_ON = Act(
    name="enable_endpoint",
    label="Switch on",
    explains="It is told again. What was given up meanwhile is delivered again only if you have it "
    "replayed, under Webhook deliveries.",
    permission=MAY_CHANGE,
    foresee=_foresee_switching_on,
    perform=_switch_on,
    icon="notifications_active",
    in_bulk=False,
    offered=lambda endpoint, now: not endpoint.enabled,
)


class EndpointForm(forms.ModelForm):
    kinds = forms.MultipleChoiceField(
        label="What it hears of",
        choices=[(one.value, f"{one.value}: {one.label}") for one in EventKind],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "kinds")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            posting.check(url)
        except posting.Refused as error:
            raise ValidationError(f"It cannot be used: {error}.") from None
        return url


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ActingAdmin, AuditedAdmin, OnlyChangedAdmin):
    acts = (ROTATE, SWITCH_OFF, SWITCH_ON)
    form = EndpointForm
    actions = None
    change_form_outer_before_template = "proactive/webhook_endpoint.html"
    empty_title = "Nobody listens"
    empty_says = "The service's own apps can hear of texts, alerts and opt-outs as they happen."
    list_display = ("name", "state", "hears_of", "last_succeeded_at", "failing_since", "created_by")
    list_select_related = ("created_by",)
    readonly_fields = (
        *("state", "disabled_at", "disabled_why", "prefix", "former_until"),
        *("last_succeeded_at", "failing_since", "created_by", "created_at", "rotated_at"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = EndpointForm.Meta.fields
        return [(None, {"fields": fields if obj is None else (*fields, *self.readonly_fields)})]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what it was told stands beside its name

    @admin.display(description="state")
    def state(self, endpoint: WebhookEndpoint) -> str:
        if not endpoint.enabled:
            return "off"
        return "on, and takes nothing" if endpoint.failing_since else "on"

    @admin.display(description="hears of")
    def hears_of(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.kinds)

    # --- The secret, once ---

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            assert isinstance(request.user, User)
            obj.secret = keys.make(obj, by=request.user, now=timezone.now())
        super().save_model(request, obj, form, change)

    def write(self, row: Any, form: Any, change: bool) -> None:
        if change:
            row.save(update_fields=form.changed_data)
        else:
            row.save()

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._with_secret(redirect(self._page_of(obj)), obj)

    def _page(
        self, request: HttpRequest, act: Act, rows: list[Any], **options: Any
    ) -> HttpResponse:
        return self._with_secret(super()._page(request, act, rows, **options), rows[0])

    def _with_secret(self, answer: HttpResponse, endpoint: WebhookEndpoint) -> HttpResponse:
        if secret := getattr(endpoint, "secret", None):
            answer.set_signed_cookie(
                SECRET,
                secret,
                max_age=SHOWN_FOR,
                path=self._page_of(endpoint),
                httponly=True,
                samesite="Strict",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        endpoint = context.get("original")
        secret = request.get_signed_cookie(SECRET, default=None, max_age=SHOWN_FOR)
        # Of this very endpoint: a newer one may have been made in another tab.
        is_its = bool(secret and endpoint and keys.digest_of(secret) == endpoint.digest)
        context["secret"] = secret if is_its else None
        answer = super().render_change_form(request, context, *args, **kwargs)
        if secret and endpoint:
            answer.delete_cookie(SECRET, path=self._page_of(endpoint), samesite="Strict")
        return answer


# --- What was to be told ---


def _foresee_replay(delivery: WebhookDelivery, data: dict[str, Any], now: datetime) -> str:
    if delivery.next_attempt_at is not None:
        raise Skip("still waits to be delivered")
    off = "" if delivery.endpoint.enabled else ", once its endpoint is switched on"
    return f"is delivered again under the same id{off}"


def _replay(delivery: WebhookDelivery, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = audit.snapshot(delivery, ("delivered_at", "given_up_at"))
    if not replaying.again(Q(pk=delivery.pk), now=now):
        raise Skip("still waits to be delivered")
    delivery.refresh_from_db(fields=replaying.AGAIN)
    return Done("is delivered again", audit.difference(before, delivery))


REPLAY = Act(
    name="replay",
    label="Replay",
    explains="It is delivered again, for three days. It keeps its id: whoever has it already can "
    "tell, and may leave it.",
    permission="proactive.replay_webhookdelivery",
    foresee=_foresee_replay,
    perform=_replay,
    icon="replay",
    offered=lambda delivery, now: delivery.next_attempt_at is None,
)

_STATES: dict[str, tuple[str, Q]] = {
    "waiting": ("Waiting or failing", Q(next_attempt_at__isnull=False)),
    "delivered": ("Delivered", Q(delivered_at__isnull=False)),
    "given_up": ("Given up", Q(given_up_at__isnull=False)),
}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in _STATES.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]
    ) -> QuerySet[WebhookDelivery]:
        chosen = _STATES.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ActingAdmin, ReadOnlyAdmin):
    acts = (REPLAY,)
    acts_select_related = ("endpoint",)
    change_form_outer_before_template = "proactive/acts.html"
    empty_title = "Nothing was told"
    empty_says = "What outreach did is listed here for each endpoint that wants to hear of it."
    list_display = ("created_at", "kind", "endpoint", "state", "attempts", "last_error")
    list_filter = (StateFilter, "endpoint", "kind")
    list_select_related = ("endpoint",)
    sortable_by = ()
    ordering = ("-id",)
    fields = (
        *("event_id", "kind", "endpoint", "state", "payload", "created_at", "attempts"),
        *("next_attempt_at", "expires_at", "last_attempt_at", "last_status", "last_error"),
        *("delivered_at", "given_up_at"),
    )
    readonly_fields = ("state",)

    @admin.display(description="state")
    def state(self, delivery: WebhookDelivery) -> str:
        return delivery.state
