"""Exits 0 when the part of the system in this container works: `healthcheck.py [web|beat]`."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

# Beat writes down what it rang about every three minutes.
BEAT_MAY_BE_QUIET_FOR = timedelta(minutes=10)


def web() -> None:
    # Asked under a name that Django answers to; the container's own address is not one.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    address = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/health/"
    # Raises for an answer other than 200.
    urlopen(Request(address, headers={"Host": "localhost" if host in ("", "*") else host}))


def beat() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")
    import django

    django.setup()
    from django.utils import timezone
    from django_celery_beat.models import PeriodicTask

    enabled = PeriodicTask.objects.filter(name="tick", enabled=True)
    recent = timezone.now() - BEAT_MAY_BE_QUIET_FOR
    # Staff may have stopped everything on purpose: then there is nothing to ring.
    if enabled.exists() and not enabled.filter(last_run_at__gte=recent).exists():
        sys.exit(f"beat has rung nothing for {BEAT_MAY_BE_QUIET_FOR}")


if __name__ == "__main__":
    {"web": web, "beat": beat}[sys.argv[1] if len(sys.argv) > 1 else "web"]()
