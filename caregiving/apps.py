from django.apps import AppConfig


class CaregivingConfig(AppConfig):
    name = "caregiving"
    verbose_name = "Care"

    def ready(self) -> None:
        from django.conf import settings
        from django.contrib.auth.signals import user_logged_in

        from caregiving import error_reports
        from caregiving.middleware import note_sign_in

        if settings.SENTRY_DSN:
            error_reports.begin(settings.SENTRY_DSN)
        user_logged_in.connect(note_sign_in)
