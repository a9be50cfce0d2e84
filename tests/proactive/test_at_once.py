"""Many batches, two at once: each is done once, and whatever goes wrong is heard of."""

import threading

import pytest
from django.db import connection, transaction

from proactive.at_once import for_each

pytestmark = pytest.mark.django_db(transaction=True)


def needs_two_writers():
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one connection writes at a time")


def here() -> str:
    return threading.current_thread().name


def test_each_batch_is_done_once_and_all_are_done_at_the_end():
    done = []
    for_each(done.append, iter(range(200)))
    assert sorted(done) == list(range(200))


def test_nothing_to_do_is_nothing_done():
    for_each(pytest.fail, [])


def test_two_are_under_way_at_a_time_each_on_a_connection_of_its_own():
    needs_two_writers()
    both = threading.Barrier(2, timeout=30)
    backends = {}

    def work(batch: int) -> None:
        both.wait()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends[here()] = cursor.fetchone()

    for_each(work, range(6))
    assert len(backends) == len(set(backends.values())) == 2


def test_the_second_connection_is_closed_at_the_end():
    needs_two_writers()
    second = []

    def work(batch: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            second.append(cursor.fetchone()[0])
        both.wait()

    both = threading.Barrier(2, timeout=30)
    for_each(work, range(2))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone()
        (other,) = set(second) - {own}
        # The server notices a moment later.
        for _ in range(100):
            cursor.execute(
                "SELECT pg_sleep(0.05), count(*) FROM pg_stat_activity WHERE pid = %s", [other]
            )
            if cursor.fetchone()[1] == 0:
                return
    pytest.fail("its connection is still open")


def test_within_a_transaction_all_is_done_there():
    threads = set()
    with transaction.atomic():
        for_each(lambda batch: threads.add(here()), range(20))
    assert threads == {here()}


@pytest.mark.parametrize("fails_here", [True, False])
def test_after_a_failure_none_is_begun_and_its_error_is_raised(fails_here):
    needs_two_writers()
    main, both, begun = here(), threading.Barrier(2, timeout=30), []

    def work(batch: int) -> None:
        begun.append(batch)
        if batch < 2:
            both.wait()
        if (here() == main) is fails_here:
            raise LookupError(batch)
        failed.wait(30)

    failed = threading.Event()

    class Counting:
        """Says when the rest has been thrown away, or is being taken."""

        def __iter__(self):
            yield from range(2)
            failed.set()
            yield from range(2, 50)

    with pytest.raises(LookupError):
        # Whoever does not fail waits until the other one has: see below.
        threading.Timer(0.3, failed.set).start()
        for_each(work, Counting())
    assert set(begun) == {0, 1}


def test_where_one_connection_works_a_failure_ends_it_as_well():
    begun = []

    def work(batch: int) -> None:
        begun.append(batch)
        raise LookupError

    with pytest.raises(LookupError), transaction.atomic():
        for_each(work, range(5))
    assert begun == [0]
