"""What a system could know of each person at any instant: their row, and what it has taken in.

Worked out from the log alone, by what the design says an event does: only happenings that were
acknowledged count, each at the instant under which the system has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

from caregiving.models import Caregiver
from proactive.simulation.happenings import START, STOPS, Happening, Kind, Person
from proactive.simulation.log import Happened, Log, Refused

OPTED_OUT = "21610"


@dataclass(frozen=True)
class Change:
    """`fields` of the row are different from then on. `at`: the true time; `clock`: the one on
    record."""

    at: datetime
    clock: datetime
    fields: dict[str, Any]


@dataclass
class History:
    """One person. `exists_from` is None for whoever was there from the beginning.

    `died_at`: since when no text reaches the number, which is true whether anybody knows or not.
    """

    person: Person
    first: dict[str, Any]
    latest: dict[str, Any]
    changes: list[Change] = field(default_factory=list)
    exists_from: datetime | None = None
    exists: bool = True
    died_at: datetime | None = None

    def change(self, change: Change) -> None:
        self.changes.append(change)
        self.latest |= change.fields

    def row(self, clock: datetime) -> SimpleNamespace:
        """The fields of Caregiver as they are on record when the clock shows `clock`."""
        fields = dict(self.first)
        for change in self.changes:
            if change.clock <= clock:
                fields.update(change.fields)
        return SimpleNamespace(**fields)

    def values(self, *fields: str) -> Iterator[tuple[datetime | None, datetime]]:
        """(since when, value) of the first of `fields` that is set, each time that it becomes
        another; None for what it was in the beginning."""
        row = {one: self.first[one] for one in fields}
        current = _first_set(row, fields)
        if current is not None:
            yield None, current
        for change in self.changes:
            if change.fields.keys().isdisjoint(row):
                continue
            row |= {one: value for one, value in change.fields.items() if one in row}
            value = _first_set(row, fields)
            if value is not None and value != current:
                yield change.clock, value
            current = value

    def opted_out(self) -> Iterator[tuple[datetime | None, datetime | None]]:
        """From when to when, by true time, nobody may text them: [from, to), None for open."""
        since: datetime | None = None
        is_out = self.first["opted_out_at"] is not None
        for change in self.changes:
            if "opted_out_at" not in change.fields:
                continue
            wants_out = change.fields["opted_out_at"] is not None
            if wants_out and not is_out:
                since = change.at
            elif is_out and not wants_out:
                yield since, change.at
            is_out = wants_out
        if is_out:
            yield since, None


def histories(log: Log, people: list[Person]) -> dict[int, History]:
    """By Person.key. Reads happenings and refusals in the order of their true time."""
    found = {}
    for person in people:
        row = {**_defaults(), **person.row}
        found[person.key] = History(person, row, dict(row), exists=person.is_there)
    news: list[Happened | Refused] = [*log.happened, *log.refused]
    for one in sorted(news, key=lambda one: one.at):
        if isinstance(one, Refused):
            if one.code == OPTED_OUT and one.person in found:
                # The provider told it in its answer, so the clock showed then what it shows now.
                found[one.person].change(Change(one.at, one.at, {"opted_out_at": one.at}))
            continue
        history = found.get(one.happening.person)
        if history is not None:
            _take_in(history, one)
    return found


def is_opt_out(happening: Happening) -> bool:
    """Whether they say that they want no more, in whatever words."""
    return happening.kind is Kind.TEXT and happening.data["body"] in STOPS


def is_opt_in(happening: Happening) -> bool:
    return happening.kind is Kind.TEXT and happening.data["body"] == START


def _take_in(history: History, news: Happened) -> None:
    happening = news.happening
    if happening.kind is Kind.NUMBER_DIES and history.died_at is None:
        history.died_at = happening.at
    if not news.acknowledged:
        return
    if happening.kind is Kind.SIGN_UP:
        history.exists, history.exists_from = True, news.clock
        history.first |= {"created_at": news.clock, **happening.data}
        history.latest |= history.first
        return
    row = history.latest
    fields: dict[str, Any] = {}
    if happening.kind in (Kind.TEXT, Kind.CRISIS, Kind.SCORE):
        fields |= _contact(row, news.clock)
    if happening.kind is Kind.CRISIS:
        fields |= _crisis(row, news.clock)
    elif happening.kind is Kind.SCORE:
        fields |= _score(row, news.clock, happening.data["burnout_band"])
    elif happening.kind is Kind.PROFILE:
        fields |= happening.data
    elif happening.kind is Kind.PAUSE:
        fields["outreach_paused_until"] = news.clock + timedelta(days=happening.data["days"])
    elif is_opt_out(happening):
        fields["opted_out_at"] = news.clock
    elif is_opt_in(happening):
        fields["opted_out_at"] = None
    if fields:
        history.change(Change(news.at, news.clock, fields))


# --- What an event does, as the design has it ---


def _contact(row: dict[str, Any], at: datetime) -> dict[str, Any]:
    if row["last_contact_at"] is not None and at <= row["last_contact_at"]:
        return {}
    back = {"journey_phase": "active"} if row["journey_phase"] == "churned" else {}
    return {"last_contact_at": at, "reactivation_message_count": 0, **back}


def _crisis(row: dict[str, Any], at: datetime) -> dict[str, Any]:
    if row["last_crisis_event_at"] is not None and at <= row["last_crisis_event_at"]:
        return {}
    return {"last_crisis_event_at": at, "crisis_followup_count": 0}


def _score(row: dict[str, Any], at: datetime, band: str) -> dict[str, Any]:
    if row["last_assessment_at"] is not None and at <= row["last_assessment_at"]:
        return {}
    enters = _crisis(row, at) if band == "crisis" != row["burnout_band"] else {}
    news = {"burnout_band": band, "last_assessment_at": at, "assessment_reminder_count": 0}
    return {**enters, **news}


def _first_set(row: dict[str, Any], fields: tuple[str, ...]) -> datetime | None:
    return next((row[one] for one in fields if row[one] is not None), None)


@cache
def _defaults() -> dict[str, Any]:
    """A row of which nothing is known; `created_at` every person brings along."""
    fields = (one for one in Caregiver._meta.concrete_fields if one.name != "created_at")
    return {one.attname: one.get_default() for one in fields}
