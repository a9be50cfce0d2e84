"""Opt-outs that stand in rows which cannot be taken: they hold all the same.

A bad ZIP code, or a number that two documents share, is no reason to text somebody who said stop.
Where the number can be read but is nobody's here yet, the opt-out is kept as a text of a stranger
is: it holds from the moment at which somebody has that number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from caregiving.convex import documents
from caregiving.convex.reports import Report
from caregiving.convex.roster import BY_TEXT, SOURCE, Roster
from caregiving.convex.snapshot import PEOPLE, TEXTS, Line
from caregiving.intents import Intent, read_intent
from caregiving.models import Caregiver, ConsentChange

# A line with its reasons.
Rejected = tuple[Line, str]

WORDS = ("text", "content", "body", "message")
# Whoever writes to people. A list: it is asked about whatever stands there.
OTHERS = ["assistant", "outbound", "system", "agent", "tool"]

UNDATED = "convex, undated"
HELD = "its opt-out is recorded all the same"
FOR_LATER = "its opt-out is kept, and holds once somebody here has the number"
LOST = "OPT-OUT NOT RECORDED: nobody can tell whose it is, so this person may be texted"
# In a line that is no document.
_LOOKS_LIKE_ONE = re.compile(r'"optedOutAt"\s*:(?!\s*(?:null|0\s*[,}]|""))')


@dataclass(frozen=True)
class Refusal:
    """`at`: None where it is not told. `key`: of a document of `users`; `number`: E.164. Either may
    be "" where it cannot be read."""

    at: datetime | None
    key: str
    number: str
    source: str


def whose(table: str, rejected: list[Rejected], report: Report, *, now: datetime) -> list[Refusal]:
    """The opt-outs in `rejected`, so that their people can be read and locked with the others."""
    found = (_refusal(table, line, report, now) for line, _ in rejected)
    return [one for one in found if one is not None]


def hold(
    table: str, rejected: list[Rejected], roster: Roster, report: Report, *, now: datetime
) -> None:
    """Put the opt-outs in `rejected` on record, and every one of the rows into the report.

    To be called once the others of the batch are in `roster`, and before it is saved.
    """
    undated: list[Caregiver] = []
    for line, reason in rejected:
        refusal = _refusal(table, line, report, now)
        if refusal is None:
            if line.reason and _LOOKS_LIKE_ONE.search(line.text):
                report.opt_outs_lost += 1
                reason = f"{LOST}; {reason}"
            report.reject(table, line, reason)
            continue
        people = list(_people(refusal, roster))
        if people or refusal.number:
            report.opt_outs_held += 1
        else:
            report.opt_outs_lost += 1
        for person in people:
            if refusal.at is None:
                undated.append(person)
            else:
                roster.refuse(person, refusal.at, source=refusal.source)
        if not people and refusal.number:
            roster.refuse_for_later(refusal.number, refusal.at or now)
        outcome = HELD if people else FOR_LATER if refusal.number else LOST
        report.reject(table, line, f"{outcome}; {reason}")
    _refuse_undated(undated, roster, now)


def _refuse_undated(people: list[Caregiver], roster: Roster, now: datetime) -> None:
    """Once, as of now: with each import it would undo what they have said since."""
    if not people:
        return
    known = [one.pk for one in people if one.pk is not None]
    before = ConsentChange.objects.filter(caregiver__in=known, source=UNDATED)
    done = set(before.values_list("caregiver_id", flat=True))
    for person in people:
        if person.pk not in done:
            roster.refuse(person, now, source=UNDATED)


def _people(refusal: Refusal, roster: Roster) -> Iterator[Caregiver]:
    """Whose document it is, and whose number."""
    entry = roster.find(refusal.key)
    owner = roster.owner(refusal.number)
    if entry is not None:
        yield entry.person
    if owner is not None and (entry is None or owner is not entry.person):
        yield owner


def _refusal(table: str, line: Line, report: Report, now: datetime) -> Refusal | None:
    if line.reason:
        return None
    document = line.document
    key = _key(document, "_id" if table == PEOPLE else "userId")
    if table == TEXTS:
        words = next((document[name] for name in WORDS if document.get(name) is not None), "")
        is_theirs = document.get("role", document.get("direction")) not in OTHERS
        if not is_theirs or not isinstance(words, str) or read_intent(words) != Intent.STOP:
            return None
        at = _instant(document.get("timestamp"), now) or documents.created_at(document)
        return Refusal(at, key, report.unplaced.get(key, ""), BY_TEXT)
    values, _ = documents.read_person(document, now=now)
    if not any(
        documents.column(name) == "opted_out_at" and not _is_never(value)
        for name, value in document.items()
    ):
        return None
    number = str(values.get("phone_number") or report.unplaced.get(key, ""))
    return Refusal(values.get("opted_out_at"), key, number, SOURCE)


def _is_never(value: object) -> bool:
    try:
        return documents.plain(value) in (None, False, 0, "")
    except ValueError:
        return False


def _instant(value: object, now: datetime) -> datetime | None:
    try:
        at = documents.instant(value)
    except ValueError:
        return None
    return at if at <= now else None


def _key(document: documents.Document, name: str) -> str:
    try:
        return documents.key(document, name)
    except ValueError:
        return ""


def remember_unplaced(rejected: list[Rejected], report: Report, *, now: datetime) -> None:
    """Keep the numbers of rejected documents of `users`: their STOP may stand in a conversation.

    In memory, of those few who cannot be taken.
    """
    for line, _ in rejected:
        key = _key(line.document, "_id")
        values, _ = documents.read_person(
            {name: value for name, value in line.document.items() if name == "phoneNumber"},
            now=now,
        )
        if key and "phone_number" in values:
            report.unplaced[key] = str(values["phone_number"])
