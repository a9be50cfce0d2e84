"""The processes of one scenario: started, killed, and never left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

WORKERS = ("worker-1", "worker-2")


class Processes:
    """Each in a process group of its own, so that its children go with it."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._folder = folder
        self.environ = environ
        self._running: dict[str, subprocess.Popen[str]] = {}
        for name in ("kill", "nap", "log"):
            (folder / name).mkdir()

    def start(self, name: str, *command: str) -> "subprocess.Popen[str]":
        with (self._folder / "log" / name).open("a") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *command],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if name == "twilio" else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        return self._running[name]

    def start_worker(self, name: str) -> None:
        self.start(
            name,
            *("tests.chaos.breaking", "celery", "-A", "caregiving", "worker"),
            *("--concurrency", "1", "--loglevel", "INFO", "--hostname", f"{name}@localhost"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        )

    def start_beat(self, name: str) -> None:
        self.start(
            name,
            *("tests.chaos.breaking", "celery", "-A", "caregiving", "beat"),
            *("--loglevel", "INFO", "--pidfile", "", "--max-interval", "1"),
        )

    def start_web(self, port: int) -> None:
        self.start(
            "web",
            *("tests.chaos.breaking", "gunicorn", "caregiving.wsgi", "--preload"),
            *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "4"),
        )

    def kill(self, name: str) -> None:
        """A power cut for the whole group."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @contextlib.contextmanager
    def without_children(self) -> Iterator[None]:
        """Kills whoever is at work in a worker; only afterwards the workers fork somebody new."""
        workers = [psutil.Process(self._running[name].pid) for name in WORKERS]
        for worker in workers:
            worker.suspend()
        children = [child for worker in workers for child in worker.children()]
        for child in children:
            child.kill()
        # Only then are their connections closed. Who would bury them is suspended.
        wait_until(lambda: all(map(_is_dead, children)), "the children are dead")
        try:
            yield
        finally:
            for worker in workers:
                worker.resume()

    def restart_worker(self, name: str) -> None:
        self.kill(name)
        self.start_worker(name)

    def killed(self) -> list[str]:
        """At which points somebody died, in order."""
        record = self._folder / "killed"
        return record.read_text().splitlines() if record.exists() else []

    def look_after(self) -> int:
        """Starts workers again that have ended, as whoever runs them does; returns how many.

        Celery's gives up when a child of its is killed at birth. Nothing else may end by itself.
        """
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        for name in ended:
            if name not in WORKERS:
                raise AssertionError(f"{name} ended by itself: {self.last_words(name)}")
            self.restart_worker(name)
        return len(ended)

    def last_words(self, name: str, count: int = 12) -> str:
        lines = (self._folder / "log" / name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Fake:
    """The fake Twilio's remote control, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, **content: Any) -> dict[str, Any]:
        return self._request("POST", path, content)

    def state(self) -> dict[str, Any]:
        return self._request("GET", "/_fake/state", None)

    def _request(self, method: str, path: str, content: Any) -> dict[str, Any]:
        import json

        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(method, path, json.dumps(content) if content is not None else None)
            return dict(json.load(connection.getresponse()))
        finally:
            connection.close()


def wait_until(holds: Any, what: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)
