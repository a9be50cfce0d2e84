from django.apps import AppConfig


class CaregivingConfig(AppConfig):
    name = "caregiving"
    verbose_name = "People"
