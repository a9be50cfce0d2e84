"""The real web server on the database of the tests: gunicorn, static files collected, no DEBUG."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS_TO_START = 60


@contextmanager
def serving(folder: Path, database_url: str) -> Iterator[str]:
    """Yields its address. What it writes, its log too, goes to `folder`."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "DATABASE_URL": database_url,
        "BROKER_DIR": str(folder / "broker"),
        "CONSOLE_SMS_LOG": str(folder / "sms.jsonl"),
        "DEBUG": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_BASE_URL": address,
        "STATIC_ROOT": str(folder / "static"),
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "-m", "django", "collectstatic", "--noinput", "--verbosity", "0"],
        env=environ,
        check=True,
    )
    log = folder / "web.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "caregiving.wsgi"),
                *("--bind", f"127.0.0.1:{port}", "--threads", "4", "--no-control-socket"),
            ],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(f"{address}/admin/login/", server, log)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(
        f"The web server does not answer:\n{log.read_text(errors='replace')[-3000:]}"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
