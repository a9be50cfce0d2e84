"""Whether the promises held, read from the provider's log; only what is owed comes from the rows.

Each check returns the violations as sentences. What the provider accepted is what counts: a request
that it refused, or that never reached it, texted nobody.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from proactive.cadences import BY_NAME
from proactive.default_copy import DEFAULT_COPY
from proactive.delivery import LONGEST_HOLD
from tests.chaos.people import Person

DAY_SECONDS = 24 * 3600
# Clocks are stepped by up to 90 s while texts are under way.
STEP_SECONDS = 100
# A text that was marked before the opt-out was recorded may still be on its way: so long a worker
# may hold it, and as long again for a busy machine to open a connection. See proactive/delivery.py.
ON_ITS_WAY_SECONDS = 2 * LONGEST_HOLD.total_seconds()


@dataclass(frozen=True)
class Accepted:
    """A text that the provider took."""

    number: str
    message_id: str
    cadence: str
    variant: str
    time: float
    sid: str

    @property
    def is_stage(self) -> bool:
        return self.variant.isdecimal()


class Log:
    def __init__(self, path: Path) -> None:
        self.entries = [json.loads(line) for line in path.read_text().splitlines()]

    def of(self, event: str) -> Iterator[dict]:
        return (entry for entry in self.entries if entry["event"] == event)

    @property
    def accepted(self) -> list[Accepted]:
        return [
            Accepted(
                entry["params"]["To"],
                entry["params"]["StatusCallback"].rstrip("/").rpartition("/")[2],
                *_which(entry["params"]["Body"]),
                entry["time"],
                entry["sid"],
            )
            for entry in self.of("create")
            if entry["outcome"] == "accepted"
        ]

    def opt_outs(self, stop_words: frozenset[str]) -> dict[str, float]:
        """When each number's first opt-out was acknowledged."""
        first: dict[str, float] = {}
        for entry in self.of("inbound"):
            if entry["http_status"] == 200 and entry["params"]["Body"] in stop_words:
                first.setdefault(entry["params"]["From"], entry["time"])
        return first

    def last_words(self) -> dict[str, set[str]]:
        """By SID, the statuses whose reports the system acknowledged."""
        told: dict[str, set[str]] = {}
        for entry in self.of("callback"):
            if entry.get("http_status") in (200, 204):
                params = entry["params"]
                told.setdefault(params["MessageSid"], set()).add(params["MessageStatus"])
        return told


def broken_promises(log: Log, people: list[Person], stop_words: frozenset[str]) -> Iterator[str]:
    """Violations of once, cap, consent and hours."""
    accepted = sorted(log.accepted, key=lambda one: one.time)
    yield from _once(accepted)
    yield from _cap(accepted)
    yield from _consent(accepted, log.opt_outs(stop_words))
    yield from _hours(accepted, {one.number: ZoneInfo(one.zone) for one in people})


def _once(accepted: list[Accepted]) -> Iterator[str]:
    for message_id, count in Counter(one.message_id for one in accepted).items():
        if count > 1:
            yield f"once: text {message_id} was accepted {count} times"
    # Nobody here has a second occasion, so a stage's words may come once in a lifetime.
    stages = Counter((one.number, one.cadence, one.variant) for one in accepted if one.is_stage)
    for (number, cadence, stage), count in stages.items():
        if count > 1:
            yield f"once: {number} got stage {stage} of {cadence} {count} times"


def _cap(accepted: list[Accepted]) -> Iterator[str]:
    for number in {one.number for one in accepted}:
        theirs = [one for one in accepted if one.number == number]
        for first, second in pairwise(theirs):
            apart = second.time - first.time
            if apart < DAY_SECONDS:
                yield (
                    f"cap: {number} got {first.cadence} {first.variant} and {second.cadence} "
                    f"{second.variant} {apart / 3600:.2f} h apart"
                )


def _consent(accepted: list[Accepted], opt_outs: dict[str, float]) -> Iterator[str]:
    for one in accepted:
        since = opt_outs.get(one.number)
        if since is not None and one.time > since + ON_ITS_WAY_SECONDS:
            yield (
                f"consent: {one.number} got {one.cadence} {one.variant} "
                f"{one.time - since:.1f} s after an opt-out was acknowledged"
            )


def _hours(accepted: list[Accepted], zones: dict[str, ZoneInfo]) -> Iterator[str]:
    for one in accepted:
        window = BY_NAME[one.cadence].window
        at = datetime.fromtimestamp(one.time, UTC).astimezone(zones[one.number])
        since_midnight = at.hour * 3600 + at.minute * 60 + at.second
        early = since_midnight < window.opens * 3600 - STEP_SECONDS
        late = since_midnight > window.closes * 3600 + STEP_SECONDS
        if early or late:
            yield f"hours: {one.number} got {one.cadence} at {at:%a %H:%M:%S}, window {window}"


# --- What the rows say ---


def unaccounted(log: Log, now: datetime) -> Iterator[str]:
    """Obligations without an end, texts in between, and reports that were taken in and lost."""
    from proactive.models import CareAlert, Message, Status
    from proactive.promises import check_promises

    report = check_promises(now=now)
    if report.unaccounted:
        yield f"accounted: {report.unaccounted} crisis follow-ups have no end"
    for message in Message.objects.filter(status=Status.SENDING):
        yield f"accounted: {message} since {message.attempt_started_at}"
    asked = CareAlert.objects.values_list("message_id", flat=True)
    for message in Message.objects.filter(status=Status.UNKNOWN).exclude(pk__in=asked):
        yield f"accounted: {message} since {message.attempt_started_at}, and nobody was asked"
    rows = {str(one.pk): one for one in Message.objects.all()}
    told = log.last_words()
    for one in log.accepted:
        row = rows[one.message_id]
        statuses = told.get(one.sid, set())
        if "delivered" in statuses and row.status != Status.DELIVERED:
            yield f"reports: {row} although its delivery was reported and acknowledged"
        if statuses and row.provider_sid != one.sid:
            yield f"reports: {row} has {row.provider_sid}, was reported as {one.sid}"


def _which(body: str) -> tuple[str, str]:
    """Cadence and stage or tier, by the words, as the person who got them would tell."""
    for (cadence, variant), pattern in _PATTERNS.items():
        if pattern.fullmatch(body):
            return cadence, variant
    raise LookupError(f"nobody wrote these words: {body}")


def _pattern(words: str) -> re.Pattern[str]:
    pieces = re.split(r"\$\w+", words)
    # The first text that somebody gets opens with the service's name.
    return re.compile(r"(?:\w+: )?" + r".{0,60}?".join(map(re.escape, pieces)))


_PATTERNS = {step: _pattern(words["en"]) for step, words in DEFAULT_COPY.items()}
