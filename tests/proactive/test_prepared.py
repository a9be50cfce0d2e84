"""Queries that are compiled once answer as if they had been compiled each time."""

import gc
import weakref

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections

from caregiving.models import Caregiver
from proactive import prepared
from proactive.models import Message, Status
from proactive.prepared import Moment
from tests.proactive.people import DAY, MOMENT, NOON, person

pytestmark = pytest.mark.django_db


def silent(*, now):
    return Caregiver.objects.filter(last_contact_at__lte=now - DAY).order_by("pk")


def among(*, now, keys):
    return silent(now=now).filter(pk__one_of=keys).values_list("pk", flat=True)


def test_a_new_time_is_asked_of_the_same_statement():
    one = person(last_contact_at=NOON - DAY)
    query = prepared.prepared(silent)

    assert query(now=NOON - MOMENT) == []
    assert query(now=NOON) == [one]
    assert query(now=NOON - DAY) == []


def test_the_query_is_built_once(django_assert_num_queries):
    built = []

    def build(*, now):
        built.append(now)
        return silent(now=now)

    query = prepared.prepared(build)
    with django_assert_num_queries(3):
        for _ in range(3):
            query(now=NOON)

    assert [type(now) for now in built] == [Moment]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans anew")
def test_postgresql_plans_it_once():
    query = prepared.prepared(among)

    for _ in range(8):
        query(now=NOON, keys=[1])

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
            " WHERE statement LIKE '%last_contact_at%' ORDER BY prepare_time DESC LIMIT 1"
        )
        assert cursor.fetchone() == (8, 0)


def test_lists_of_any_length_are_given_at_execution():
    people = [person(last_contact_at=NOON - DAY) for _ in range(3)]
    query = prepared.prepared(among)

    for some in ([], people[:1], people):
        keys = [one.pk for one in some]
        assert query(now=NOON, keys=keys) == keys


def test_what_is_found_comes_with_the_types_of_its_fields():
    one = person(last_contact_at=NOON - DAY, wellness_opt_in=True)

    (found,) = prepared.prepared(silent)(now=NOON)

    assert isinstance(found, Caregiver)
    assert (found.last_contact_at, found.wellness_opt_in) == (one.last_contact_at, True)


def test_a_stream_brings_the_same_in_chunks():
    people = [person(last_contact_at=NOON - DAY) for _ in range(5)]
    query = prepared.prepared(silent)

    assert list(query.stream(now=NOON, chunk=2)) == people


def test_what_stands_in_the_statement_itself_may_have_any_sign():
    name = '100% O\'Brien "%s" ?'
    one = person(first_name=name)
    person(first_name="100")
    query = prepared.prepared(
        lambda *, now: Caregiver.objects.filter(first_name=name, created_at__lte=now)
    )

    assert query(now=NOON) == [one]


def test_only_what_changes_is_a_parameter():
    query = prepared.prepared(
        lambda *, now: Message.objects.filter(status=Status.QUEUED, queued_at__lte=now)
    )
    given = []

    def note(execute, sql, params, many, context):
        given.append(len(params))
        return execute(sql, params, many, context)

    # A database that plans for any status cannot use the index of what is queued.
    with connection.execute_wrapper(note):
        query(now=NOON)

    assert given == [1]


def test_parts_make_statements_of_their_own():
    @prepared.prepared
    def older(than, *, now):
        return Caregiver.objects.filter(last_contact_at__lte=now - than.days * DAY)

    class Days:
        def __init__(self, days):
            self.days = days

    one, three = Days(1), Days(3)
    person(last_contact_at=NOON - 2 * DAY)

    assert len(older(one, now=NOON)) == 1
    assert len(older(three, now=NOON)) == 0
    assert len(older(one, now=NOON)) == 1


def test_a_changed_policy_is_asked_about_after_the_old_one_is_forgotten():
    days = [1]

    @prepared.prepared
    def older(*, now):
        return Caregiver.objects.filter(last_contact_at__lte=now - days[0] * DAY)

    person(last_contact_at=NOON - 2 * DAY)
    assert len(older(now=NOON)) == 1

    days[0] = 3
    prepared.forget()

    assert older(now=NOON) == []


def test_what_was_forgotten_is_let_go_of():
    one, other = prepared.prepared(silent), prepared.prepared(silent)
    one(now=NOON)
    kept = weakref.ref(one._statement((), {"now": NOON}))

    for _ in range(3):
        prepared.forget()
        other(now=NOON)
    gc.collect()

    assert kept() is None
    _, statements = vars(connections[DEFAULT_DB_ALIAS])["prepared_statements"]
    assert list(statements) == [(other,)]
