"""Addresses of the outreach: what Twilio calls, what our own clients call, the health check."""

from django.urls import path

from proactive import webhooks
from proactive.api.routes import api
from proactive.health import health

urlpatterns = [
    path("health/", health),
    path("api/v1/", api.urls),
    path("webhooks/twilio/inbound/", webhooks.inbound),
    path("webhooks/twilio/status/<uuid:message_id>/", webhooks.status),
]
