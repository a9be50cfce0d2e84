"""The project's settings, with a provider that is given up on sooner than in real life."""

from caregiving.settings import *  # noqa: F403
from caregiving.settings import DATABASES

SMS_TIMEOUT_SECONDS = 1.0
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Processes are killed, not the machine: waiting for the disk would only slow everything down.
    _init = DATABASES["default"]["OPTIONS"]["init_command"]
    DATABASES["default"]["OPTIONS"]["init_command"] = _init.replace("FULL", "OFF")
LOGGING["root"]["level"] = "INFO"  # noqa: F405
if not REDIS_URL:  # noqa: F405
    CELERY_BROKER_TRANSPORT_OPTIONS["polling_interval"] = 0.1  # noqa: F405
