"""`/health/`: is this process up, does its database answer, and do texts go out?"""

from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from proactive import switches


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, else 503. Anybody may ask: it says what is, and not why."""
    try:
        switch = switches.everything()
    except Error:
        return JsonResponse({"status": "database unreachable"}, status=503)
    return JsonResponse({"status": "ok", "sending": switches.standing(switch, timezone.now())})
