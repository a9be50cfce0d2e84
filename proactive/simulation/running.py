"""Starts worlds, each in a process of its own, and puts the results of their shards together.

What such a process is given is all that it could spoil: a scratch database, and settings without
credentials and without the address of anything real.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Protocol

from django.conf import settings

from caregiving.secret_files import SECRETS
from proactive.simulation.merging import merge
from proactive.simulation.spec import Spec

OURS = "proactive.simulation.outreach.Outreach"
# What a policy says to people and to staff is part of it; everything else is made up.
KEPT = (
    *("SERVICE_NAME", "PUBLIC_BASE_URL"),
    *("SWEEP_MULTIPLE", "SWEEP_CEILING", "OPT_OUT_CONFIRMATION"),
)


class WorldEnded(Exception):
    """A world ended before its time; the text is the last that it said."""


class Scratch(Protocol):
    """Where scratch databases come from."""

    def database(self, name: str) -> str:
        """The address of a new one, migrated and empty, for the world `name`."""
        ...


class SqliteScratch:
    """Files in a folder; the first is migrated and the others are copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def database(self, name: str) -> str:
        template = self.folder / "template.sqlite3"
        if not template.exists():
            migrate(f"sqlite:///{template}", self.folder)
        path = self.folder / f"{name}.sqlite3"
        path.write_bytes(template.read_bytes())
        return f"sqlite:///{path}"


def run(
    specs: Sequence[Spec],
    *,
    on_progress: Callable[[float], None] = lambda share: None,
    system: str = OURS,
    options: dict[str, Any] | None = None,
    plant: str = "",
    scratch: Scratch | None = None,
) -> dict[str, Any]:
    """Live through each of `specs`, all at once, and return their merged raw results.

    `on_progress` gets the share of the way, 0 to 1. Raises WorldEnded.
    """
    given = {"system": system, "options": options or {}, "plant": plant}
    with private_folder() as folder, ExitStack() as stack:
        databases = scratch or SqliteScratch(folder)
        worlds = [
            stack.enter_context(
                _World(
                    {**given, "spec": spec.as_json()},
                    databases.database(f"world-{number}"),
                    folder / f"world-{number}",
                )
            )
            for number, spec in enumerate(specs)
        ]
        progress = [0.0] * len(worlds)

        def told(number: int, share: float) -> None:
            progress[number] = share
            on_progress(sum(progress) / len(progress))

        ended: Queue[_World] = Queue()

        def listen(number: int, world: _World) -> None:
            world.listen(lambda share: told(number, share))
            ended.put(world)

        for number, world in enumerate(worlds):
            Thread(target=listen, args=(number, world), daemon=True).start()
        for _ in worlds:
            # One that ended before its time ends all.
            ended.get().result()
        return merge([world.result() for world in worlds])


def shards(spec: Spec, number: int | None = None) -> list[Spec]:
    """`spec` in as many parts as there are processors to live through them."""
    number = number or max(1, len(os.sched_getaffinity(0)))
    return [
        Spec.from_json({**spec.as_json(), "shard": shard, "shards": number})
        for shard in range(number)
    ]


@contextmanager
def private_folder() -> Iterator[Path]:
    """Readable by nobody else, and gone at the end whatever happens."""
    with TemporaryDirectory(prefix="outreach-world-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def migrate(database: str, folder: Path) -> None:
    """Build the tables at `database`."""
    ended = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"],
        env=environ(database, folder),
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise WorldEnded(f"its tables could not be made: {_last_words(ended.stderr)}")


def environ(database: str, folder: Path) -> dict[str, str]:
    """The whole environment of a world, with `folder` for what it writes."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(settings.BASE_DIR),
        # Sets of words are walked in the same order every time.
        "PYTHONHASHSEED": "0",
        "TMPDIR": str(folder),
        **{name: str(getattr(settings, name)) for name in KEPT},
        "SERVICE_TIME_ZONE": settings.TIME_ZONE,
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "caregiving.settings",
        "DEBUG": "false",
        "SECRET_KEY": "of-no-use-to-anybody",
        "ALLOWED_HOSTS": "localhost,testserver",
        "SMS_GATEWAY": "console",
        # Its provider lives in the same thread, in an order that the seed decides.
        "SMS_IN_FLIGHT": "1",
        "CONSOLE_SMS_LOG": str(folder / "sms.jsonl"),
        "BROKER_DIR": str(folder / "broker"),
        # Signs the webhooks of a world, and opens nothing outside it.
        "TWILIO_AUTH_TOKEN": "signs-simulated-webhooks",
        # Said to be empty, or they would be read from a file.
        **dict.fromkeys(
            (
                *(f"{name}_FILE" for name in SECRETS),
                *("DATABASE_PASSWORD", "METRICS_TOKEN", "SENTRY_DSN", "OPT_OUT_KEY"),
                *("DEAD_MANS_SWITCH_URL", "WEEKLY_REPORT_EMAIL"),
                *("REDIS_URL", "TWILIO_ACCOUNT_SID", "TWILIO_MESSAGING_SERVICE_SID"),
                *("TWILIO_FROM_NUMBER", "TWILIO_API_BASE_URL", "TWILIO_WEBHOOK_KEY"),
                *("EMAIL_URL", "EMAIL_FROM", "ALERT_ESCALATION_EMAIL", "SMS_PER_SECOND"),
                *("WEEKLY_REPORT_EMAIL", "DEAD_MANS_SWITCH_URL", "SENTRY_DSN"),
                *("ALLOW_TIME_TRAVEL", "PROXY_COUNT", "REQUIRE_SECOND_FACTOR"),
            ),
            "",
        ),
    }


class _World:
    """The process of one world, ended with the block in which it was started."""

    def __init__(self, given: dict[str, Any], database: str, folder: Path) -> None:
        self._given = given
        self._database = database
        self._folder = folder
        self._result: dict[str, Any] | None = None
        self._errors = folder / "errors"

    def __enter__(self) -> "_World":
        self._folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "proactive.simulation.world"],
            env=environ(self._database, self._folder),
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.open("w"),
            text=True,
        )
        assert self._process.stdin
        json.dump(self._given, self._process.stdin)
        self._process.stdin.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def listen(self, on_progress: Callable[[float], None]) -> None:
        """Until it ends."""
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            if "progress" in said:
                on_progress(said["progress"])
            else:
                self._result = said["result"]
        self._process.wait()

    def result(self) -> dict[str, Any]:
        if self._result is None:
            said = _last_words(self._errors.read_text()) or "it said nothing"
            raise WorldEnded(f"{said} (status {self._process.returncode})")
        return self._result


def _last_words(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
