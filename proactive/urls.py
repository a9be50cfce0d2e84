"""Addresses of the outreach: what Twilio calls, and the health check."""

from django.urls import path

from proactive import webhooks
from proactive.health import health

urlpatterns = [
    path("health/", health),
    path("webhooks/twilio/inbound/", webhooks.inbound),
    path("webhooks/twilio/status/<uuid:message_id>/", webhooks.status),
]
