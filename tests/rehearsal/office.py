"""What staff do under Cadences.

`python -m tests.rehearsal.office INSTANT CADENCE ACT FIELD=VALUE...`

By the pages themselves, with their forms, questions and refusals. Prints the page that asks before
anything is done, and then how the cadence stands.
"""

import sys
from datetime import datetime
from html import unescape
from re import sub

import django

from tests.rehearsal import clock


def main(instant: str, cadence: str, act: str, *fields: str) -> None:
    clock.put(datetime.fromisoformat(instant))
    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from proactive.models import CadenceSwitch

    # Its files are not collected here.
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    lead, _ = User.objects.get_or_create(username="lead", is_staff=True, is_superuser=True)
    client = Client(raise_request_exception=True)
    client.force_login(lead)
    url = reverse("admin:proactive_cadenceswitch_act", args=[cadence, act])
    typed = dict(field.split("=", 1) for field in fields) | {"reason": "the rehearsal"}
    asked = client.post(url, {**typed, "look": "1"}, secure=True)
    print(_words(asked.content.decode()))
    done = client.post(url, typed, secure=True)
    if done.status_code != 302:
        sys.exit(f"{act} was refused ({done.status_code}):\n{_words(done.content.decode())}")
    switch = CadenceSwitch.objects.get(cadence=cadence)
    print(f"{cadence}: {'on' if switch.is_on else 'off'}, for {switch.share} % of people")


def _words(page: str) -> str:
    """What stands on the page, a line each."""
    _, _, main = page.partition("<main")
    main, _, _ = main.partition("</main")
    text = unescape(sub(r"<[^>]*>", "\n", sub(r"(?s)<(script|style).*?</\1>", "", f"<main{main}")))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    main(*sys.argv[1:])
