"""Addresses: the admin, and what the outreach answers to."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/second-factor/", include("proactive.signing_in.urls")),
    path("admin/policy/", RedirectView.as_view(pattern_name="admin:proactive_policy")),
    path("admin/", admin.site.urls),
    path("", include("proactive.urls")),
]

handler400 = "caregiving.errors.bad_request"
handler404 = "caregiving.errors.not_found"
