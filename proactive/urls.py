"""Addresses of the outreach: what Twilio calls, what our own clients call, the health checks, the
metrics."""

from django.urls import path

from proactive import webhooks
from proactive.api.routes import api
from proactive.health import health
from proactive.metrics import metrics
from proactive.readiness import ready

urlpatterns = [
    path("health/", health),
    path("api/v1/", api.urls),
    path("health/ready/", ready),
    path("metrics", metrics),
    path("webhooks/twilio/inbound/", webhooks.inbound),
    path("webhooks/twilio/status/<uuid:message_id>/", webhooks.status),
]
