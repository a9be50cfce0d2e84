"""What our own system recorded of each obligation: its texts, and the alerts that tell of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from caregiving.models import Caregiver
from proactive.models import CareAlert, Message, Status
from proactive.promises import TELLING
from proactive.simulation.happenings import Person
from proactive.simulation.log import Key

BATCH = 500

WITH_A_PERSON = "with a person"
STILL_RUNNING = "still running"
UNACCOUNTED = "UNACCOUNTED"

# So long an unknown outcome may stay so before a person is asked.
PATIENCE = timedelta(hours=1)

_OVERTAKEN = re.compile(r"overtaken by (stage \d+)")


@dataclass(frozen=True)
class Record:
    """The text that fills an obligation, or the one that was given back. `told`: an alert is about
    it. `since`: when it was submitted."""

    status: str
    reason: str
    code: str
    since: datetime | None
    told: bool


@dataclass
class Ends:
    """`told`: by person and occasion, when alerts about stages without a text were opened and
    resolved."""

    records: dict[Key, Record] = field(default_factory=dict)
    told: dict[tuple[int, datetime | None], list[tuple[datetime, datetime | None]]] = field(
        default_factory=dict
    )

    def words(
        self, key: Key, *, until: datetime, over: datetime, vital: bool, last_look: datetime
    ) -> str:
        """The end of an obligation that the provider never took; "" where no record tells one.

        `until`: its late limit; `over`: when it ended, by that or by a newer occasion before.
        What ends after `last_look` may have no record yet.
        """
        record = self.records.get(key)
        if record is not None:
            running = over > last_look
            if record.status != Status.CANCELLED:
                return _in_words(record, running=running, last_look=last_look)
            if running:
                return STILL_RUNNING
            # The stage was owed again. Of a vital cadence that is no end while its occasion lasts.
            if over < until or not vital:
                return _in_words(record, running=running, last_look=last_look)
        person, _, _, occasion = key
        # Alerts name no cadence; and one that is open may be about an earlier stage.
        about = self.told.get((person, occasion), ()) if vital and over <= last_look else ()
        if any(resolved is None or opened >= until for opened, resolved in about):
            return WITH_A_PERSON
        return ""


def ends_from_database(people: list[Person]) -> Ends:
    """What the current database holds about `people`, found by their numbers, BATCH at a time."""
    ends = Ends()
    for batch in _batches(people):
        by_number = {one.number: one.key for one in batch}
        rows = Caregiver.objects.filter(phone_number__in=by_number).values_list(
            "pk", "phone_number"
        )
        keys = {pk: by_number[str(number)] for pk, number in rows}
        about_texts = _read_alerts(ends, keys)
        _read_texts(ends, keys, about_texts)
    return ends


def _batches(people: list[Person]) -> Iterator[list[Person]]:
    for start in range(0, len(people), BATCH):
        yield people[start : start + BATCH]


def _read_alerts(ends: Ends, keys: dict[int, int]) -> set[object]:
    """Alerts that tell of a stage; returns the identifiers of the texts that have one."""
    about_texts: set[object] = set()
    alerts = CareAlert.objects.filter(caregiver__in=keys, kind__in=TELLING)
    for caregiver, occasion, message, kind, opened, resolved in alerts.values_list(
        "caregiver_id", "occasion", "message_id", "kind", "opened_at", "resolved_at"
    ):
        assert caregiver is not None
        if message is not None:
            about_texts.add(message)
        if kind == CareAlert.Kind.FOLLOWUP_MISSED:
            ends.told.setdefault((keys[caregiver], occasion), []).append((opened, resolved))
    return about_texts


def _read_texts(ends: Ends, keys: dict[int, int], about_texts: set[object]) -> None:
    texts = Message.objects.filter(caregiver__in=keys, stage__isnull=False).order_by("queued_at")
    for pk, caregiver, cadence, stage, occasion, status, reason, code, since in texts.values_list(
        *("pk", "caregiver_id", "cadence", "stage", "occasion", "status", "reason", "error_code"),
        "attempt_started_at",
    ):
        key = keys[caregiver], cadence, stage, occasion
        # What was given back counts only where nothing took its place.
        if status != Status.CANCELLED or _is_given_back(ends.records.get(key)):
            ends.records[key] = Record(status, reason, code, since, pk in about_texts)


def _is_given_back(record: Record | None) -> bool:
    return record is None or record.status == Status.CANCELLED


def _in_words(record: Record, *, running: bool, last_look: datetime) -> str:
    because = re.split("[:;]", record.reason)[0].strip()
    match record.status:
        case Status.SUPERSEDED:
            overtaken = _OVERTAKEN.match(record.reason)
            return f"superseded by {overtaken[1]}" if overtaken else f"superseded: {because}"
        case Status.CANCELLED:
            by_staff = "had it sent again" in record.reason
            return f"cancelled: {'sent again by staff' if by_staff else because}"
        case Status.FAILED | Status.UNDELIVERED:
            return f"{record.status}: {record.code or 'no code'}"
    if record.told:
        return WITH_A_PERSON
    if record.status == Status.UNKNOWN:
        is_fresh = record.since is not None and record.since > last_look - PATIENCE
        return STILL_RUNNING if is_fresh else UNACCOUNTED
    waiting = record.status in (Status.QUEUED, Status.SENDING)
    # Or it is recorded as sent, and the provider never took it.
    return STILL_RUNNING if waiting and running else UNACCOUNTED
