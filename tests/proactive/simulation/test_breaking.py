"""Breaking a system between any two of its steps."""

import pytest
from django.db import connection, transaction

from caregiving.models import Caregiver
from proactive.simulation.breaking import Breaker, Crash, where
from proactive.sweeps import run_sweep
from tests.factories import CaregiverFactory

pytestmark = pytest.mark.django_db(transaction=True)


def add_two():
    """Two steps, each committed by itself."""
    CaregiverFactory()
    CaregiverFactory()


@pytest.mark.parametrize(
    ("statement", "before", "left"), [(1, True, 0), (1, False, 1), (2, True, 1), (2, False, 2)]
)
def test_what_was_done_before_the_crash_stays_and_nothing_after_it_happens(statement, before, left):
    with (
        pytest.raises(Crash),
        connection.execute_wrapper(Breaker(crash_at=statement, before=before)),
    ):
        add_two()

    assert Caregiver.objects.count() == left


def test_what_was_not_committed_is_taken_back():
    breaker = Breaker(crash_at=2)
    with pytest.raises(Crash), connection.execute_wrapper(breaker), transaction.atomic():
        add_two()

    assert Caregiver.objects.count() == 0


def test_no_handler_of_the_system_catches_a_crash():
    with pytest.raises(Crash), connection.execute_wrapper(Breaker(crash_at=1)):
        try:
            add_two()
        except Exception:
            pytest.fail("a power cut is not an exception")


def test_another_gets_in_between_two_steps_but_not_into_a_transaction():
    seen = []

    def other():
        seen.append((Caregiver.objects.count(), connection.in_atomic_block))

    with connection.execute_wrapper(Breaker(let_in_at=2, let_in=other)):
        with transaction.atomic():
            add_two()
        CaregiverFactory()

    assert seen == [(2, False)]


def test_the_statements_of_the_other_are_not_counted():
    def other():
        add_two()
        add_two()

    breaker = Breaker(let_in_at=2, let_in=other, crash_at=2)
    with pytest.raises(Crash), connection.execute_wrapper(breaker):
        add_two()

    assert Caregiver.objects.count() == 6


def test_where_it_was_is_told_by_the_innermost_function_of_ours():
    with pytest.raises(Crash) as caught, connection.execute_wrapper(Breaker(crash_at=2)):
        run_sweep()

    assert where(caught.tb) == "switches.load"
