"""Breaks the system on purpose, one way at a time: each mutant must be caught by the scenarios.

`python -m tests.chaos.mutants [--only NAME] [--most SCENARIOS] [--db sqlite|postgres]` works on
copies of the tree, tries both databases in turn, and prints which scenario caught which mutant. The
status is 1 if one survived.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROMISE = re.compile(r"^    ((?:once|cap|consent|hours|accounted|reports): .*)$", re.MULTILINE)
ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ("caregiving", "proactive", "tests", "manage.py", "pyproject.toml")


@dataclass(frozen=True)
class Mutant:
    """`changes`: file, what stands there, what stands there instead."""

    name: str
    changes: tuple[tuple[str, str, str], ...]


MUTANTS = (
    Mutant("none: the system as it is", ()),
    Mutant(
        "resend on absence",
        (
            (
                "proactive/reconciliation.py",
                "    if not news:\n        return False\n",
                "    if not news:\n"
                "        Message.objects.filter(pk=message.pk, status=Status.UNKNOWN).update(\n"
                "            status=Status.QUEUED, gate_before=None, look_up_at=None\n"
                "        )\n"
                "        return False\n",
            ),
        ),
    ),
    Mutant(
        "no commit before submitting",
        (
            (
                "proactive/marking.py",
                "    if Message.objects.mark_sending(keys, now=now) != len(keys):\n",
                "    if not keys:\n",
            ),
            (
                "proactive/models/messages.py",
                "TAKEN_UNSEEN = (Status.SENDING, Status.UNKNOWN)\n",
                "TAKEN_UNSEEN = (Status.QUEUED, Status.SENDING)\n",
            ),
            (
                "proactive/models/messages.py",
                "            (Status.SENDING,), status=Status.UNKNOWN,",
                "            (Status.QUEUED, Status.SENDING), status=Status.UNKNOWN,",
            ),
        ),
    ),
    Mutant(
        "no second look before submitting",
        (
            (
                "proactive/marking.py",
                "    caregiver = message.caregiver\n    found = declaration(message)\n",
                '    if message.cadence:\n        return ""\n'
                "    caregiver = message.caregiver\n    found = declaration(message)\n",
            ),
        ),
    ),
    Mutant(
        "statuses applied backwards",
        (
            (
                "proactive/models/messages.py",
                "    lower = RANKED[: RANKED.index(status)]\n",
                "    lower = RANKED\n",
            ),
        ),
    ),
    Mutant(
        "gate by read-then-write",
        (
            (
                "proactive/sweeps.py",
                "        with transaction.atomic():\n"
                "            # Lock first, ask afterwards: what a statement finds that began after "
                "the locks were\n"
                "            # taken stays true until commit.\n"
                "            locked = accounting.lock_free(keys)\n"
                "            drafts = self._drafts(cadence, "
                "_due_among(cadence, now=self.now, keys=locked))\n",
                "        drafts = self._drafts(cadence, "
                "_due_among(cadence, now=self.now, keys=keys))\n"
                "        with transaction.atomic():\n",
            ),
        ),
    ),
    Mutant(
        "a lease that ends in the queue",
        (
            (
                "proactive/reconciliation.py",
                "        return message.mark_unknown(\n",
                "        Message.objects.filter(pk=message.pk).update(\n"
                "            gate_before=None, stage=message.stage\n"
                "        )\n"
                "        return message.mark_queued_again(\n"
                '            retry_at=None, code="", reason="again"\n'
                "        ) or message.mark_unknown(\n",
            ),
        ),
    ),
    Mutant(
        "a broken connection counts as never opened",
        (
            (
                "proactive/sms/twilio.py",
                '    return Outcome.UNKNOWN, "The connection broke before Twilio answered"\n',
                '    return Outcome.BUSY, "The connection broke before Twilio answered"\n',
            ),
        ),
    ),
    Mutant(
        "a timeout counts as sent",
        (
            (
                "proactive/recording.py",
                "message.mark_unknown(reason=reason, look_up_at=now + FIRST_LOOK_UP)\n",
                "message.mark_sent(now=now, provider_sid=str(message.pk))\n",
            ),
        ),
    ),
    Mutant(
        "a counter that moves without its row",
        (
            (
                "proactive/claiming.py",
                "for step, theirs in drafts.items() for draft in theirs]\n",
                "for step, theirs in drafts.items() for draft in theirs[1:]]\n",
            ),
        ),
    ),
    Mutant(
        "a text that says stop is only kept",
        (
            (
                "proactive/receiving.py",
                "    if intent == Intent.STOP:\n",
                "    if intent == Intent.STOP and not text_is_kept():\n",
            ),
            (
                "proactive/receiving.py",
                "def _mark_replied(",
                "def text_is_kept() -> bool:\n    return True\n\n\ndef _mark_replied(",
            ),
        ),
    ),
    Mutant(
        "local hours of the wrong zone",
        (
            (
                "proactive/clocks.py",
                "self.opens <= now.astimezone(zone).hour < self.closes for zone in places",
                "self.opens <= now.hour < self.closes for zone in places",
            ),
        ),
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.mutants", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--only", metavar="NAME", help="one of them, by a part of its name")
    parser.add_argument("--most", type=int, default=12, help="scenarios before it has survived")
    parser.add_argument("--db", choices=["sqlite", "postgres"], help="on this database only")
    options = parser.parse_args()
    databases = [options.db] if options.db else ["postgres", "sqlite"]
    survivors = 0
    for mutant in MUTANTS:
        if options.only and options.only not in mutant.name:
            continue
        began = time.monotonic()
        if not mutant.changes:
            caught = _hunt(mutant, databases, len(databases))
            wrong = bool(caught)
            outcome = f"CAUGHT: {caught}" if caught else "kept its promises"
        else:
            caught = _hunt(mutant, databases, options.most)
            wrong = not caught
            outcome = f"dead: {caught}" if caught else f"SURVIVED {options.most} scenarios"
        survivors += wrong
        print(f"{mutant.name}: {outcome} ({time.monotonic() - began:.0f} s)", flush=True)
    print("Not as it should be." if survivors else "All mutants are dead, and only they.")
    return 1 if survivors else 0


def _hunt(mutant: Mutant, databases: list[str], most: int) -> str:
    """The first promise that a scenario found broken; "" if none was."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        _copy(tree)
        for file, before, after in mutant.changes:
            text = (tree / file).read_text()
            if text.count(before) != 1:
                raise SystemExit(f"{mutant.name}: {file} has changed, mend the mutant")
            (tree / file).write_text(text.replace(before, after))
        for number in range(most):
            database = databases[number % len(databases)]
            # Not whatever else may go wrong with a mutant, such as that it sends nothing.
            if broken := PROMISE.search(_scenario(tree, database, seed=number + 1)):
                return broken[1]
    return ""


def _scenario(tree: Path, database: str, *, seed: int) -> str:
    return subprocess.run(
        [
            *(sys.executable, "-m", "tests.chaos"),
            *("--db", database, "--runs", "1", "--seed", str(seed)),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "TMPDIR": str(tree.parent)},
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _copy(tree: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)


if __name__ == "__main__":
    sys.exit(main())
