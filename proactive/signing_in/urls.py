"""Addresses of one's own second factor, under that of the back office."""

from django.urls import path

from proactive.signing_in import views

urlpatterns = [
    path("", views.overview, name="second_factor"),
    path("code/", views.code, name="second_factor_code"),
    path("set-up/", views.set_up, name="second_factor_set_up"),
    path("backup-codes/", views.backup_codes, name="second_factor_backup_codes"),
]
