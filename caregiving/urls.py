"""Addresses: the admin and the health check; webhooks live under /webhooks/twilio/."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from caregiving.health import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("health/", health),
    path("", include("proactive.urls")),
]
