"""A text changes its status by conditional updates: whoever comes second changes nothing."""

import pytest

from proactive.models import Message, Status
from tests.factories import MessageFactory
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db

TRANSITIONS = {
    "sending": (
        lambda one: Message.objects.mark_sending([one.pk], now=NOON) == 1,
        {"queued"},
    ),
    # The answer may come after the lease is over.
    "sent": (lambda one: one.mark_sent(now=NOON, provider_sid="SM1"), {"sending", "unknown"}),
    "sent, of many": (
        lambda one: Message.objects.mark_sent({one.pk: "SM1"}, now=NOON, look_up_at=None) == 1,
        {"sending", "unknown"},
    ),
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
    assert message.status == (after.partition(",")[0] if before in allowed else before)
    if not moved:
        assert (message.reason, message.provider_sid, message.attempts) == ("as it was", None, 0)


def test_of_two_workers_that_hold_the_same_row_only_the_first_marks_it():
    message = MessageFactory()

    assert [Message.objects.mark_sending([message.pk], now=NOON) for _ in range(2)] == [1, 0]
    message.refresh_from_db()
    assert message.attempts == 1


def test_of_many_that_are_recorded_at_once_each_gets_its_own_identifier():
    texts = [MessageFactory(status=Status.SENDING) for _ in range(3)]
    texts[1].mark_reported("delivered", now=NOON, provider_sid="SM1", look_up_at=None)
    sids = {one.pk: f"SM{number}" for number, one in enumerate(texts)}

    assert Message.objects.mark_sent(sids, now=NOON, look_up_at=NOON) == 2
    rows = Message.objects.values_list("pk", "status", "provider_sid", "look_up_at")
    assert set(rows) == {
        (texts[0].pk, "sent", "SM0", NOON),
        # A report was faster than the answer.
        (texts[1].pk, "delivered", "SM1", None),
        (texts[2].pk, "sent", "SM2", NOON),
    }


def test_a_worker_that_answers_after_the_lease_still_records_what_it_knows():
    late = MessageFactory(status=Status.SENDING)
    Message.objects.get(pk=late.pk).mark_unknown(reason="no answer was recorded")

    assert late.mark_sent(now=NOON, provider_sid="SM1") is True
    late.refresh_from_db()
    assert (late.status, late.provider_sid, late.reason) == ("sent", "SM1", "")


def test_the_instance_knows_its_new_state():
    message = MessageFactory()

    message.mark_cancelled(reason="consent")

    assert (message.status, message.reason, message.retry_at) == ("cancelled", "consent", None)
