"""Exits 0 when the part of the system in this container works: `healthcheck.py [web|beat]`."""

import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen


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

    from proactive.scheduling import MAY_BE_QUIET_FOR, tick_entry

    tick = tick_entry()
    # Staff may have stopped everything on purpose: then there is nothing to ring.
    if tick is None or not tick.enabled:
        return
    if tick.last_run_at is None or timezone.now() - tick.last_run_at > MAY_BE_QUIET_FOR:
        sys.exit(f"beat has rung nothing for {MAY_BE_QUIET_FOR}")


if __name__ == "__main__":
    {"web": web, "beat": beat}[sys.argv[1] if len(sys.argv) > 1 else "web"]()
