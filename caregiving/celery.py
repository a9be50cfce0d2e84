"""The Celery application. It only rings: what is to be done stands in the database."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES["filesystem"] = "caregiving.broker:Transport"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")

app = Celery("caregiving")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
