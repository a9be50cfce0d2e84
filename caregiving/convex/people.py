"""Documents of people: `users`, and the tables into which it was split later."""

from datetime import datetime
from typing import Any

from caregiving import zones
from caregiving.convex import documents, opt_outs
from caregiving.convex.merging import merge
from caregiving.convex.opt_outs import Rejected
from caregiving.convex.reports import Report
from caregiving.convex.roster import Entry, Roster
from caregiving.convex.snapshot import PEOPLE, Line
from caregiving.models import Caregiver

Read = tuple[Line, str, dict[str, Any]]


def take_people(lines: list[Line], report: Report, *, now: datetime) -> None:
    """A batch of `users`. To be called in a transaction."""
    read, rejected = _readable(lines, "_id", report, now)
    refusals = opt_outs.whose(PEOPLE, rejected, report, now=now)
    numbers = [str(values["phone_number"]) for _, _, values in read if "phone_number" in values]
    roster = Roster(
        [*(key for _, key, _ in read), *(one.key for one in refusals)],
        [*numbers, *(one.number for one in refusals if one.number)],
    )
    for line, key, values in read:
        try:
            entry = _person(roster, line, key, values)
        except ValueError as error:
            rejected.append((line, str(error)))
            continue
        _take(PEOPLE, line, entry, values, roster, report)
    opt_outs.remember_unplaced(rejected, report, now=now)
    opt_outs.hold(PEOPLE, rejected, roster, report, now=now)
    roster.save()


def take_profiles(table: str, lines: list[Line], report: Report, *, now: datetime) -> None:
    """A batch of a table whose documents belong to those of `users`. In a transaction."""
    read, rejected = _readable(lines, "userId", report, now, table=table)
    everything = [*rejected, *((line, "") for line, _, _ in read)]
    refusals = opt_outs.whose(table, everything, report, now=now)
    roster = Roster(
        [*(key for _, key, _ in read), *(one.key for one in refusals)],
        [one.number for one in refusals if one.number],
    )
    for line, key, values in read:
        entry = roster.find(key)
        if entry is None:
            rejected.append((line, nobody(key)))
            continue
        # Whose number it is stands in `users`.
        values.pop("phone_number", None)
        _take(table, line, entry, values, roster, report)
    opt_outs.hold(table, rejected, roster, report, now=now)
    roster.save()


def nobody(key: str) -> str:
    return f"userId: {key} is nobody who came with {PEOPLE}"


def _readable(
    lines: list[Line], key: str, report: Report, now: datetime, *, table: str = PEOPLE
) -> tuple[list[Read], list[Rejected]]:
    """Those of the lines that can be read, with whom they are about and what they say; and the
    others."""
    read = []
    rejected = []
    for line in lines:
        if line.reason:
            rejected.append((line, line.reason))
            continue
        report.pass_over(table, documents.not_taken(line.document))
        values, reasons = documents.read_person(line.document, now=now)
        name = ""
        try:
            name = documents.key(line.document, key)
        except ValueError as error:
            reasons.insert(0, str(error))
        zone = values.get("time_zone")
        if zone and zone not in zones.known():
            reasons.append(f"timeZone: {zone!r} is not an IANA time zone such as America/Chicago")
        if reasons:
            rejected.append((line, "; ".join(reasons)))
        else:
            read.append((line, name, values))
    return read, rejected


def _person(roster: Roster, line: Line, key: str, values: dict[str, Any]) -> Entry:
    """Who the document is: known by it, by the number, or new. Raises ValueError for nobody."""
    number = values.get("phone_number")
    owner = roster.owner(number) if number else None
    entry = roster.find(key)
    if entry is not None:
        if owner is not None and owner is not entry.person:
            raise ValueError(f"phoneNumber: {number} is somebody else's here")
        return entry
    if not number:
        raise ValueError("phoneNumber: is absent, and every person needs one")
    if owner is None:
        person = Caregiver(phone_number=number)
        created = values.get("created_at") or documents.created_at(line.document)
        if created is not None:
            person.created_at = values["created_at"] = created
        return roster.add(person, key)
    if other := roster.document_of(owner):
        raise ValueError(f"phoneNumber: {number} is in document {other} already")
    return roster.add(owner, key)


def _take(
    table: str,
    line: Line,
    entry: Entry,
    values: dict[str, Any],
    roster: Roster,
    report: Report,
) -> None:
    number = entry.person.phone_number
    was_known = bool(entry.taken) or not entry.is_new
    merged = merge(
        entry.person,
        values,
        table=table,
        taken=entry.taken,
        is_new=entry.is_new,
        crises=roster.crises_of(entry.person),
    )
    roster.note(entry, merged)
    if entry.person.phone_number != number:
        roster.renumber(entry, number)
    if merged.kept:
        report.keep_ours(table, line, entry.person.masked_number, merged.kept)
    report.count(table, is_new=not was_known, is_changed=bool(merged.changed))
