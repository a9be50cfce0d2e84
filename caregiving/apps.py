from django.apps import AppConfig


class CaregivingConfig(AppConfig):
    name = "caregiving"
    verbose_name = "Care"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from caregiving.middleware import note_sign_in

        user_logged_in.connect(note_sign_in)
