"""Rows by the thousand in one parameter: the same rows as any other way."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from proactive.models import Message, Status, bulk
from tests.proactive.people import NOON, person

pytestmark = pytest.mark.django_db

BODIES = [
    "plain",
    "",
    "quotes ' and \" and back\\slash, 100 % and %s, {braces}, $first_name, : and ::text",
    "ni hao 你好 😀 é ñ \n and a new line",
    '{"a": [null, true]}',
]
AT = datetime(2026, 3, 8, 7, 30, 0, 123456, tzinfo=UTC)


def row(**changes: object) -> dict[str, object]:
    return {
        "caregiver_id": person().pk,
        "to_number": "+14155550100",
        "stage": 3,
        "occasion": AT,
        "body": "Hi",
        "gate_before": None,
        **changes,
    }


def stored() -> list[dict[str, object]]:
    rows = list(Message.objects.order_by("caregiver_id").values())
    for one in rows:
        one.pop("id")
    return rows


def test_they_are_the_rows_that_bulk_create_makes():
    rows = [row(body=body, stage=None, gate_before=NOON if body else None) for body in BODIES]
    common = {"cadence": "wellness", "queued_at": NOON, "sweep_id": None}
    bulk.insert(Message, rows, **common)
    ours = stored()
    Message.objects.all().delete()
    Message.objects.bulk_create([Message(**common, **one) for one in rows])
    assert ours == stored()
    assert [one["body"] for one in ours] == BODIES


def test_what_nobody_names_has_the_default_of_its_field():
    bulk.insert(Message, [row()], cadence="wellness")
    text = Message.objects.get()
    assert (text.status, text.attempts, text.provider_sid) == (Status.QUEUED, 0, None)
    assert (text.id.version, text.queued_at.tzinfo) == (4, UTC)


def test_a_key_that_is_given_is_the_key():
    key = uuid4()
    bulk.insert(Message, [row(id=key)], cadence="wellness")
    assert Message.objects.get().pk == key


def test_no_rows_are_no_query():
    with CaptureQueriesContext(connection) as queries:
        bulk.insert(Message, [], cadence="wellness")
    assert not queries


def test_a_constraint_refuses_all_of_them():
    twice = row()
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert(Message, [row(), twice, twice], cadence="crisis_followup")
    assert not Message.objects.exists()
