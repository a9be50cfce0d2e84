"""The Celery application. It only rings: what is to be done stands in the database."""

import os
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES["filesystem"] = "caregiving.broker:Transport"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")

app = Celery("caregiving")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_to_our_log(**_: Any) -> None:
    """Celery would write lines of its own kind, which nothing masks; `--loglevel` has no say."""
    from django.conf import settings

    dictConfig(settings.LOGGING)
