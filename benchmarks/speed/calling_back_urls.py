"""All addresses of the project, and a webhook that checks its signature and does nothing."""

from uuid import UUID

from django.http import HttpResponse
from django.urls import path

from caregiving.urls import handler400, handler404
from caregiving.urls import urlpatterns as of_project
from proactive.webhooks import Fields, signed

__all__ = ["handler400", "handler404", "urlpatterns"]


@signed("empty")
def empty(fields: Fields, message_id: UUID) -> HttpResponse:
    return HttpResponse()


urlpatterns = [*of_project, path("empty/<uuid:message_id>/", empty)]
