"""Addresses of the outreach: the health check."""

from django.urls import path

from proactive.health import health

urlpatterns = [
    path("health/", health),
]
