"""The page "What if?": asking what another policy would do, and looking at what came out."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from proactive.admin import simulation_results as results
from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.admin.exporting import BYTE_ORDER_MARK, csv_lines
from proactive.admin.moments import clock
from proactive.admin.simulation_forms import AskForm, meanwhile, whom
from proactive.admin.simulation_tables import Result
from proactive.clocks import length
from proactive.models import Simulation
from proactive.simulation import background

PERMISSION = "proactive.simulate"
State = Simulation.State


class StopForm(ReasonForm):
    """Why it is not wanted any more."""


def _is_unfinished(simulation: Simulation, now: datetime) -> bool:
    return simulation.state_at(now) in (State.WAITING, State.RUNNING)


def _foresee(simulation: Simulation, data: dict[str, Any], now: datetime) -> str:
    if not _is_unfinished(simulation, now):
        raise Skip("it has its end already")
    return "It ends here, without a result. Whatever waits behind it begins"


def _perform(simulation: Simulation, data: dict[str, Any], by: User, now: datetime) -> Done:
    if not background.stop(simulation, now=now):
        raise Skip("it has its end already")
    return Done("Stopped", {"state": [simulation.state, State.STOPPED.value]})


STOP = Act(
    name="stop",
    label="Stop it",
    explains="What it has worked out so far is lost. You can ask again at any time.",
    permission=PERMISSION,
    foresee=_foresee,
    perform=_perform,
    form=StopForm,
    icon="stop_circle",
    in_bulk=False,
    offered=_is_unfinished,
)


@admin.register(Simulation)
class SimulationAdmin(ActingAdmin, ReadOnlyAdmin):
    acts = (STOP,)
    change_form_template = "proactive/simulation.html"
    change_list_template = "proactive/simulation_list.html"
    empty_title = "Nobody has asked yet"
    empty_says = (
        "Ask what another rhythm would do to your people before anybody switches it on: nothing is "
        "written to them and nothing is sent."
    )
    list_display = ("question", "different", "people", "days", "by", "created_at", "how_it_stands")
    list_filter = ("state",)
    list_select_related = ("by",)
    search_fields = ("question",)
    ordering = ("-created_at",)
    # The page is a template of its own.
    fields = ("question",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def get_urls(self) -> list[URLPattern]:
        name, wrap = "proactive_simulation", self.admin_site.admin_view
        return [
            path("<path:object_id>/progress/", wrap(self.progress), name=f"{name}_progress"),
            path("<path:object_id>/csv/", wrap(self.as_csv), name=f"{name}_csv"),
            path("<path:object_id>/json/", wrap(self.as_json), name=f"{name}_json"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Simulation]:
        return super().get_queryset(request).defer("result")

    # --- The list ---

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        background.wake_if_idle(now=timezone.now())
        return super().changelist_view(request, extra_context)

    @admin.display(description="what is different")
    def different(self, simulation: Simulation) -> str:
        return simulation.changed or "nothing: today's policy"

    @admin.display(description="people")
    def people(self, simulation: Simulation) -> str:
        return whom(simulation.request)

    @admin.display(description="days")
    def days(self, simulation: Simulation) -> int:
        return int(simulation.request["days"])

    @admin.display(description="state")
    def how_it_stands(self, simulation: Simulation) -> str:
        state = simulation.state_at(timezone.now())
        return f"{state.label}, {simulation.progress} %" if state == State.RUNNING else state.label

    # --- Asking ---

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form; a POST asks. `?like=` fills it in as another question was."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            form = AskForm(request.POST)
            if form.is_valid():
                assert isinstance(request.user, User)
                asked = background.ask(
                    form.cleaned_data["question"],
                    form.request(),
                    changed=form.in_words(),
                    by=request.user,
                    now=timezone.now(),
                )
                return HttpResponseRedirect(self._page_of(asked))
        else:
            form = AskForm(initial=self._like(request))
        return TemplateResponse(
            request,
            "proactive/simulation_form.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "What if?",
                "form": form,
                "back": self._list_url,
            },
        )

    def _like(self, request: HttpRequest) -> dict[str, Any]:
        key = request.GET.get("like", "")
        model = self.get_object(request, key) if key else None
        return AskForm.initial_like(model) if isinstance(model, Simulation) else {}

    # --- What came out ---

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        simulation, now = context["original"], timezone.now()
        background.wake_if_idle(now=now)
        state = simulation.state_at(now)
        context |= {
            "title": simulation.question,
            "state": state,
            "is_unfinished": _is_unfinished(simulation, now),
            "says": _says(simulation, now),
            "whom": whom(simulation.request),
            "meanwhile": meanwhile(simulation.request),
            "may_ask": self.has_add_permission(request),
            "again_url": f"{reverse('admin:proactive_simulation_add')}?like={simulation.pk}",
            "results": results.of(simulation.result) if simulation.result else None,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def progress(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """How far it has come; the page asks every two seconds."""
        simulation, now = self._found(request, object_id), timezone.now()
        return JsonResponse(
            {
                "state": simulation.state_at(now).value,
                "unfinished": _is_unfinished(simulation, now),
                "progress": simulation.progress,
                "says": _says(simulation, now),
            },
            headers={"Cache-Control": "no-store"},
        )

    def as_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """All tables of the page, below each other."""
        simulation, result = self._to_download(request, object_id)
        lines = csv_lines(results.lines(result))
        return _file(simulation, "csv", BYTE_ORDER_MARK + "".join(lines), "text/csv")

    def as_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything that came out, as it is kept."""
        simulation, result = self._to_download(request, object_id)
        text = results.as_json(result)
        return _file(simulation, "json", text, "application/json")

    def _to_download(self, request: HttpRequest, object_id: str) -> tuple[Simulation, Result]:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        simulation = self._found(request, object_id)
        if simulation.state != State.DONE or simulation.result is None:
            raise Http404
        return simulation, simulation.result

    def _found(self, request: HttpRequest, object_id: str) -> Simulation:
        if not self.has_view_permission(request):
            raise PermissionDenied
        simulation = self.get_object(request, object_id)
        if simulation is None:
            raise Http404
        return simulation


def _says(simulation: Simulation, now: datetime) -> str:
    """How it stands, for whoever waits for it."""
    state = simulation.state_at(now)
    if state == State.WAITING:
        if Simulation.objects.running().exists():
            return "It waits until another one has ended: one runs at a time."
        return "It begins in a moment."
    if state == State.RUNNING:
        assert simulation.started_at is not None
        ran = max(now - simulation.started_at, timedelta())
        return f"{simulation.progress} % after {length(ran)}."
    if state == State.BROKEN_OFF:
        return "It broke off, such as when the server is started anew. Start it again."
    if state == State.FAILED:
        return f"It failed. {simulation.error}"
    assert simulation.finished_at is not None
    return f"{state.label} at {clock(simulation.finished_at, now=now)}."


def _file(simulation: Simulation, ending: str, text: str, content_type: str) -> HttpResponse:
    name = f"what-if-{timezone.localtime(simulation.created_at):%Y-%m-%d}-{simulation.pk}.{ending}"
    return HttpResponse(
        text,
        content_type=f"{content_type}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
