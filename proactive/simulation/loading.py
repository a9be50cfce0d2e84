"""From a copy of the real population (`copying`) to the people of a world and their rows.

This runs in the process of the world, where the real database is not known.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID, uuid5

from django.core.management.color import no_style
from django.db import connection, models, transaction

from caregiving.models import Caregiver, CrisisEvent
from proactive.models import CadenceSwitch, Message, MessageTemplate, Status
from proactive.simulation.happenings import Person
from proactive.simulation.homes import former_number, home_zone, number
from proactive.simulation.people import STOPS
from proactive.simulation.spec import Spec

_BATCH = 500
# Texts of a copy get names that are the same in every world.
_NAMESPACE = UUID("6f2c1a5e-0b1d-4c57-9a3e-8d4b7f0c2e19")


def load_people(spec: Spec) -> list[Person]:
    """The people of this shard in the copy at `spec.population`, at most the first `spec.people`.

    How they write, assess themselves and answer follows from their own record.
    """
    return [_person(record) for record in _records(spec)]


def load_rows(spec: Spec) -> None:
    """Store the people of this shard, with their texts and crises, and the policy of the copy.

    In the current database, which must have no people yet; its switches and words are replaced.
    """
    with gzip.open(spec.population, "rt", encoding="utf-8") as file:
        policy = json.loads(next(file))
    with transaction.atomic():
        _replace(CadenceSwitch, policy["switches"])
        _replace(MessageTemplate, policy["templates"])
        records = _records(spec)
        while batch := list(islice(records, _BATCH)):
            _store(batch)
        _count_keys_on()


def _replace(model: type[models.Model], rows: list[dict[str, Any]]) -> None:
    model._default_manager.all().delete()
    model._default_manager.bulk_create(model(**_read(model, row)) for row in rows)


def _records(spec: Spec) -> Iterator[dict[str, Any]]:
    with gzip.open(spec.population, "rt", encoding="utf-8") as file:
        next(file)  # the policy
        for line in islice(file, spec.people):
            record = json.loads(line)
            if record["key"] % spec.shards == spec.shard:
                yield record


def _read(model: type[models.Model], values: dict[str, Any]) -> dict[str, Any]:
    """`values` with their instants as instants again."""
    return {
        name: datetime.fromisoformat(value)
        if isinstance(value, str) and isinstance(model._meta.get_field(name), models.DateTimeField)
        else value
        for name, value in values.items()
    }


def _person(record: dict[str, Any]) -> Person:
    key, row = record["key"], _read(Caregiver, record["fields"])
    got = [one for one in record["texts"] if one["status"] in (Status.SENT, Status.DELIVERED)]
    answered = sum(one["replied_at"] is not None for one in got)
    return Person(
        key=key,
        number=number(key),
        zone=home_zone(row["time_zone"], row["derived_zones"]),
        row=row,
        # Of those with a short record nobody is sure to answer, to write, or to be silent.
        answers=(answered + 1) / (len(got) + 4),
        stops=STOPS,
        writes=(record["wrote"] + 0.5) / (record["weeks"] + 1),
        assesses=(record["assessed"] + 0.1) / (record["weeks"] + 1),
    )


def _store(records: list[dict[str, Any]]) -> None:
    people = {
        record["key"]: Caregiver(
            pk=record["key"],
            phone_number=number(record["key"]),
            **_read(Caregiver, record["fields"]),
        )
        for record in records
    }
    derived: dict[str, list[int]] = {}
    for key, person in people.items():
        derived.setdefault(person.derived_zones, []).append(key)
    Caregiver.objects.bulk_create(people.values())
    # Saving has derived the zones from made-up numbers and codes.
    for names, keys in derived.items():
        Caregiver.objects.filter(pk__in=keys).update(derived_zones=names)
    Message.objects.bulk_create(
        (text for record in records for text in _messages(record)), batch_size=_BATCH
    )
    CrisisEvent.objects.bulk_create(
        CrisisEvent(caregiver_id=record["key"], **_read(CrisisEvent, crisis))
        for record in records
        for crisis in record["crises"]
    )


def _messages(record: dict[str, Any]) -> Iterator[Message]:
    key = record["key"]
    for nth, text in enumerate(record["texts"]):
        to = former_number(key) if text.pop("to_former") else number(key)
        identity = uuid5(_NAMESPACE, f"{key}/{nth}")
        yield Message(
            id=identity,
            caregiver_id=key,
            to_number=to,
            # Whoever took it gave it a name, which nobody here knows.
            provider_sid=f"copied-{identity}" if text["sent_at"] else None,
            **_read(Message, text),
        )


def _count_keys_on() -> None:
    """Whoever signs up in the world gets the key after the last one."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Caregiver]):
            cursor.execute(statement)
