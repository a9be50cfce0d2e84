"""The processes of a demonstration: started together, stopped together."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "var" / "log"
SECONDS_TO_START = 60
SECONDS_TO_STOP = 10


class Stop(Exception):
    """Somebody asked us to stop."""


class Trouble(Exception):
    """What went wrong and what to do next, in words for the person at the keyboard."""


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

    def wait_for(self, address: str, name: str) -> None:
        """Returns when the process `name` answers at `address`."""
        deadline = time.monotonic() + SECONDS_TO_START
        while not _answers(address):
            self.check()
            if time.monotonic() > deadline:
                log = _last_lines(LOGS / f"{name}.log")
                raise Trouble(f"The {name} process does not answer.\n{log}")
            time.sleep(0.2)

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


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _last_lines(log: Path, count: int = 15) -> str:
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"  {line}" for line in lines)
