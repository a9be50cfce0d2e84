"""Misbehaviour at random, by fractions, all of it drawn from one seeded generator."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from tests.fake_twilio.steps import Step

_STEPS = {
    "drop_before": Step(drop=True, accept=False),
    "drop_after": Step(drop=True, accept=True),
    "slow_after": Step(),
    "error_500_before": Step(status=500, accept=False),
    "error_500_after": Step(status=500, accept=True),
    "busy_429": Step(status=429, code=20429, headers={"Retry-After": "1"}),
}


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong: fractions from 0 to 1. By default nothing does.

    What befalls a text and its callbacks is drawn when it is requested, so texts taken earlier
    keep their fate when the faults change. Where a script has a step, the first group is not asked.
    """

    # Requests to send: the connection drops, the answer is slow or an error, before or after the
    # text is taken. They exclude each other, so together they are at most 1.
    drop_before: float = 0
    drop_after: float = 0
    slow_after: float = 0
    error_500_before: float = 0
    error_500_after: float = 0
    busy_429: float = 0
    codes: dict[str, float] = field(default_factory=dict)  # refusals by Twilio's error code
    slow_seconds: float = 12

    # Texts that were taken, by the error code with which they end as undelivered.
    fail: dict[str, float] = field(default_factory=dict)

    # Callbacks, each by itself.
    lose: float = 0
    repeat: float = 0  # comes again, after the one that follows
    reorder: float = 0  # comes only after the one that follows
    wrong_sid: float = 0  # names a text that nobody knows
    unknown_status: float = 0  # is preceded by a status and fields that nobody knows

    # Seconds, on the fake's clock, before a text appears in the list.
    list_lag: float = 0

    def __post_init__(self) -> None:
        for name in ("codes", "fail"):
            if not all(code.isdecimal() for code in getattr(self, name)):
                raise ValueError(f"{name} maps error codes to fractions")
        requests = self._requests().values()
        callbacks = [self.lose, self.repeat, self.reorder, self.wrong_sid, self.unknown_status]
        fractions = [*requests, *self.fail.values(), *callbacks]
        if not all(0 <= fraction <= 1 for fraction in fractions):
            raise ValueError("a fraction goes from 0 to 1")
        # Ten tenths are a little more than 1 in binary.
        if max(sum(requests), sum(self.fail.values())) > 1 + 1e-9:
            raise ValueError("what excludes each other adds up to more than 1")
        if not (self.list_lag >= 0 and 0 <= self.slow_seconds <= 3600):
            raise ValueError("list_lag and slow_seconds are seconds")

    def draw_step(self, random: Random) -> Step:
        drawn = _draw(random, self._requests())
        if drawn is None:
            return Step()
        step = _STEPS.get(drawn) or Step.refusal(int(drawn))
        return replace(step, delay=self.slow_seconds) if drawn == "slow_after" else step

    def draw_failure(self, random: Random) -> int | None:
        code = _draw(random, self.fail)
        return int(code) if code else None

    def _requests(self) -> dict[str, float]:
        return {**{name: getattr(self, name) for name in _STEPS}, **self.codes}


def _draw(random: Random, chances: Mapping[str, float]) -> str | None:
    """One of the keys, each with its own chance, or none of them."""
    point = random.random()
    for key, chance in chances.items():
        point -= chance
        if point < 0:
            return key
    return None
