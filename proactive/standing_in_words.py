"""Where a person stands in each staged cadence, in words: how far it has come, and what is next.

Everything comes from the declarations; a further cadence is told of like the others.
"""

from dataclasses import dataclass
from datetime import datetime

from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.clocks import local
from proactive.declaring import Cadence, Step
from proactive.models import Message, Status
from proactive.naming import away


@dataclass(frozen=True)
class StagedStanding:
    """One staged cadence of one person.

    `done` of `count` stages are dealt with: sent, overtaken or given up. `last` is the last text of
    this occasion that was to go out. `next_due` is when the next stage falls due, or fell due if it
    still fits; None when none is left or the cadence is not for them as things stand. `so_far` and
    `then` say the same in words.
    """

    cadence: str
    label: str
    since: datetime
    done: int
    count: int
    last: Message | None
    next_due: datetime | None
    so_far: str
    then: str

    @property
    def says(self) -> str:
        return f"{self.so_far}; {self.then}"


def standing_in_words(caregiver: Caregiver, *, now: datetime) -> list[StagedStanding]:
    """The staged cadences whose event is on record, highest priority first; times are local.

    Reads the texts of the occasions that count now, in one query.
    """
    anchored = [
        (cadence, since)
        for cadence in CADENCES
        if cadence.due and (since := cadence.anchor.of(caregiver)) is not None
    ]
    texts = _texts(caregiver, [since for _, since in anchored])
    return [
        _standing(cadence, since, texts.get((cadence.name, since), []), caregiver, now)
        for cadence, since in anchored
    ]


def _texts(
    caregiver: Caregiver, occasions: list[datetime]
) -> dict[tuple[str, datetime], list[Message]]:
    found: dict[tuple[str, datetime], list[Message]] = {}
    rows = caregiver.messages.standing().filter(stage__isnull=False, occasion__in=occasions)
    for row in rows.order_by("stage"):
        assert row.occasion is not None
        found.setdefault((row.cadence, row.occasion), []).append(row)
    return found


def _standing(
    cadence: Cadence, since: datetime, texts: list[Message], caregiver: Caregiver, now: datetime
) -> StagedStanding:
    if cadence.counter:
        done = getattr(caregiver, cadence.counter) or 0
    else:
        done = max((row.stage or 0 for row in texts), default=0)
    meant_to_go = [row for row in texts if row.status != Status.SUPERSEDED]
    last = meant_to_go[-1] if meant_to_go else None
    upcoming = _next_step(cadence, since, done, now)
    excluded = [rule for rule in cadence.who if not rule.holds(caregiver, now)]
    if done >= len(cadence.steps):
        then = "all dealt with"
    elif excluded:
        then = f"none for them as things stand: {excluded[0].says(caregiver, now)}"
    elif upcoming:
        then = _next(upcoming, since, caregiver, now)
    else:
        then = "the time for the rest is over"
    return StagedStanding(
        cadence=cadence.name,
        label=cadence.label,
        since=since,
        done=done,
        count=len(cadence.steps),
        last=last,
        next_due=since + upcoming.due if upcoming and upcoming.due and not excluded else None,
        so_far=_so_far(cadence, done, last, caregiver),
        then=f"{cadence.anchor.words} {local(since, caregiver)} ({away(since, now)}); {then}",
    )


def _next_step(cadence: Cadence, since: datetime, done: int, now: datetime) -> Step | None:
    for step in cadence.steps:
        if step.stage and step.stage > done and step.limit and now < since + step.limit:
            return step
    return None


def _so_far(cadence: Cadence, done: int, last: Message | None, caregiver: Caregiver) -> str:
    count = len(cadence.steps)
    if last is None:
        so_far = f"{done} of {count} dealt with" if done else f"none of {count} sent"
        return f"{cadence.label}: {so_far}"
    says = f"{cadence.label} {last.stage} of {count}, {_state(last, caregiver)}"
    if last.stage and done > last.stage:
        says += f"; {done} dealt with"
    return says


def _next(step: Step, since: datetime, caregiver: Caregiver, now: datetime) -> str:
    assert step.due is not None and step.limit is not None
    due, limit = since + step.due, since + step.limit
    if due > now:
        return f"next {local(due, caregiver)} ({away(due, now)})"
    return (
        f"{step.stage} is due since {local(due, caregiver)}, fits until {local(limit, caregiver)}"
    )


def _state(text: Message, caregiver: Caregiver) -> str:
    def when(instant: datetime | None) -> str:
        return f" {local(instant, caregiver)}" if instant else ""

    because = f": {text.reason}" if text.reason else ""
    match text.status:
        case Status.QUEUED:
            says = f"queued{when(text.queued_at)}, not sent yet"
        case Status.SENDING:
            says = f"being sent since{when(text.attempt_started_at)}"
        case Status.UNKNOWN:
            tried = when(text.attempt_started_at)
            says = f"tried{tried}, and nobody knows whether it arrived"
        case Status.SENT:
            says = f"sent{when(text.sent_at)}"
        case Status.DELIVERED:
            says = f"delivered{when(text.delivered_at)}"
        case Status.UNDELIVERED:
            says = f"sent{when(text.sent_at)} but not delivered{because}"
        case _:
            says = f"{text.get_status_display().lower()}{because}"
    return f"{says}, answered{when(text.replied_at)}" if text.replied_at else says
