"""The page of the weekly report: any week that is over, beside the one before it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from proactive.admin.base import ReadOnlyAdmin
from proactive.admin.charts import compared_bars
from proactive.admin.moments import clock
from proactive.models import WeeklyReport
from proactive.weekly import presenting
from proactive.weekly.presenting import Chart, Section
from proactive.weekly.remembering import look
from proactive.weekly.weeks import Week

# So many labels want a chart of so many pixels.
_HEIGHT = 260


@admin.register(WeeklyReport)
class WeeklyReportAdmin(ReadOnlyAdmin):
    """In place of a list stands the newest report, with a way to every other week."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        newest = Week.last_ended(now)
        asked = request.GET.get("week", "").strip()
        week, problem = newest, ""
        try:
            week = Week.parse(asked) if asked else newest
        except ValueError as error:
            problem = f"{error} This is the newest."
        if week > newest:
            week, problem = newest, f"Week {week} is not over. This is the newest that is."
        report = look(week, now=now)
        sent_at = report.row.sent_at if report.row else None
        return TemplateResponse(
            request,
            "proactive/weekly_report.html",
            {
                **self.admin_site.each_context(request),
                "title": "Weekly report",
                "opts": self.opts,
                "week": week,
                "newest": newest,
                "problem": problem,
                "heading": presenting.title(report),
                "counted": presenting.counted(report),
                "is_kept": report.row is not None,
                "sent": sent_at and clock(sent_at, now=now),
                "headings": presenting.HEADINGS,
                "sections": [
                    {"number": number, "section": one, "chart": _drawn(one)}
                    for number, one in enumerate(presenting.sections(report), start=1)
                ],
                "height": _HEIGHT,
            },
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """A row of the table is the report of its week; nothing about it is changed."""
        row = self.get_object(request, object_id)
        if row is None or request.method == "POST" or not self.has_view_permission(request, row):
            raise PermissionDenied
        address = reverse("admin:proactive_weeklyreport_changelist")
        return HttpResponseRedirect(f"{address}?week={Week(row.monday)}")


def _drawn(section: Section) -> dict[str, str] | None:
    chart: Chart | None = section.chart
    if chart is None or not chart.bars:
        return None
    return compared_bars(
        [label for label, _, _ in chart.bars],
        {
            "Week before": [before for _, _, before in chart.bars],
            "This week": [now for _, now, _ in chart.bars],
        },
    )
