"""What staff do to one row or several: look at what it would do, say why, confirm.

An `Act` is one such thing, declared with how to foresee it and how to do it. `ActingAdmin` gives
each its page: reached by a link from a row's page or by the list's menu, it changes nothing until
its form is posted with a reason. Every row is asked again then, in a transaction that holds both
what is done and the entry in the audit; whoever cannot be done is skipped, and staff are told why.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from proactive import audit
from proactive.admin.base import ListAdmin, keys
from proactive.audit import Changes

# More at once than this is an operator's job: each row is a transaction of its own. Each is also a
# field of the form, and Django reads no more than 1,000 of those.
MOST = 900
SHOWN = 20


class Skip(Exception):
    """This row is left as it is; the text says why, such as "has opted out already"."""


class ReasonForm(forms.Form):
    """What every act asks for. Subclasses put their own fields before it."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the audit with your name.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [name for name in self.fields if name != "reason"]
        self.order_fields([*own, "reason"])


@dataclass(frozen=True)
class Done:
    """What was done to one row: a sentence, and {field: [before, after]} for the audit."""

    says: str
    changes: Changes = field(default_factory=dict)


def _always(row: Any, now: datetime) -> bool:
    return True


def _nothing(rows: list[Any]) -> None:
    """All that is foreseen stands in the rows."""


@dataclass(frozen=True)
class Act:
    """One thing that staff may do to a row.

    `foresee(row, data, now)` says what would happen, from what is loaded already; `perform(row,
    data, by, now)` does it, having locked the row and asked again. Both raise `Skip` where it
    cannot be done. `data` is what the form has cleaned, or its initial values while it is not yet
    filled in. `prepare(rows)` reads for all rows at once what `foresee` wants beyond their fields,
    and puts it on them. `offered`: whether the row's page shows a link to it; `is_rare`: there it
    stands behind "More". `permission`: "app.codename"; `also_needs`: more of them, where the page
    shows what not everybody may see.
    """

    name: str
    label: str
    explains: str
    permission: str
    foresee: Callable[[Any, dict[str, Any], datetime], str]
    perform: Callable[[Any, dict[str, Any], User, datetime], Done]
    form: type[ReasonForm] = ReasonForm
    icon: str = "check"
    in_bulk: bool = True
    is_rare: bool = False
    offered: Callable[[Any, datetime], bool] = _always
    prepare: Callable[[list[Any]], None] = _nothing
    also_needs: tuple[str, ...] = ()

    def allowed(self, request: HttpRequest) -> bool:
        return request.user.has_perms((self.permission, *self.also_needs))


@dataclass(frozen=True)
class Foreseen:
    """What would become of one row."""

    row: Any
    says: str
    skipped: bool


def foresee(act: Act, rows: list[Any], data: dict[str, Any], now: datetime) -> list[Foreseen]:
    act.prepare(rows)
    foreseen = []
    for row in rows:
        try:
            foreseen.append(Foreseen(row, act.foresee(row, data, now), skipped=False))
        except Skip as skip:
            foreseen.append(Foreseen(row, str(skip), skipped=True))
    return foreseen


def perform(
    act: Act, rows: Iterable[Any], data: dict[str, Any], *, by: User, now: datetime
) -> list[Foreseen]:
    """Do it to each row in a transaction of its own, and say what has become of each."""
    results = []
    for row in rows:
        try:
            with transaction.atomic():
                done = act.perform(row, data, by, now)
                audit.record(
                    act.name,
                    by=by,
                    says=done.says,
                    now=now,
                    target=row,
                    reason=data["reason"],
                    changes=done.changes,
                )
            results.append(Foreseen(row, done.says, skipped=False))
        except Skip as skip:
            results.append(Foreseen(row, str(skip), skipped=True))
    return results


class ActingAdmin(ListAdmin):
    """An admin whose rows can be acted on: `acts` declares how."""

    acts: tuple[Act, ...] = ()
    # Rows as the acts want them, such as with their caregiver.
    acts_select_related: tuple[str, ...] = ()

    # --- Where the acts are offered ---

    def offered_acts(self, request: HttpRequest, row: Model, now: datetime) -> list[dict[str, Any]]:
        """The acts that this user may do to `row` now, as links for its page."""
        return [
            {
                "label": act.label,
                "icon": act.icon,
                "url": self._url(act, row),
                "is_rare": act.is_rare,
            }
            for act in self.acts
            if act.allowed(request) and act.offered(row, now)
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (row := context.get("original")) is not None:
            offered = self.offered_acts(request, row, timezone.now())
            context["acts"] = [act for act in offered if not act["is_rare"]]
            context["rare_acts"] = [act for act in offered if act["is_rare"]]
        return super().render_change_form(request, context, *args, **kwargs)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        for act in self.acts:
            if act.in_bulk and act.allowed(request):
                actions[act.name] = (_choose(act), act.name, act.label)
        return actions

    def get_urls(self) -> list[URLPattern]:
        site, name = self.admin_site, self._url_name
        return [
            path(
                "act/<slug:act>/",
                site.admin_view(self.act_on_several),
                name=f"{name}_act_on_several",
            ),
            path(
                "<path:object_id>/act/<slug:act>/",
                site.admin_view(self.act_on),
                name=f"{name}_act",
            ),
            *super().get_urls(),
        ]

    # --- The page ---

    def act_on(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """The page of one act on one row; a POST does it."""
        chosen = self._allowed(request, act)
        row = self._rows(request, [unquote(object_id)]).first()
        if row is None:
            raise Http404
        return self._page(request, chosen, [row], several=False)

    def act_on_several(self, request: HttpRequest, act: str) -> HttpResponse:
        """The page of one act on the rows that were chosen in the list; comes by POST only."""
        chosen = self._allowed(request, act)
        rows = list(self._rows(request, request.POST.getlist("row")))
        if not chosen.in_bulk or not rows:
            return HttpResponseRedirect(self._list_url)
        return self._page(request, chosen, rows, several=True)

    def choose(self, request: HttpRequest, rows: QuerySet[Any], act: Act) -> HttpResponse | None:
        """From the list's menu: the page for all that were chosen, before anything is asked."""
        chosen = list(rows.select_related(*self.acts_select_related).order_by("pk")[: MOST + 1])
        if len(chosen) > MOST:
            says = f"More than {MOST:,} are chosen. Narrow the list first: nothing was done."
            self.message_user(request, says, messages.ERROR)
            return None
        return self._page(request, act, chosen, several=True, asks=True)

    def _page(
        self, request: HttpRequest, act: Act, rows: list[Any], *, several: bool, asks: bool = False
    ) -> HttpResponse:
        now = timezone.now()
        back = self._list_url if several else self._page_of(rows[0])
        posted = request.method == "POST" and not asks
        only_look = "look" in request.POST
        form = act.form(request.POST) if posted else act.form()
        if posted and form.is_valid() and not only_look:
            assert isinstance(request.user, User)
            try:
                results = perform(act, rows, form.cleaned_data, by=request.user, now=now)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                self._report(request, act, results)
                return HttpResponseRedirect(back)
        if posted and only_look:
            # Who only looks need not have said why yet.
            form.errors.pop("reason", None)
        data = form.cleaned_data if posted and form.is_valid() else _initial(form)
        foreseen = foresee(act, rows, data, now)
        return TemplateResponse(
            request,
            "proactive/confirm.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                # The head of the page then leads back to the row.
                "original": None if several or rows[0]._state.adding else rows[0],
                "title": act.label,
                "act": act,
                "form": form,
                "rows": rows if several else [],
                "asks_again": len(form.fields) > 1,
                "post_to": (
                    reverse(f"admin:{self._url_name}_act_on_several", args=[act.name])
                    if several
                    else self._url(act, rows[0])
                ),
                "back": back,
                "done": [one for one in foreseen if not one.skipped][:SHOWN],
                "done_count": sum(not one.skipped for one in foreseen),
                "skipped": [one for one in foreseen if one.skipped][:SHOWN],
                "skipped_count": sum(one.skipped for one in foreseen),
            },
        )

    def _report(self, request: HttpRequest, act: Act, results: list[Foreseen]) -> None:
        done = [one for one in results if not one.skipped]
        skipped = [one for one in results if one.skipped]
        if len(done) == 1:
            self.message_user(request, f"{done[0].row}: {done[0].says}.", messages.SUCCESS)
        elif done:
            self.message_user(request, f"{act.label}: {len(done):,} done.", messages.SUCCESS)
        if skipped:
            whom = "; ".join(f"{one.row}: {one.says}" for one in skipped[:SHOWN])
            more = f"; and {len(skipped) - SHOWN:,} more" if len(skipped) > SHOWN else ""
            self.message_user(request, f"{len(skipped):,} skipped. {whom}{more}.", messages.WARNING)

    # --- Small things ---

    @property
    def _list_url(self) -> str:
        return reverse(f"admin:{self._url_name}_changelist")

    @property
    def _url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _url(self, act: Act, row: Model) -> str:
        return reverse(f"admin:{self._url_name}_act", args=[row.pk, act.name])

    def _page_of(self, row: Model) -> str:
        return reverse(f"admin:{self._url_name}_change", args=[row.pk])

    def _allowed(self, request: HttpRequest, name: str) -> Act:
        for act in self.acts:
            if act.name == name:
                if not act.allowed(request) or not self.has_view_permission(request):
                    raise PermissionDenied
                return act
        raise Http404

    def _rows(self, request: HttpRequest, given: list[str]) -> QuerySet[Any]:
        """The rows with the keys that are `given` that this user may see."""
        rows = self.get_queryset(request).filter(pk__in=keys(self.model, given[:MOST]))
        return rows.select_related(*self.acts_select_related).order_by("pk")


def _choose(act: Act) -> Callable[..., HttpResponse | None]:
    def choose(model_admin: ActingAdmin, request: HttpRequest, rows: QuerySet[Any]) -> Any:
        return model_admin.choose(request, rows, act)

    return choose


def _initial(form: forms.Form) -> dict[str, Any]:
    return {name: form.get_initial_for_field(one, name) for name, one in form.fields.items()}
