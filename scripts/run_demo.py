"""Everything on this machine, with made-up people and a gateway that only prints.

Sets up the database, starts the web server, a Celery worker and beat, and shows what to look at.
Ctrl-C or SIGTERM stops all of it; when one part dies, so do the others. Running it again goes on
where it was.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

import environ

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "var" / "log"
CAREGIVERS = 2000
SECONDS_TO_STOP = 10
TEXTS_SHOWN = 5
PER_SECONDS = 15

SCREEN = """
  {service} runs here with made-up people. Texts are printed, never sent.

  Open      http://localhost:{port}/admin/
  Log in    user demo, password demo

  Look at   Caregivers: open one, and see which rule lets or stops each kind of text
            Messages: what went out, what waits, and why something did not go
            Care alerts: what a person must look at
            Cadence switches: turn one kind of text off, or everything

  Or ask    .venv/bin/python manage.py explain {number}
            .venv/bin/python manage.py forecast {number}

  Logs      var/log/web.log, var/log/worker.log, var/log/beat.log
  Texts     {sms_log}, and below, as they go out (night is night: in the
            small hours there may be none)

  Stop      Ctrl-C. `make run` goes on where it was; `rm -r var` before it starts afresh.
"""


class Stop(Exception):
    """Somebody asked us to stop."""


class Trouble(Exception):
    """What went wrong and what to do next, in words for the person at the keyboard."""


def main() -> int:
    os.chdir(ROOT)
    processes = Processes()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, processes.ask_to_stop)
    try:
        port = prepare_environment()
        set_up(processes)
        texts = Texts(LOGS / "worker.log")
        start(processes, port)
        show(port)
        while True:
            processes.check()
            texts.show_new()
            time.sleep(0.5)
    except Stop:
        print("\nStopping...", flush=True)
        return 0
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr, flush=True)
        return 1
    finally:
        processes.stop()


def prepare_environment() -> int:
    """Sets what nobody has set, and refuses what a demonstration must not touch."""
    environ.Env.read_env(ROOT / ".env")
    try:
        port = int(os.environ.get("PORT") or 8000)
    except ValueError:
        raise Trouble("PORT must be a number, such as: make run PORT=8001") from None
    os.environ.setdefault("DEBUG", "true")
    os.environ.setdefault("SMS_GATEWAY", "console")
    os.environ.setdefault("PUBLIC_BASE_URL", f"http://localhost:{port}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")
    # So that logs are written line by line, and texts show up as they go out.
    os.environ["PYTHONUNBUFFERED"] = "1"

    sys.path.insert(0, str(ROOT))
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        gateway, debug = settings.SMS_GATEWAY, settings.DEBUG
    except ImproperlyConfigured as error:
        raise Trouble(str(error)) from error
    if gateway != "console":
        raise Trouble(
            f"SMS_GATEWAY is {gateway}: made-up people must not get real texts.\n"
            "Try: SMS_GATEWAY=console make run"
        )
    if not debug:
        raise Trouble(
            "DEBUG is off, and this is a demonstration with a known password.\n"
            "Try: DEBUG=true make run. To deploy, see docker-compose.yml."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise Trouble(f"Port {port} is not allowed. Try: make run PORT=8001") from error
        except OSError as error:
            raise Trouble(
                f"Port {port} is taken, perhaps by another `make run`. Stop that one, "
                f"or try: make run PORT={port + 1}"
            ) from error
        except OverflowError as error:
            raise Trouble(f"There is no port {port}. Try: make run PORT=8001") from error
    return port


def set_up(processes: "Processes") -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    for step, arguments in (
        ("Preparing the database", ["migrate", "--noinput"]),
        ("Making up people", ["seed_demo", "--caregivers", str(CAREGIVERS)]),
        ("Setting the clock", ["sync_schedules"]),
    ):
        print(f"{step}...", flush=True)
        processes.run(arguments[0], [sys.executable, "manage.py", *arguments])


def start(processes: "Processes", port: int) -> None:
    celery = [sys.executable, "-m", "celery", "-A", "caregiving"]
    print("Starting the web server, the worker and the clock...", flush=True)
    processes.start(
        "web", [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    )
    processes.start("worker", [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2"])
    # No pid file: one that a crash left behind would keep beat from starting.
    processes.start("beat", [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""])

    from caregiving.celery import app

    # Whoever tries this out should not wait for the clock to tick.
    app.send_task("proactive.tasks.tick", expires=60)

    deadline = time.monotonic() + 60
    while not _answers(f"http://127.0.0.1:{port}/health/"):
        processes.check()
        if time.monotonic() > deadline:
            raise Trouble(f"The web server does not answer.\n{_last_lines(LOGS / 'web.log')}")
        time.sleep(0.2)


def show(port: int) -> None:
    import django
    from django.conf import settings

    django.setup()
    from caregiving.models import Caregiver

    someone = Caregiver.objects.active().filter(last_crisis_event_at__isnull=False).first()
    sms_log = settings.CONSOLE_SMS_LOG
    print(
        SCREEN.format(
            service=settings.SERVICE_NAME,
            port=port,
            number=someone.phone_number if someone else "PHONE",
            sms_log=sms_log.relative_to(ROOT) if sms_log.is_relative_to(ROOT) else sms_log,
        ),
        flush=True,
    )


class Processes:
    """What runs for us, each in a process group of its own, so that its children stop with it."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stop_requests = 0

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        # Only counted here: an exception in the midst of starting a process would lose sight of it.
        self._stop_requests += 1

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (LOGS / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._running[name]

    def run(self, name: str, command: list[str]) -> None:
        process = self.start(name, command)
        while process.poll() is None:
            self._stop_if_asked()
            time.sleep(0.05)
        del self._running[name]
        if process.returncode:
            raise Trouble(
                f"`manage.py {' '.join(command[2:])}` failed:\n{_last_lines(LOGS / f'{name}.log')}"
            )

    def check(self) -> None:
        """Raises Stop when somebody asked for it, Trouble when a process has ended."""
        self._stop_if_asked()
        for name, process in self._running.items():
            if process.poll() is not None:
                log = LOGS / f"{name}.log"
                raise Trouble(
                    f"The {name} process ended (status {process.returncode}), so everything stops. "
                    f"The end of {log.relative_to(ROOT)}:\n{_last_lines(log)}"
                )

    def stop(self) -> None:
        asked_before = self._stop_requests
        # Only to the first of each group: a worker lets its children finish what they are at.
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while any(process.poll() is None for process in self._running.values()):
            # Asked again means: no more waiting.
            if time.monotonic() > deadline or self._stop_requests > asked_before:
                break
            time.sleep(0.1)
        # Also where the first process of a group is gone: its children may not be.
        for process in self._running.values():
            # macOS answers PermissionError for a group that has only zombies left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _stop_if_asked(self) -> None:
        if self._stop_requests:
            raise Stop


class Texts:
    """Prints the texts that the console gateway wrote into the worker's log, numbers masked.

    A sweep of thousands must not scroll the screen away: some are shown, the others counted.
    """

    _LINE = re.compile(r"SMS to (\+\d{4})\d*(\d{4}): (.*)")

    def __init__(self, log: Path) -> None:
        self._log = log
        self._position = 0
        self._since = 0.0
        self._shown = self._hidden = 0

    def show_new(self) -> None:
        if time.monotonic() - self._since > PER_SECONDS:
            if self._hidden:
                print(f"... and {self._hidden} more", flush=True)
            self._since = time.monotonic()
            self._shown = self._hidden = 0
        for start, end, body in self._new():
            if self._shown < TEXTS_SHOWN:
                print(f"SMS to {start}***{end}: {body}", flush=True)
                self._shown += 1
            else:
                self._hidden += 1

    def _new(self) -> Iterator[tuple[str, str, str]]:
        with self._log.open("rb") as log:
            log.seek(self._position)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._position += len(line)
                if match := self._LINE.search(line.decode(errors="replace")):
                    yield match[1], match[2], match[3]


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _last_lines(log: Path, count: int = 15) -> str:
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"  {line}" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
