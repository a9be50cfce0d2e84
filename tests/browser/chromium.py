"""Where Chromium is on this machine, and how it is started."""

import os
from pathlib import Path

from playwright.sync_api import ViewportSize

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

MISSING = (
    "No Chromium on this machine: `make browser` installs it (as root on Debian or Ubuntu), or set "
    "CHROMIUM to the path of one."
)
USUAL_PLACES = ("/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    # No page reaches anything but this machine, and waits for nothing else.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find() -> str | None:
    """The path of an executable: what CHROMIUM names, the usual places, else Playwright's own.

    None where there is none. Raises FileNotFoundError for a CHROMIUM that is not there.
    """
    if named := os.environ.get("CHROMIUM"):
        if not Path(named).exists():
            raise FileNotFoundError(f"CHROMIUM names {named}, which is not there.")
        return named
    for place in USUAL_PLACES:
        if Path(place).exists():
            return place
    downloaded = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright"))
    return next(
        (
            str(one)
            for one in sorted(downloaded.expanduser().glob("chromium-*/chrome-linux*/chrome"))
        ),
        None,
    )
