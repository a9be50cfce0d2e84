"""The page "First day": whom the next 24 hours would text, before anything is switched on."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from caregiving.convex.models import ConvexImport
from caregiving.convex.rejects import KEPT, kept_lines
from proactive import first_day
from proactive.admin.exporting import BYTE_ORDER_MARK, csv_lines
from proactive.admin.importing import PERMISSION as MAY_IMPORT
from proactive.admin.policy import state_of
from proactive.clocks import local
from proactive.first_day import FirstDay, Share
from proactive.models import CadenceSwitch
from proactive.switches import Switchboard

if TYPE_CHECKING:
    from proactive.admin.switches import CadenceSwitchAdmin


def page(model_admin: "CadenceSwitchAdmin", request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    board = Switchboard(
        {one.cadence: one for one in CadenceSwitch.objects.select_related("changed_by")}
    )
    day = first_day.look(now=now)
    moved = ConvexImport.objects.defer("rejects").first()

    def switch(name: str) -> dict[str, Any]:
        row = board.of(name)
        return {
            "row": row,
            "state": state_of(row, now),
            "acts": model_admin.offered_acts(request, row, now),
        }

    return TemplateResponse(
        request,
        "proactive/first_day.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": "First day",
            "day": day,
            "people": _many(day.people),
            "everybody": _many(day.everybody),
            "most_at_once": _many(day.most_at_once),
            "limit": _many(day.limit.people) if day.limit else "",
            "until": now + first_day.SPAN,
            "everything": switch(CadenceSwitch.EVERYTHING),
            "cadences": [
                {
                    "share": share,
                    "people": _many(share.people),
                    "samples": [_sample(share, number) for number in range(len(share.samples))],
                    **switch(share.cadence.name),
                }
                for share in day.shares
            ],
            "hours": [_hour(day, hour) for hour in day.hours],
            "moved": moved,
            "bad": _many(moved.bad) if moved else "",
            "may_import": request.user.has_perm(MAY_IMPORT),
            "kept": _many(KEPT),
            "zone": settings.TIME_ZONE,
        },
    )


def rejects(request: HttpRequest) -> HttpResponse:
    """What the last import could not take, with the reasons, as CSV."""
    if not request.user.has_perm(MAY_IMPORT):
        raise PermissionDenied
    moved = ConvexImport.objects.first()
    if moved is None or not moved.rejects:
        raise Http404
    lines = "".join(csv_lines(kept_lines(moved.rejects)))
    return HttpResponse(
        BYTE_ORDER_MARK + lines,
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="rejected.csv"',
            "Cache-Control": "no-store",
        },
    )


def _sample(share: Share, number: int) -> dict[str, Any]:
    sample = share.samples[number]
    return {
        "person": sample.person,
        "stage": sample.step.stage,
        "when": local(sample.at, sample.person),
        "body": sample.body,
    }


def _hour(day: FirstDay, hour: datetime) -> dict[str, Any]:
    counts = [(share.cadence.label, share.by_hour[hour]) for share in day.shares]
    return {
        "from": hour,
        "counts": [(label, _many(count)) for label, count in counts],
        "sum": _many(sum(count for _, count in counts)),
    }


def _many(number: int) -> str:
    return f"{number:,}"
