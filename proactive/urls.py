"""Addresses of the outreach: what Twilio calls."""

from django.urls import path

from proactive import webhooks

urlpatterns = [
    path("webhooks/twilio/inbound/", webhooks.inbound),
    path("webhooks/twilio/status/<uuid:message_id>/", webhooks.status),
]
