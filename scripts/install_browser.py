"""Have a Chromium for the browser tests and the screenshots: find one, else install one.

Run as `python -m scripts.install_browser`. Debian's package needs root; elsewhere Playwright
downloads its own.
"""

import os
import shutil
import subprocess
import sys

from tests.browser import chromium


def main() -> int:
    if path := chromium.find():
        print(f"Chromium is here: {path}")
        return 0
    for name, commands in ways():
        print(f"Installing Chromium with {name}...", flush=True)
        if all(run(command) for command in commands) and (path := chromium.find()):
            print(f"Chromium is here now: {path}")
            return 0
    print(
        "Chromium could not be installed; the reason stands above. Install it by hand, or set "
        "CHROMIUM to the path of one.",
        file=sys.stderr,
    )
    return 1


def ways() -> list[tuple[str, list[list[str]]]]:
    """What can be tried on this machine, in order."""
    possible = []
    if shutil.which("apt-get") and os.geteuid() == 0:
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
        possible.append(("apt-get", [["apt-get", "update", "--quiet"], install]))
    possible.append(("Playwright", [[sys.executable, "-m", "playwright", "install", "chromium"]]))
    return possible


def run(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
