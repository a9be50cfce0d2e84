"""Pictures of the back office with made-up people, for the documents: docs/screenshots/*.png.

`python -m scripts.screenshots [PAGE ...]`: those pages, else all of PAGES. Works on a database of
its own in a temporary folder, so that whatever is in var/ stays as it is. A page that does not
exist is left out with a message.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.serving import serving

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
CAREGIVERS = 300
LOGIN = "demo"
LOOKS = (("light", DESKTOP), ("dark", DESKTOP), ("phone", PHONE))


def main(wanted: list[str]) -> int:
    executable = chromium.find()
    if executable is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    with TemporaryDirectory(prefix="outreach-screenshots-") as name:
        folder = Path(name)
        database_url = f"sqlite:///{folder / 'demo.sqlite3'}"
        prepare(folder, database_url)
        pages = find_pages(wanted or list(PAGES))
        with serving(folder, database_url) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable, args=list(chromium.ARGUMENTS)
            )
            take(browser, site, pages)
    return 0


def prepare(folder: Path, database_url: str) -> None:
    """Made-up people, and what one sweep and its delivery make of them."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="caregiving.settings",
        DATABASE_URL=database_url,
        REDIS_URL="",
        BROKER_DIR=str(folder / "broker"),
        CONSOLE_SMS_LOG=str(folder / "sms.jsonl"),
        DEBUG="true",
        SECRET_KEY="only-for-screenshots",
        SMS_GATEWAY="console",
        DJANGO_ALLOW_ASYNC_UNSAFE="true",
    )
    import django
    from django.core.management import call_command

    django.setup()
    # Texts that go nowhere need not be told.
    logging.disable(logging.INFO)
    print("Making up people...", flush=True)
    call_command("migrate", verbosity=0)
    with (folder / "log").open("w") as log, redirect_stdout(log):
        call_command("seed_demo", caregivers=CAREGIVERS)
        call_command("sync_schedules")
        call_command("sweep")
        call_command("deliver")


# --- Which pages -------------------------------------------------------------------------------


def home() -> str:
    return "admin:index"


def people() -> str:
    return "admin:caregiving_caregiver_changelist"


def person() -> tuple[str, object]:
    """Somebody in a crisis, in whose life most has happened."""
    from django.db.models import Count

    from caregiving.models import Caregiver

    counted = Caregiver.objects.exclude(first_name="").annotate(
        texts=Count("messages", distinct=True),
        answers=Count("inbound", distinct=True),
        scored=Count("scores", distinct=True),
    )
    told = counted.filter(crisis_followup_count__range=(3, 6), scored__gt=2, answers__gt=0)
    someone = told.order_by("-texts", "pk").first() or counted.order_by("-texts", "pk").first()
    assert someone
    return "admin:caregiving_caregiver_change", someone.pk


def alert() -> tuple[str, object]:
    """A crisis follow-up that did not arrive."""
    from proactive.models import CareAlert

    still_open = CareAlert.objects.filter(resolved_at=None)
    first = still_open.filter(kind=CareAlert.Kind.FOLLOWUP_FAILED).first() or still_open.first()
    assert first
    return "admin:proactive_carealert_change", first.pk


def policy() -> str:
    return "admin:proactive_policy"


def first_day() -> str:
    return "admin:proactive_first_day"


def template_editor() -> tuple[str, object]:
    from proactive.models import MessageTemplate

    template = MessageTemplate.objects.get(cadence="crisis_followup", stage=1, language="en")
    return "admin:proactive_messagetemplate_change", template.pk


# The name of each picture, and the name of its page's address with an argument, if it takes one.
PAGES: dict[str, Callable[[], str | tuple[str, object]]] = {
    "home": home,
    "people": people,
    "person": person,
    "alert": alert,
    "policy": policy,
    "first-day": first_day,
    "template-editor": template_editor,
}


def find_pages(names: list[str]) -> dict[str, str]:
    """The path of each that exists."""
    from django.urls import NoReverseMatch, reverse

    found = {}
    for name in names:
        if name not in PAGES:
            raise SystemExit(f"There is no {name}; there are: {', '.join(PAGES)}.")
        target = PAGES[name]()
        address, *arguments = target if isinstance(target, tuple) else (target,)
        try:
            found[name] = reverse(str(address), args=arguments)
        except NoReverseMatch:
            print(f"{name}: left out, for there is no page {address}")
    return found


# --- Taking them -------------------------------------------------------------------------------


def take(browser: Browser, site: str, pages: dict[str, str]) -> None:
    # What these need is there once Django is set up.
    from django.contrib.auth.models import User

    from tests.browser.sessions import carry_session

    user = User.objects.get(username=LOGIN)
    FOLDER.mkdir(parents=True, exist_ok=True)
    total = 0
    for look, size in LOOKS:
        context = browser.new_context(
            viewport=size,
            color_scheme="dark" if look == "dark" else "light",
            reduced_motion="reduce",
            device_scale_factor=1,
        )
        carry_session(context, site, user)
        page = context.new_page()
        for name, path in pages.items():
            picture = FOLDER / f"{name}-{look}.png"
            page.goto(site + path, wait_until="networkidle")
            page.screenshot(path=picture)
            shrink(picture)
            total += picture.stat().st_size
            print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} KB", flush=True)
        context.close()
    print(f"{total / 1024 / 1024:.1f} MB in all")


def shrink(picture: Path) -> None:
    if pngquant := shutil.which("pngquant"):
        subprocess.run(
            [pngquant, "--force", "--skip-if-larger", "--output", picture, picture], check=False
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
