"""Sweeps: what each found, queued and left for later, and letting one go on that was held."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import capfirst

from proactive import audit, blast_guard, deferring, tasks
from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.confirming import Act, ActingAdmin, Done, ReasonForm, Skip
from proactive.admin.exporting import ExportingAdmin
from proactive.cadences import CADENCES
from proactive.models import Sweep
from proactive.naming import in_words
from proactive.switches import Switchboard

NOT_WAITING = (
    "only a sweep that is held, that nobody has let go on yet and that is less than a day old can "
    "go on"
)


class WhyForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "Why are so many right?"
        self.fields["reason"].help_text = "It becomes the note of the alert."


def _foresee(sweep: Sweep, data: dict[str, Any], now: datetime) -> str:
    if not blast_guard.may_approve(sweep, now=now):
        raise Skip(NOT_WAITING)
    due = deferring.count_due(CADENCES, now=now, switchboard=Switchboard.load())
    told = [
        f"{in_words(name, None)} {n:,}{'+' * (n >= deferring.MOST)}" for name, n in due.items() if n
    ]
    if not told:
        return "Nobody is due now. Whoever falls due within the hour gets a text"
    return (
        f"Due now: {', '.join(told)}. Whoever is due for several gets the first of these only, and "
        "whoever falls due within the hour gets a text as well"
    )


def _perform(sweep: Sweep, data: dict[str, Any], by: User, now: datetime) -> Done:
    before = audit.snapshot(sweep, ("approved_at",))
    if not blast_guard.approve(sweep, by=by, reason=data["reason"], now=now):
        raise Skip(NOT_WAITING)
    # The next tick would come within a minute; whoever waits need not.
    transaction.on_commit(tasks.ring)
    sweep.refresh_from_db(fields=["approved_at"])
    until = now + blast_guard.APPROVAL_LASTS
    return Done(
        f"Let go on: the next sweep, within a minute, queues everybody who is due, and none is "
        f"held until {timezone.localtime(until):%H:%M}",
        audit.difference(before, sweep),
    )


LET_IT_GO_ON = Act(
    name="let_it_go_on",
    label="Let it go on",
    explains="The next sweep queues a text for everybody who is due, however many they are, and "
    "for an hour none is held. What is sent cannot be taken back.",
    permission="proactive.change_sweep",
    foresee=_foresee,
    perform=_perform,
    form=WhyForm,
    icon="play_arrow",
    in_bulk=False,
    offered=lambda sweep, now: blast_guard.may_approve(sweep, now=now),
)


@admin.register(Sweep)
class SweepAdmin(ActingAdmin, ExportingAdmin, ReadOnlyAdmin):
    acts = (LET_IT_GO_ON,)
    change_form_template = "proactive/sweep.html"
    empty_title = "No sweeps"
    empty_says = "One runs every minute while the worker and its clock do. Ask an operator."
    list_display = ("at", "outcome", "queued", "deferred", "superseded", "churned")
    list_filter = (
        "dry_run",
        ("held", admin.EmptyFieldListFilter),
        ("error", admin.EmptyFieldListFilter),
    )
    list_select_related = ("approved_by",)
    # Newest first, always: none of these columns has an index of its own.
    sortable_by = ()
    ordering = ("-started_at",)
    # The page is a template of its own.
    fields = ("now",)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        sweep = context["original"]
        counted = sweep if deferring.KEY in sweep.counts else deferring.last_counted(sweep)
        context |= {
            "title": capfirst(str(sweep)),
            "outcome": self.outcome(sweep),
            "counted": counted,
            "rows": _rows(sweep, counted),
            "legend": [
                (rule, deferring.RULE_SAYS.get(rule, ""))
                for rule in deferring.by_rule(counted.counts[deferring.KEY] if counted else {})
            ],
            "churned": self.churned(sweep),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="at")
    def at(self, sweep: Sweep) -> datetime:
        return sweep.now

    @admin.display(description="outcome")
    def outcome(self, sweep: Sweep) -> str:
        says = self._ended(sweep)
        return f"{says}, a dry run" if sweep.dry_run else says

    def _ended(self, sweep: Sweep) -> str:
        if sweep.approved_at:
            return f"held; {sweep.approved_by or 'somebody'} let it go on"
        if sweep.held:
            return "held: asks a person"
        if sweep.error:
            return "ended early"
        if sweep.finished_at is None:
            return "no end on record"
        return "finished, without a limit" if blast_guard.UNLIMITED in sweep.counts else "finished"

    @admin.display(description="queued")
    def queued(self, sweep: Sweep) -> str:
        return _told(sweep.counts.get("queued", {}))

    @admin.display(description="deferred by", empty_value="not counted")
    def deferred(self, sweep: Sweep) -> str | None:
        """By rule over all cadences, each of which counts a person anew."""
        if deferring.KEY not in sweep.counts:
            return None
        deferred = sweep.counts[deferring.KEY]
        more = "+" if any(map(deferring.is_lower_bound, deferred.values())) else ""
        told = (f"{rule} {n:,}{more}" for rule, n in deferring.by_rule(deferred).items())
        return ", ".join(told) or "-"

    @admin.display(description="superseded")
    def superseded(self, sweep: Sweep) -> str:
        return _told(sweep.counts.get("superseded", {}))

    @admin.display(description="churned")
    def churned(self, sweep: Sweep) -> int:
        return int(sweep.counts.get("churned", 0))


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{in_words(name, None)} {n:,}" for name, n in counts.items() if n) or "-"


def _rows(sweep: Sweep, counted: Sweep | None) -> list[dict[str, Any]]:
    """For each cadence what was queued, deferred by which rule, and superseded."""
    queued, superseded = (sweep.counts.get(part, {}) for part in ("queued", "superseded"))
    deferred = counted.counts if counted else {}
    # A cadence that is no more stands in the counts of then.
    names = dict.fromkeys([*(cadence.name for cadence in CADENCES), *queued])
    return [
        {
            "cadence": in_words(name, None),
            "queued": queued.get(name, 0),
            "superseded": superseded.get(name, 0),
            "deferred": deferring.in_words(deferred, name),
        }
        for name in names
    ]
