"""Promise "accounted": every follow-up that fell due has an end that a person can read."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caregiving import events
from caregiving.models import Caregiver
from proactive import cascades, sweeps
from proactive.cadences import CRISIS_FOLLOWUP
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message, Status
from proactive.sms.gateway import Outcome, SmsError
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, person, undone
from tests.proactive.strategies import checked

pytestmark = pytest.mark.django_db

UNANSWERED = CareAlert.Kind.CASCADE_UNANSWERED
MISSED = CareAlert.Kind.FOLLOWUP_MISSED


def after_crisis(age: timedelta, *, sent: int = 0, **fields) -> Caregiver:
    """Whose crisis was `age` before NOON, and who has had the first `sent` follow-ups."""
    crisis = NOON - age
    someone = person(created_at=crisis - 30 * DAY, last_contact_at=crisis - DAY, **fields)
    events.record_crisis_event(someone, at=crisis, source="test")
    for stage in range(1, sent + 1):
        MessageFactory(caregiver=someone, occasion=crisis, stage=stage, status=Status.DELIVERED)
    Caregiver.objects.filter(pk=someone.pk).update(crisis_followup_count=sent)
    someone.refresh_from_db()
    return someone


def rows(someone: Caregiver, crisis=None) -> list[tuple[int, str]]:
    """(stage, status) of the follow-ups for one crisis, by default the current one."""
    found = someone.messages.filter(
        cadence="crisis_followup", occasion=crisis or someone.last_crisis_event_at
    )
    return sorted(found.values_list("stage", "status"))


def alerts(someone: Caregiver) -> list[str]:
    return sorted(someone.alerts.values_list("kind", flat=True))


# --- Held up ---


def test_a_stage_whose_time_passes_behind_a_text_that_still_waits_is_told():
    someone = after_crisis(25 * HOUR)
    run_sweep(now=NOON)  # queued, and the provider takes nothing for days
    later = NOON + 6 * DAY

    run_sweep(now=later)

    (alert,) = someone.alerts.filter(kind=MISSED)
    assert alert.detail == (
        "Its time has passed, and it is held up: another text is waiting to be sent."
    )


def test_nobody_is_told_of_stages_that_have_their_texts_though_staff_put_the_counter_back():
    someone = after_crisis(8 * DAY, sent=3, last_proactive_message_at=NOON - HOUR)
    cascades.reset(someone, CRISIS_FOLLOWUP, now=NOON)

    run_sweep(now=NOON)

    assert alerts(someone) == []


def test_when_a_person_has_seen_to_one_stage_the_next_that_is_held_up_is_told_again():
    someone = after_crisis(4 * DAY, outreach_paused_until=NOON + 90 * DAY)
    run_sweep(now=NOON)
    run_sweep(now=NOON + HOUR)
    assert alerts(someone) == [MISSED]
    someone.alerts.update(resolved_at=NOON + HOUR)

    run_sweep(now=NOON + 3 * DAY - MOMENT)
    assert alerts(someone) == [MISSED]
    run_sweep(now=NOON + 3 * DAY)  # the second stage has had its time
    run_sweep(now=NOON + 4 * DAY)
    assert alerts(someone) == [MISSED, MISSED]


# --- A cascade that is over ---


def test_seven_follow_ups_without_an_answer_are_a_reason_to_call_once():
    someone = after_crisis(42 * DAY, sent=7)
    run_sweep(now=NOON - MOMENT)
    assert alerts(someone) == []
    for days in (0, 1, 7, 41):
        run_sweep(now=NOON + days * DAY)
    assert alerts(someone) == [UNANSWERED]
    alert = someone.alerts.get()
    assert (alert.occasion, alert.opened_at) == (NOON - 42 * DAY, NOON)


def test_a_resolved_alert_is_not_opened_again():
    someone = after_crisis(42 * DAY, sent=7)
    run_sweep(now=NOON)
    someone.alerts.update(resolved_at=NOON)
    run_sweep(now=NOON + DAY)
    assert someone.alerts.count() == 1


@pytest.mark.parametrize("after", [MOMENT, 20 * DAY, 42 * DAY], ids=str)
def test_a_single_word_after_the_crisis_is_an_answer(after):
    someone = after_crisis(42 * DAY, sent=7)
    events.record_contact(someone, at=NOON - 42 * DAY + after)
    run_sweep(now=NOON + DAY)
    assert alerts(someone) == []


def test_what_was_not_sent_by_the_end_is_recorded_and_a_person_is_told():
    someone = after_crisis(42 * DAY, sent=5, last_proactive_message_at=NOON - 20 * DAY)
    run_sweep(now=NOON)
    delivered = [(stage, "delivered") for stage in range(1, 6)]
    assert rows(someone) == [*delivered, (6, "superseded"), (7, "superseded")]
    assert alerts(someone) == sorted([UNANSWERED, MISSED])
    someone.refresh_from_db()
    assert someone.crisis_followup_count == 7
    (missed,) = someone.alerts.filter(kind=MISSED)
    assert missed.detail.startswith("Not sent in time: 6, 7 ")


def test_it_is_recorded_once_however_often_the_sweep_runs():
    someone = after_crisis(42 * DAY, sent=5)
    for hours in range(3):
        run_sweep(now=NOON + hours * HOUR)
    assert len(rows(someone)) == 7
    assert alerts(someone) == sorted([UNANSWERED, MISSED])


def test_whoever_was_never_texted_is_not_said_to_have_left_texts_unanswered():
    someone = after_crisis(42 * DAY, opted_out_at=NOON - 42 * DAY)
    for hours in range(3):
        run_sweep(now=NOON + hours * HOUR)
    assert alerts(someone) == [MISSED]
    assert rows(someone) == [(stage, "superseded") for stage in range(1, 8)]


def test_what_the_counter_says_was_dealt_with_is_not_recorded_as_missed():
    someone = after_crisis(42 * DAY)
    Caregiver.objects.filter(pk=someone.pk).update(crisis_followup_count=6)  # by an import, say
    run_sweep(now=NOON)
    assert rows(someone) == [(7, "superseded")]


def test_beyond_twice_its_time_a_cascade_is_history():
    recent = after_crisis(84 * DAY - MOMENT)
    history = after_crisis(84 * DAY)
    run_sweep(now=NOON)
    assert (alerts(recent), alerts(history)) == ([MISSED], [])
    assert (len(rows(recent)), len(rows(history))) == (7, 0)


def test_a_cascade_ends_accounted_for_even_while_the_cadence_is_off():
    CadenceSwitch.objects.create(cadence="crisis_followup", is_on=False)
    someone = after_crisis(42 * DAY)
    run_sweep(now=NOON)
    assert rows(someone) == [(stage, "superseded") for stage in range(1, 8)]


def test_a_dry_run_counts_what_it_would_record_and_records_nothing():
    someone = after_crisis(42 * DAY, sent=5)
    planned = run_sweep(now=NOON, dry_run=True)
    assert planned.counts["superseded"]["crisis_followup"] == 2
    assert (len(rows(someone)), alerts(someone)) == (5, [])


def test_nobody_is_forgotten_when_there_are_more_than_one_batch(monkeypatch):
    monkeypatch.setattr("proactive.accounting.BATCH", 2)
    people = [after_crisis(42 * DAY) for _ in range(5)]
    swept = run_sweep(now=NOON)
    assert swept.counts["superseded"]["crisis_followup"] == 35
    assert [alerts(one) for one in people] == [[MISSED]] * 5


# --- A crisis that a newer one replaced ---


def replaced(age: timedelta, *, sent: int = 0) -> tuple[Caregiver, object]:
    """A crisis that a newer one replaced when it was `age` old, at NOON."""
    someone = after_crisis(age, sent=sent)
    first = someone.last_crisis_event_at
    events.record_crisis_event(someone, at=NOON, source="test")
    return someone, first


@pytest.mark.parametrize(
    ("age", "due"),
    [(24 * HOUR - MOMENT, 0), (24 * HOUR, 1), (72 * HOUR, 2), (8 * DAY, 3), (41 * DAY, 7)],
    ids=["none due", "first due", "second due", "third due", "all due"],
)
def test_what_had_fallen_due_when_a_newer_crisis_came_is_recorded_without_an_alert(age, due):
    someone, first = replaced(age)
    run_sweep(now=NOON)
    run_sweep(now=NOON + HOUR)
    assert rows(someone, first) == [(stage, "superseded") for stage in range(1, due + 1)]
    assert alerts(someone) == []


def test_what_was_sent_before_the_newer_crisis_stays_as_it_is():
    someone, first = replaced(15 * DAY, sent=2)
    run_sweep(now=NOON)
    assert rows(someone, first) == [
        (1, "delivered"),
        (2, "delivered"),
        (3, "superseded"),
        (4, "superseded"),
    ]


def test_a_text_queued_for_the_replaced_crisis_falls_at_the_recheck(gateway):
    someone = after_crisis(25 * HOUR)
    run_sweep(now=NOON)
    first = someone.last_crisis_event_at
    events.record_crisis_event(someone, at=NOON + HOUR, source="test")
    deliver_queued(now=NOON + HOUR)
    run_sweep(now=NOON + HOUR)
    assert rows(someone, first) == [(1, "cancelled"), (1, "superseded")]
    assert gateway.sent == []


def test_a_crisis_that_had_ended_during_an_outage_before_the_newer_one_is_accounted_for():
    someone, first = replaced(50 * DAY, sent=3)
    run_sweep(now=NOON)
    assert [status for _, status in rows(someone, first)] == ["delivered"] * 3 + ["superseded"] * 4


def test_three_crises_in_a_row_are_accounted_for_each_by_itself():
    someone = after_crisis(12 * DAY)
    for days in (10, 5):
        events.record_crisis_event(someone, at=NOON - days * DAY, source="test")
    swept = run_sweep(now=NOON)
    assert rows(someone, NOON - 12 * DAY) == [(1, "superseded")]
    assert rows(someone, NOON - 10 * DAY) == [(1, "superseded"), (2, "superseded")]
    assert rows(someone, NOON - 5 * DAY) == [(1, "superseded"), (2, "queued")]
    assert swept.counts["superseded"]["crisis_followup"] == 4


# --- Nothing is lost ---

ENDED = {"sent", "delivered", "undelivered", "failed", "unknown", "superseded"}
EVENTS = ["crisis", "late crisis", "contact", "opt out", "opt in", "pause"]
PROVIDER = {
    "tick": None,
    "tick, provider busy": SmsError(Outcome.BUSY, "busy"),
    "tick, no answer": SmsError(Outcome.UNKNOWN, "timeout"),
    "tick, refused": SmsError(Outcome.REJECTED, "no such number"),
}
happenings = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from([HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 10 * DAY, 30 * DAY]),
            st.integers(1, 200).map(lambda hours: hours * HOUR),
        ),
        st.one_of(
            st.sampled_from(list(PROVIDER)),
            st.sampled_from([*PROVIDER, "sweep", "deliver"]),
            st.sampled_from(EVENTS),
        ),
    ),
    min_size=5,
    max_size=15,
)


def live(someone: Caregiver, history, gateway) -> set[datetime]:
    """Let it all happen, then let the clock run until every cascade is over.

    Returns the crises that were the current one; one that is reported after a newer one never is.
    """
    now = swept = NOON
    events.record_crisis_event(someone, at=now, source="test")
    current = {now}
    for pause, what in history:
        now += pause
        happen(someone, what, now)
        current.add(someone.last_crisis_event_at)
        # No outage lasts longer than a cascade.
        if what == "sweep" or what in PROVIDER or now - swept > 40 * DAY:
            run_sweep(now=now, cadences=["crisis_followup"])
            swept = now
        if what == "deliver" or what in PROVIDER:
            gateway.fails_with = PROVIDER.get(what)
            deliver_queued(now=now)
    gateway.fails_with = None
    for later in (0 * DAY, 42 * DAY, 42 * DAY + HOUR):
        deliver_queued(now=now + later)
        run_sweep(now=now + later, cadences=["crisis_followup"])
    return current


def happen(someone: Caregiver, what: str, now: datetime) -> None:
    match what:
        case "crisis":
            events.record_crisis_event(someone, at=now, source="test")
        case "late crisis":  # reported two days after it happened
            events.record_crisis_event(someone, at=now - 2 * DAY, source="test")
        case "contact":
            events.record_contact(someone, at=now)
        case "opt out":
            events.record_opt_out(someone, at=now, source="test")
        case "opt in":
            events.record_opt_in(someone, at=now, source="test")
        case "pause":
            until = now + 5 * DAY
            Caregiver.objects.filter(pk=someone.pk).update(outreach_paused_until=until)


def test_every_follow_up_that_fell_due_while_its_crisis_was_current_has_one_end(gateway):
    seen = set()

    @checked(20)
    @given(happenings)
    def check(history):
        with undone():
            someone = person(last_contact_at=NOON - DAY)
            current = live(someone, history, gateway)
            for crisis in someone.crises.filter(at__in=current):
                until = (crisis.replaced_at or crisis.at + 1000 * DAY) - crisis.at
                for step in CRISIS_FOLLOWUP.steps:
                    ends = [end for stage, end in rows(someone, crisis.at) if stage == step.stage]
                    standing = [end for end in ends if end != Status.CANCELLED]
                    assert len(standing) <= 1
                    assert set(standing) <= ENDED
                    assert ends or step.due > until, (crisis, step.stage)
                    seen.update(ends)

    check()
    assert {"sent", "superseded", "cancelled", "unknown"} <= seen


def test_the_record_of_a_sweep_counts_what_it_settled():
    after_crisis(42 * DAY, sent=4)
    assert run_sweep(now=NOON).counts["superseded"] == {
        cadence.name: 3 * (cadence.name == "crisis_followup") for cadence in sweeps.CADENCES
    }


def test_missed_stages_of_the_same_person_open_one_alert():
    someone = after_crisis(15 * DAY)
    run_sweep(now=NOON)
    assert rows(someone) == [*((n, "superseded") for n in (1, 2, 3)), (4, "queued")]
    assert alerts(someone) == [MISSED]
    assert someone.alerts.get().message == Message.objects.get(stage=3)


@pytest.mark.parametrize(
    ("held_up_by", "says"),
    [
        ({"opted_out_at": NOON - DAY}, "opted out Mon 4 Jan 12:00"),
        ({"outreach_paused_until": NOON + DAY}, "paused by staff until Wed 6 Jan 12:00"),
        ({"time_zone": "Mars/Olympus"}, "time zone 'Mars/Olympus' is unknown"),
    ],
    ids=["consent", "pause", "window"],
)
def test_a_follow_up_that_is_held_up_beyond_its_time_is_somebodys_business_at_once(
    held_up_by, says
):
    crisis = NOON - 3 * DAY
    one = person(last_crisis_event_at=crisis, last_contact_at=crisis, **held_up_by)
    run_sweep(now=NOON - MOMENT)
    assert not CareAlert.objects.exists()
    for n in range(3):
        run_sweep(now=NOON + n * HOUR)
    alert = CareAlert.objects.get()
    assert (alert.kind, alert.caregiver, alert.occasion) == ("followup_missed", one, crisis)
    assert says in alert.detail


def test_a_switched_off_cadence_is_named_as_what_holds_a_follow_up_up():
    CadenceSwitch.objects.create(cadence="crisis_followup", is_on=False)
    crisis = NOON - 4 * DAY
    person(last_crisis_event_at=crisis, last_contact_at=crisis)
    run_sweep(now=NOON)
    assert CareAlert.objects.get().detail.endswith("it is held up: cadence is off.")


def test_whoever_was_only_locked_while_the_sweep_came_by_is_no_alert(monkeypatch):
    monkeypatch.setattr("proactive.accounting.lock_free", lambda keys: [])
    crisis = NOON - 4 * DAY
    person(last_crisis_event_at=crisis, last_contact_at=crisis, crisis_followup_count=0)
    run_sweep(now=NOON)
    assert (Message.objects.count(), CareAlert.objects.count()) == (0, 0)
