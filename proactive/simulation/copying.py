"""A copy of the real population for a scratch database: what the rules need, and nobody's identity.

It runs beside the real database and only reads. What comes out is a file for `loading`: JSON lines
under gzip, the first with the policy, then one for each person, whose keys are counted from 1.
"""

import gzip
import heapq
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Q

from caregiving import zones
from caregiving.models import Caregiver, CrisisEvent, InboundMessage, WellnessScore
from proactive.cadences import CADENCES
from proactive.clocks import DAY
from proactive.models import WAITING, CadenceSwitch, Message, MessageTemplate
from proactive.simulation.homes import home_zone, postal_code
from proactive.simulation.stand_ins import stand_in

# Texts that are older are kept only where a rule may still ask for them.
_KEPT_FOR = 90 * DAY
# How often somebody writes is told by so much of their past, or by as much as there is.
_WEEKS = 8
_BATCH = 500

# Field by field: a new one is decided on before it leaves the real database.
PERSON_FIELDS = (
    *("time_zone", "derived_zones", "language", "journey_phase", "burnout_band", "created_at"),
    *("last_contact_at", "last_assessment_at", "last_crisis_event_at"),
    *("last_proactive_message_at", "crisis_followup_count", "reactivation_message_count"),
    *("assessment_reminder_count", "onboarding_nudge_count", "wellness_opt_in", "opted_out_at"),
    *("opted_in_at", "outreach_paused_until", "unreachable_at"),
)
# In their place go stand-ins.
DISGUISED = ("first_name", "relationship", "care_recipient_name")
TEXT_FIELDS = (
    *("cadence", "stage", "tier", "occasion", "priority", "segments", "status", "queued_at"),
    *("gate_before", "attempts", "attempt_started_at", "retry_at", "look_up_at", "lookups"),
    *("sent_at", "delivered_at", "replied_at", "error_code"),
)
_CRISIS_FIELDS = ("at", "recorded_at", "replaced_at", "settled_at")
_SWITCH_FIELDS = ("cadence", "is_on", "paused_until", "halted")
_TEMPLATE_FIELDS = ("cadence", "stage", "tier", "language", "body")


@dataclass(frozen=True)
class Copied:
    """How many people there are, and how many of them were taken."""

    people: int
    taken: int


def copy_population(path: Path | str, *, most: int, seed: int, now: datetime) -> Copied:
    """Write everybody, or a sample of `most` that the seed decides on, to a file at `path`.

    Only its owner can read the file. It replaces what was there, once it is complete. Numbers,
    names, words, accounts and the keys of people and texts stay behind; ZIP codes become others
    of the zone. Raises ValueError for `most` below 1.
    """
    if most < 1:
        raise ValueError(f"most must be 1 or more, not {most}")
    path = Path(path)
    with _as_of_one_moment(), _replacing(path) as file:
        people, last = _draw_lots(most, seed)
        _write(file, _policy())
        taken = 0
        for keys in _keys():
            drawn = [key for key in keys if last is None or _lot(key, seed) <= last]
            for record in _people(drawn, now):
                taken += 1
                _write(file, {"key": taken, **record})
    return Copied(people=people, taken=taken)


@contextmanager
def _as_of_one_moment() -> Iterator[None]:
    """What is read belongs together, although the service goes on meanwhile.

    SQLite has no transaction here that would not keep everybody else from writing.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    # `mkstemp` makes a file that nobody else can read.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as raw:
            # Without a name and a time inside, the same people make the same file.
            packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
            with TextIOWrapper(packed, encoding="utf-8") as file:
                yield file
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _write(file: IO[str], record: dict[str, Any]) -> None:
    # Not Django's encoder, which cuts instants off at milliseconds: occasions are compared.
    file.write(json.dumps(record, default=datetime.isoformat) + "\n")


def _draw_lots(most: int, seed: int) -> tuple[int, int | None]:
    """How many people there are, and the last lot that is drawn; None for all."""
    people = 0
    drawn: list[int] = []  # negative, so that the highest lot is the first to go
    for keys in _keys():
        people += len(keys)
        for key in keys:
            if len(drawn) < most:
                heapq.heappush(drawn, -_lot(key, seed))
            else:
                heapq.heappushpop(drawn, -_lot(key, seed))
    return people, -drawn[0] if people > most else None


def _lot(key: int, seed: int) -> int:
    return int.from_bytes(blake2b(f"{seed}/{key}".encode(), digest_size=8).digest())


def _keys() -> Iterator[list[int]]:
    last = 0
    # Of whoever was erased there is nothing to live on.
    there = Caregiver.objects.filter(erased_at=None)
    everybody = there.order_by("pk").values_list("pk", flat=True)
    while keys := list(everybody.filter(pk__gt=last)[:_BATCH]):
        yield keys
        last = keys[-1]


def _policy() -> dict[str, Any]:
    return {
        "switches": list(CadenceSwitch.objects.order_by("cadence").values(*_SWITCH_FIELDS)),
        "templates": list(MessageTemplate.objects.order_by("pk").values(*_TEMPLATE_FIELDS)),
    }


def _people(keys: list[int], now: datetime) -> Iterator[dict[str, Any]]:
    if not keys:
        return
    texts = _by_person(
        _texts(now).filter(caregiver__in=keys).order_by("queued_at", "pk"),
        ("to_number", *TEXT_FIELDS),
    )
    crises = _by_person(
        CrisisEvent.objects.filter(caregiver__in=keys, settled_at__isnull=True).order_by("at"),
        _CRISIS_FIELDS,
    )
    since = now - 7 * _WEEKS * DAY
    wrote = _counts(InboundMessage.objects.filter(caregiver__in=keys, received_at__gte=since))
    assessed = _counts(WellnessScore.objects.filter(caregiver__in=keys, created_at__gte=since))
    fields = ("pk", "phone_number", "zip_code", *DISGUISED, *PERSON_FIELDS)
    for row in Caregiver.objects.filter(pk__in=keys).order_by("pk").values(*fields):
        key, own_number = row.pop("pk"), row.pop("phone_number")
        weeks = (now - row["created_at"]) / (7 * DAY)
        yield {
            "fields": _disguised(row),
            "texts": [_without_number(text, own_number) for text in texts.get(key, ())],
            "crises": crises.get(key, []),
            "weeks": round(min(max(weeks, 1), _WEEKS), 2),
            "wrote": wrote.get(key, 0),
            "assessed": assessed.get(key, 0),
        }


def _without_number(text: dict[str, Any], own_number: str) -> dict[str, Any]:
    """What is left of the number: whether it is one that the person no longer has."""
    to = text.pop("to_number")
    return {**text, "to_former": to != own_number}


def _disguised(row: dict[str, Any]) -> dict[str, Any]:
    if row["zip_code"]:
        row["zip_code"] = postal_code(home_zone(row["time_zone"], row["derived_zones"]))
    if row["time_zone"] and row["time_zone"] not in zones.known():
        row["time_zone"] = stand_in(row["time_zone"])  # misspelt: it may be anything
    return {**row, **{name: stand_in(row[name]) for name in DISGUISED}}


def _texts(now: datetime) -> models.QuerySet[Message]:
    """Those of which a rule may ask: they are recent or wait, or their occasion lasts."""
    anchors = sorted({field for cadence in CADENCES for field in cadence.anchor.fields})
    of_lasting_occasion = Q(
        Exists(
            CrisisEvent.objects.filter(
                caregiver=OuterRef("caregiver"), at=OuterRef("occasion"), settled_at__isnull=True
            )
        )
    )
    for anchor in anchors:
        of_lasting_occasion |= Q(occasion=F(f"caregiver__{anchor}"))
    return Message.objects.standing().filter(
        Q(queued_at__gte=now - _KEPT_FOR) | Q(status__in=WAITING) | of_lasting_occasion
    )


def _by_person(rows: models.QuerySet[Any], fields: tuple[str, ...]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows.values("caregiver_id", *fields):
        found.setdefault(row.pop("caregiver_id"), []).append(row)
    return found


def _counts(rows: models.QuerySet[Any]) -> dict[int, int]:
    return dict(rows.order_by().values_list("caregiver_id").annotate(Count("pk")))
