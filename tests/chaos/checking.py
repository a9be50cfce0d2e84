"""Whether the promises held, read from the provider's log; only what is owed comes from the rows.

Each check returns the violations as sentences. What the provider accepted is what counts: a request
that it refused, or that never reached it, texted nobody. The standard stands here, in the numbers
and words of the design, and is not asked of the code that is judged.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from proactive.default_copy import DEFAULT_COPY
from tests.chaos.people import Person

DAY_SECONDS = 24 * 3600
# Local hours in which each cadence may send.
WINDOWS = {
    "crisis_followup": (8, 21),
    "wellness": (9, 20),
    "dormant_reactivation": (11, 20),
    "assessment_reminder": (9, 20),
    "onboarding_nudge": (9, 20),
}
# Clocks are stepped by up to 90 s while texts are under way.
STEP_SECONDS = 100
# A text that was marked before the opt-out was recorded may still be on its way: a worker may hold
# it for 2 s, and a busy machine takes as long again to open a connection.
ON_ITS_WAY_SECONDS = 4
# How much the provider's words about a text say; the highest that was acknowledged must stand.
RANKS = {"sent": 1, "failed": 2, "undelivered": 3, "delivered": 4}


@dataclass(frozen=True)
class Accepted:
    """A text that the provider took; `time` by the moved clock, `real` by that on the wall."""

    number: str
    message_id: str
    cadence: str
    variant: str
    time: float
    real: float
    sid: str

    @property
    def is_stage(self) -> bool:
        return self.variant.isdecimal()


class Log:
    def __init__(self, path: Path) -> None:
        self.entries = [json.loads(line) for line in path.read_text().splitlines()]

    def of(self, event: str) -> Iterator[dict[str, Any]]:
        return (entry for entry in self.entries if entry["event"] == event)

    @property
    def accepted(self) -> list[Accepted]:
        return [
            Accepted(
                entry["params"]["To"],
                entry["params"]["StatusCallback"].rstrip("/").rpartition("/")[2],
                *_which(entry["params"]["Body"]),
                entry["time"],
                entry["real"],
                entry["sid"],
            )
            for entry in self.of("create")
            if entry["outcome"] == "accepted"
        ]

    def opt_outs(self, stop_words: frozenset[str]) -> dict[str, dict[str, Any]]:
        """By number, its first opt-out that was acknowledged."""
        first: dict[str, dict[str, Any]] = {}
        for entry in self.of("inbound"):
            if entry["http_status"] == 200 and entry["params"]["Body"] in stop_words:
                first.setdefault(entry["params"]["From"], entry)
        return first

    def reports(self, *, acknowledged: bool) -> dict[str, str]:
        """By SID, the highest status that was reported, or that the system acknowledged.

        What was reported includes what got lost: the provider tells it to whoever asks.
        """
        highest: dict[str, str] = {}
        for entry in self.of("callback"):
            if entry.get("http_status") == 200 or not acknowledged:
                status = entry["params"]["MessageStatus"]
                status = status if status in RANKS else "sent"  # it says that it has the text
                sid = entry["params"]["MessageSid"]
                highest[sid] = max(highest.get(sid, "sent"), status, key=RANKS.__getitem__)
        return highest


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


def _consent(accepted: list[Accepted], opt_outs: dict[str, dict[str, Any]]) -> Iterator[str]:
    for one in accepted:
        opt_out = opt_outs.get(one.number)
        if opt_out is None or one.real < opt_out["real"]:
            continue
        # On the wall little time passes while the moved clock leaps, and the other way round while
        # it steps back.
        later = max(one.real - opt_out["real"], one.time - opt_out["time"])
        if later > ON_ITS_WAY_SECONDS:
            yield (
                f"consent: {one.number} got {one.cadence} {one.variant} {later:.1f} s after an "
                "opt-out was acknowledged"
            )


def _hours(accepted: list[Accepted], zones: dict[str, ZoneInfo]) -> Iterator[str]:
    for one in accepted:
        opens, closes = WINDOWS[one.cadence]
        at = datetime.fromtimestamp(one.time, UTC).astimezone(zones[one.number])
        since_midnight = at.hour * 3600 + at.minute * 60 + at.second
        early = since_midnight < opens * 3600 - STEP_SECONDS
        late = since_midnight > closes * 3600 + STEP_SECONDS
        if early or late:
            yield f"hours: {one.number} got {one.cadence} at {at:%a %H:%M:%S}"


# --- What the rows say ---


def unaccounted(log: Log, now: datetime) -> Iterator[str]:
    """Obligations without an end, texts in between, and rows that tell another story."""
    from proactive.models import CareAlert, Message
    from proactive.promises import BEFORE_RECORDS, check_promises

    report = check_promises(now=now)
    if report.unaccounted:
        yield f"accounted: {report.unaccounted} crisis follow-ups have no end"
    if before := report.outcomes[BEFORE_RECORDS]:
        yield f"accounted: {before} crisis follow-ups are counted and have no row"
    asked = set(
        CareAlert.objects.filter(message__isnull=False).values_list("message_id", flat=True)
    )
    rows = {str(one.pk): one for one in Message.objects.all()}
    for row in rows.values():
        if row.status == "sending" or (row.status == "unknown" and row.pk not in asked):
            yield f"accounted: {row} since {row.attempt_started_at}, and nobody was asked"
    yield from _other_stories(log, rows)


def _other_stories(log: Log, rows: dict[str, Any]) -> Iterator[str]:
    accepted = {one.message_id: one for one in log.accepted}
    acknowledged = log.reports(acknowledged=True)
    reported = log.reports(acknowledged=False)
    for key, row in rows.items():
        one = accepted.get(key)
        if one is None:
            if row.status in ("sent", "delivered", "undelivered") or row.provider_sid:
                yield f"reports: {row}, but the provider never took it"
            continue
        at_least = RANKS[acknowledged[one.sid]] if one.sid in acknowledged else 0
        at_most = RANKS[reported.get(one.sid, "sent")]
        rank = RANKS.get(row.status, 0)
        if row.status != "unknown" and not (rank and row.provider_sid == one.sid):
            yield f"reports: {row} as {row.provider_sid}, but the provider took it as {one.sid}"
        elif not at_least <= rank <= at_most:
            yield f"reports: {row}, between {at_least} and {at_most} was reported"


def idle(log: Log, stop_words: frozenset[str]) -> Iterator[str]:
    """What did not happen, without which the rest would prove little."""
    accepted = len(log.accepted)
    # On a quiet machine there are some forty; a crowded one gets less done in the same time.
    if accepted < 5:
        yield f"idle: only {accepted} texts went out"
    if not log.opt_outs(stop_words):
        yield "idle: nobody opted out"
    if not log.reports(acknowledged=True):
        yield "idle: no report was acknowledged"


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
