"""`/health/`: is this process up, does its database answer, and do texts go out?"""

from typing import Any

from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from proactive import running
from proactive.running import LastRun


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, else 503. Anybody may ask: it says what is, and not why.

    `last_sweep` is when one last came to its end and how many seconds ago; null if none ever did.
    That it is long ago is for a monitor to judge: this process is well all the same.
    """
    try:
        found = running.outreach(now=timezone.now())
    except Error:
        return JsonResponse({"status": "database unreachable"}, status=503)
    return JsonResponse(
        {"status": "ok", "sending": found.standing, "last_sweep": _in_numbers(found.last)}
    )


def _in_numbers(last: LastRun) -> dict[str, Any] | None:
    if last.sweep is None or last.age is None:
        return None
    return {"finished_at": last.sweep.finished_at, "age": int(last.age.total_seconds())}
