"""Today's policy and a changed one on the same people: what `manage.py simulate` prints and the
page in the admin keeps and shows."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from proactive.simulation import copying, ledger, policy, presenting, running
from proactive.simulation.spec import SYNTHETIC, Spec

# Into how many worlds the people of one policy are parted, each a process. Not the number of this
# machine's cores: the same seed shall give the same on every machine.
SHARDS = 2

# Share of the way, from 0 to 1.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Request:
    """What is asked: `people` at most, over `days`, under today's policy and under `changes`.

    `synthetic`: of made-up people instead of a copy of the real ones. `silent`: nobody writes, has
    a crisis or signs up. `faults`: with outages, crashes and everything else that breaks.
    `segment_cost`: US dollars for one segment; None: what the service is set to.
    """

    days: int = 30
    people: int = 2000
    seed: int = 1
    synthetic: bool = False
    silent: bool = False
    faults: bool = False
    changes: tuple[str, ...] = ()
    segment_cost: float | None = None

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Request":
        return cls(**{**given, "changes": tuple(given.get("changes", ()))})

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "changes": list(self.changes), "segment_cost": self.price}

    @property
    def price(self) -> float:
        return settings.SMS_SEGMENT_COST if self.segment_cost is None else self.segment_cost


class Unanswered(Exception):
    """There is no answer; the text says why, and what to do."""


def compare(
    request: Request, *, on_progress: Progress = lambda share: None, now: datetime | None = None
) -> dict[str, Any]:
    """Run `request` and return what came of it, as plain JSON that is ready to show.

    Nothing is written to the database of this process and nothing is sent: worlds are processes of
    their own on scratch databases. The copy of the people is in a folder that only this user can
    read, and is removed whatever happens. Raises Unanswered for a change that cannot be made, for
    a database without people, and for a world that died.
    """
    now = now or timezone.now()
    try:
        changes = policy.parse(request.changes)
        in_words = policy.describe(changes)
        off = {} if request.synthetic else _switched_off(changes)
    except ValueError as error:
        raise Unanswered(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        population, everybody, taken = SYNTHETIC, request.people, request.people
        if not request.synthetic:
            path = Path(folder) / "population"
            copied = copying.copy_population(path, most=request.people, seed=request.seed, now=now)
            if not copied.taken:
                raise Unanswered(
                    "There is nobody in this database to copy. Try it on made-up people: "
                    "choose them on the page, or add --synthetic on the command line."
                )
            population, everybody, taken = str(path), copied.people, copied.taken
        spec = Spec(
            seed=request.seed,
            people=taken,
            days=request.days,
            starts=now,
            population=population,
            silent=request.silent,
            faults=request.faults,
        )
        try:
            today, changed = _run(spec, request.changes, on_progress)
        except running.WorldEnded as error:
            raise Unanswered(f"A simulated world ended before its time: {error}") from error
    scale = everybody / taken

    def shown(raw: dict[str, Any]) -> dict[str, Any]:
        return presenting.present(raw["figures"], segment_cost=request.price, scale=scale)

    return {
        "request": request.as_json(),
        "from": now.isoformat(),
        "people": {"all": everybody, "taken": taken},
        "changes": in_words,
        "switched_off": off,
        "today": shown(today),
        "changed": shown(changed) if changed else None,
        "broken_promises": {
            "today": _judgement(today, request),
            "changed": _judgement(changed, request) if changed else None,
        },
        "ledger": {
            "today": ledger.summary(today["ledger"]),
            "changed": ledger.summary(changed["ledger"]) if changed else None,
        },
    }


def _switched_off(changes: list[policy.Change]) -> dict[str, str]:
    """{setting: label} of what staff or the system have off, which a copy has off as well; without
    what is changed, as that is told there."""
    changed = {change.key for change in changes}
    return {
        one.key: one.of
        for one in policy.settable()
        if one.value is False and one.key not in changed
    }


def _judgement(raw: dict[str, Any], request: Request) -> dict[str, Any]:
    """How often which promise was broken. The sentences that tell of whom only of made-up people:
    a result is kept, and seen by people who may not see everybody."""
    examples = raw["judgement"]["examples"] if request.synthetic else {}
    return {**raw["judgement"], "examples": examples}


def _run(
    spec: Spec, changes: tuple[str, ...], on_progress: Progress
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What became of today's policy, and of the changed one if it is another."""
    arms = [spec, *([replace(spec, changes=changes)] if changes else [])]
    results = []
    for done, arm in enumerate(arms):

        def told(share: float, done: int = done) -> None:
            on_progress((done + share) / len(arms))

        results.append(running.run(running.shards(arm, SHARDS), on_progress=told))
    on_progress(1.0)
    today, *changed = results
    return today, changed[0] if changed else None
