"""What runs inside each process of a scenario: a moved clock, and points at which it dies.

    python -m tests.chaos.breaking celery -A caregiving worker ...
    python -m tests.chaos.breaking gunicorn caregiving.wsgi ...

The folder named by CHAOS_DIR is the remote control. `clock` has the seconds to add to the real
time. A file `kill/POINT` has whichever process comes to that point first remove it and die there,
as by a power cut. A file `nap/POINT` has it pause there once, so that others get in between: for
as many seconds as the file says. If it says a word after them, only a call waits that is about it.
"""

import contextlib
import functools
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("CHAOS_DIR", "/nonexistent"))

# Between queueing, marking, submitting and recording, and inside reconciliation: function by
# function, before it and after it. Those inside a transaction are taken back by the crash.
WORKER_POINTS = (
    "proactive.sweeps:_Run._claim",
    "proactive.sweeps:_Run._drafts",
    "proactive.claiming:_close_gates",
    "proactive.accounting:lock_free",
    "proactive.delivery:mark_next",
    "proactive.models.messages:MessageQuerySet.mark_sending",
    "proactive.sms.twilio:TwilioGateway.send",
    "proactive.recording:_record_together",
    "proactive.models.messages:MessageQuerySet.mark_sent",
    "proactive.recording:_record_sent",
    "proactive.models:Message.mark_sent",
    "proactive.recording:_record_error",
    "proactive.models:Message.mark_unknown",
    "proactive.reconciliation:_expire",
    "proactive.models:Message.claim_look_up",
    "proactive.sms.twilio:TwilioGateway.find",
    "proactive.reconciliation:apply_report",
)
WEB_POINTS = (
    "proactive.webhooks:receive",
    "proactive.webhooks:take_receipt",
    "proactive.webhooks:apply_report",
)


def points(targets: tuple[str, ...]) -> list[str]:
    return [f"{target}:{when}" for target in targets for when in ("before", "after")]


def move_the_clock() -> None:
    """Has Django's clock follow the file; whoever measures how long something takes does not."""
    from django.utils import timezone

    timezone.now = lambda: datetime.now(UTC) + timedelta(seconds=offset())


def offset() -> float:
    try:
        return float((FOLDER / "clock").read_text())
    except FileNotFoundError:
        return 0.0


def break_at(targets: tuple[str, ...]) -> None:
    """Wraps each function so that a process may nap or die before and after it."""
    from importlib import import_module

    for target in targets:
        module, _, path = target.partition(":")
        *owners, name = path.split(".")
        owner: Any = functools.reduce(getattr, owners, import_module(module))
        setattr(owner, name, _breakable(target, getattr(owner, name)))


def _breakable(target: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def breakable(*args: Any, **options: Any) -> Any:
        _pass(f"{target}:before", args)
        result = function(*args, **options)
        _pass(f"{target}:after", args)
        return result

    return breakable


def _pass(point: str, about: tuple[Any, ...]) -> None:
    nap = FOLDER / "nap" / point
    with contextlib.suppress(FileNotFoundError):
        seconds, _, word = nap.read_text().partition(" ")
        if word in repr(about) and _take(nap):
            time.sleep(float(seconds))
    if _take(FOLDER / "kill" / point):
        with (FOLDER / "killed").open("a") as killed:
            killed.write(f"{point}\n")
        os.kill(os.getpid(), signal.SIGKILL)


def _take(file: Path) -> bool:
    """Whether it was there, and we were the one who took it away."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True


def main() -> None:
    name, *arguments = sys.argv[1:]
    sys.argv = [name, *arguments]
    move_the_clock()
    import django

    django.setup()
    if name == "gunicorn":
        break_at(WEB_POINTS)
        from gunicorn.app.wsgiapp import run

        run()
    elif "worker" in arguments:
        break_at(WORKER_POINTS)
        runpy.run_module("celery", run_name="__main__")
    else:
        runpy.run_module("celery", run_name="__main__")


if __name__ == "__main__":
    main()
