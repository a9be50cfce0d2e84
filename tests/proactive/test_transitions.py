"""A text changes its status by conditional updates: whoever comes second changes nothing."""

import pytest

from proactive.models import Message, Status
from tests.factories import MessageFactory
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db

TRANSITIONS = {
    "sending": (lambda one: one.mark_sending(now=NOON), {"queued"}),
    # The answer may come after the lease is over.
    "sent": (lambda one: one.mark_sent(now=NOON, provider_sid="SM1"), {"sending", "unknown"}),
    "failed": (lambda one: one.mark_failed(code="21211", reason="no number"), {"sending"}),
    "unknown": (lambda one: one.mark_unknown(reason="timeout"), {"sending"}),
    "queued": (
        lambda one: one.mark_queued_again(retry_at=NOON, code="20429", reason="slow down"),
        {"sending"},
    ),
    "cancelled": (lambda one: one.mark_cancelled(reason="consent"), {"queued"}),
}


@pytest.mark.parametrize("before", Status.values)
@pytest.mark.parametrize("after", TRANSITIONS)
def test_a_transition_takes_place_from_where_it_may_and_nowhere_else(before, after):
    move, allowed = TRANSITIONS[after]
    message = MessageFactory(status=before, reason="as it was")

    moved = move(message)

    assert moved is (before in allowed)
    message.refresh_from_db()
    assert message.status == (after if before in allowed else before)
    if not moved:
        assert (message.reason, message.provider_sid, message.attempts) == ("as it was", None, 0)


def test_of_two_workers_that_hold_the_same_row_only_the_first_marks_it():
    message = MessageFactory()
    first, second = (Message.objects.get(pk=message.pk) for _ in range(2))

    assert [first.mark_sending(now=NOON), second.mark_sending(now=NOON)] == [True, False]
    message.refresh_from_db()
    assert message.attempts == 1


def test_a_worker_that_answers_after_the_lease_still_records_what_it_knows():
    late = MessageFactory(status=Status.SENDING)
    Message.objects.get(pk=late.pk).mark_unknown(reason="no answer was recorded")

    assert late.mark_sent(now=NOON, provider_sid="SM1") is True
    late.refresh_from_db()
    assert (late.status, late.provider_sid, late.reason) == ("sent", "SM1", "")


def test_the_instance_knows_its_new_state():
    message = MessageFactory()

    message.mark_sending(now=NOON)

    assert (message.status, message.attempts, message.attempt_started_at) == ("sending", 1, NOON)
