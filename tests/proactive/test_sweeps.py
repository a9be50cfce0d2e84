"""One pass over everybody: what it writes, whom it passes over, and what survives a failure."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from caregiving import events
from caregiving.models import Caregiver
from proactive import claiming, sweeps
from proactive.delivery import deliver_queued
from proactive.models import CadenceSwitch, CareAlert, Message, Status, Sweep
from proactive.sweeps import run_sweep
from proactive.wording import Wording
from tests.proactive.people import (
    DAY,
    DUE,
    FIRST,
    HOUR,
    MOMENT,
    NOON,
    due_for,
    person,
    sweep,
    sweep_among,
    undone,
)
from tests.proactive.strategies import checked, create, instants, populations

pytestmark = pytest.mark.django_db

COUNTER = {
    "crisis_followup": "crisis_followup_count",
    "dormant_reactivation": "reactivation_message_count",
    "assessment_reminder": "assessment_reminder_count",
    "onboarding_nudge": "onboarding_nudge_count",
}
NOTHING = dict.fromkeys(DUE, 0)


def texts(status: str = Status.QUEUED) -> list[tuple[str, int | None]]:
    return sorted(Message.objects.filter(status=status).values_list("cadence", "stage"))


# --- What is written ---


def test_the_queue_row_says_all_there_is_to_say():
    someone = due_for("crisis_followup", first_name="Ada", last_proactive_message_at=NOON - 2 * DAY)
    swept = run_sweep(now=NOON)
    row = Message.objects.values().get()
    body = row.pop("body")
    assert (row.pop("id").version, body.startswith("Hi Ada")) == (4, True)
    assert row.pop("because") == (
        "crisis Mon 4 Jan 10:00: 1 of 7 is due Tue 5 Jan 10:00 and fits until Thu 7 Jan 10:00; "
        "0 dealt with so far; no text for stage 1 of this occasion yet"
    )
    assert row == {
        "caregiver_id": someone.pk,
        "sweep_id": swept.pk,
        "to_number": str(someone.phone_number),
        "cadence": "crisis_followup",
        "stage": 1,
        "tier": "",
        "occasion": NOON - 26 * HOUR,
        "priority": 0,
        "segments": 1,
        "status": "queued",
        "reason": "",
        "queued_at": NOON,
        "gate_before": NOON - 2 * DAY,
        "attempts": 0,
        "attempt_started_at": None,
        "retry_at": None,
        "look_up_at": None,
        "lookups": 0,
        "sent_at": None,
        "delivered_at": None,
        "replied_at": None,
        "provider_sid": None,
        "error_code": "",
        "ordered_by_id": None,
    }


def test_a_check_in_has_a_tier_and_no_stage_and_no_two_are_the_same_obligation():
    due_for("wellness")
    run_sweep(now=NOON)
    row = Message.objects.get()
    assert (row.stage, row.tier, row.priority) == (None, "high", 1)


@pytest.mark.parametrize("cadence", DUE)
def test_gate_and_counter_are_set_with_the_text(cadence):
    someone = due_for(cadence)
    run_sweep(now=NOON)
    someone.refresh_from_db()
    assert someone.last_proactive_message_at == NOON
    counters = {name: getattr(someone, field) for name, field in COUNTER.items()}
    assert counters == {name: 1 if name == cadence else None for name in COUNTER}


@pytest.mark.parametrize("fails", ["the text", "gate and counter"])
def test_text_gate_and_counter_are_written_together_or_not_at_all(monkeypatch, fails):
    someone = due_for("crisis_followup")

    def fail(*args, **kwargs):
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patch:
        if fails == "the text":
            patch.setattr("django.db.models.query.QuerySet.bulk_create", fail)
        else:
            patch.setattr("django.db.models.query.QuerySet.update", fail)
        with pytest.raises(DatabaseError, match="the disk is full"):
            run_sweep(now=NOON)
    someone.refresh_from_db()
    assert (someone.last_proactive_message_at, someone.crisis_followup_count) == (None, None)
    assert texts() == []
    assert sweep() == [("crisis_followup", 1)]


def test_the_record_of_a_sweep_counts_what_it_did():
    due_for("crisis_followup", last_crisis_event_at=NOON - 8 * DAY)
    due_for("wellness")
    due_for("wellness")
    due_for("dormant_reactivation", last_contact_at=NOON - 40 * DAY)
    swept = Sweep.objects.get(pk=run_sweep(now=NOON).pk)
    assert swept.counts == {
        "queued": NOTHING | {"crisis_followup": 1, "wellness": 2},
        "superseded": NOTHING | {"crisis_followup": 2},
        "churned": 1,
        "deferred": {name: {} for name in NOTHING},
    }
    assert (swept.now, swept.dry_run, swept.error) == (NOON, False, "")
    assert swept.finished_at >= swept.started_at


def test_without_a_time_it_decides_for_now():
    before = datetime.now(UTC)
    assert before <= run_sweep().now <= datetime.now(UTC)


# --- Once, and the latest stage ---


@pytest.mark.parametrize("cadence", DUE)
def test_a_second_sweep_queues_nothing_twice(cadence):
    due_for(cadence)
    assert (sweep(), sweep(), sweep(NOON + HOUR)) == ([FIRST[cadence]], [], [])


def test_after_an_outage_the_latest_stage_is_sent_once_and_the_others_are_on_record(gateway):
    someone = due_for("crisis_followup", last_crisis_event_at=NOON - 22 * DAY)
    assert sweep() == [("crisis_followup", 5)]
    someone.refresh_from_db()
    assert someone.crisis_followup_count == 5
    overtaken = Message.objects.filter(status=Status.SUPERSEDED).order_by("stage")
    assert [(row.stage, row.reason, row.body, row.queued_at) for row in overtaken] == [
        (stage, "overtaken by stage 5", "", NOON) for stage in range(1, 5)
    ]
    deliver_queued(now=NOON)
    # The sixth is due in six days; until then nothing catches up.
    assert [sweep(NOON + days * DAY) for days in range(1, 7)] == [[]] * 5 + [
        [("crisis_followup", 6)]
    ]
    assert len(gateway.sent) == 1


def test_overtaken_follow_ups_open_one_alert_and_overtaken_routine_texts_none():
    someone = due_for("crisis_followup", last_crisis_event_at=NOON - 22 * DAY)
    due_for("dormant_reactivation", last_contact_at=NOON - 30 * DAY)
    run_sweep(now=NOON)
    assert texts(Status.SUPERSEDED) == [
        *(("crisis_followup", stage) for stage in range(1, 5)),
        ("dormant_reactivation", 1),
        ("dormant_reactivation", 2),
    ]
    (alert,) = CareAlert.objects.all()
    assert (alert.kind, alert.caregiver, alert.message.stage) == ("followup_missed", someone, 4)
    assert alert.detail == "Not sent in time: 1, 2, 3, 4 (overtaken by stage 5)."


def test_only_stages_above_the_counter_were_overtaken():
    due_for("crisis_followup", last_crisis_event_at=NOON - 22 * DAY, crisis_followup_count=2)
    run_sweep(now=NOON)
    assert texts(Status.SUPERSEDED) == [("crisis_followup", 3), ("crisis_followup", 4)]


BLOCKED = {
    "the night": ({"time_zone": "Asia/Tokyo"}, 11 * HOUR),
    "the gate": ({"last_proactive_message_at": NOON - 20 * HOUR}, 4 * HOUR),
    "a conversation": ({"last_contact_at": NOON - MOMENT}, HOUR - MOMENT),
    "a pause": ({"outreach_paused_until": NOON + HOUR}, HOUR),
}


@pytest.mark.parametrize(("fields", "later"), BLOCKED.values(), ids=BLOCKED)
def test_whoever_is_blocked_is_found_again_later(fields, later):
    due_for("crisis_followup", **fields)
    assert (sweep(), sweep(NOON + later)) == ([], [("crisis_followup", 1)])


def test_whoever_was_blocked_past_the_late_limit_gets_the_stage_of_that_day():
    due_for("crisis_followup", outreach_paused_until=NOON + 10 * DAY)
    assert (sweep(), sweep(NOON + 10 * DAY)) == ([], [("crisis_followup", 3)])
    assert texts(Status.SUPERSEDED) == [("crisis_followup", 1), ("crisis_followup", 2)]


# --- Churn ---


def phase(someone: Caregiver) -> str:
    someone.refresh_from_db()
    return someone.journey_phase


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        ({"last_contact_at": NOON - 31 * DAY}, "churned"),
        ({"last_contact_at": NOON - 31 * DAY + MOMENT}, "active"),
        ({"last_contact_at": None, "created_at": NOON - 31 * DAY}, "churned"),
        ({"last_contact_at": NOON - 31 * DAY, "opted_out_at": NOON - 30 * DAY}, "churned"),
        ({"last_contact_at": NOON - 31 * DAY, "time_zone": "Asia/Tokyo"}, "churned"),
        ({"last_contact_at": NOON - 31 * DAY, "journey_phase": "onboarding"}, "onboarding"),
        (
            {
                "last_contact_at": NOON - 42 * DAY,
                "last_crisis_event_at": NOON - 42 * DAY + MOMENT,
                "crisis_followup_count": 7,
            },
            "active",
        ),
        (
            {
                "last_contact_at": NOON - 42 * DAY,
                "last_crisis_event_at": NOON - 42 * DAY,
                "crisis_followup_count": 7,
            },
            "churned",
        ),
    ],
    ids=[
        "31 days",
        "a moment less",
        "never wrote",
        "opted out",
        "at night",
        "onboarding",
        "cascade open",
        "cascade over",
    ],
)
def test_31_days_of_silence_are_the_end_without_a_word(fields, after):
    someone = person(**fields, reactivation_message_count=3)
    swept = run_sweep(now=NOON)
    assert phase(someone) == after
    assert swept.counts["churned"] == (after == "churned")
    assert texts() == []


def test_after_the_third_reactivation_nothing_more_until_they_write(gateway):
    someone = person(
        last_contact_at=NOON - 30 * DAY,
        reactivation_message_count=2,
        burnout_band="high",
        last_proactive_message_at=NOON - DAY,
        first_name="",
        last_assessment_at=NOON - 12 * DAY,
    )
    assert sweep() == [("dormant_reactivation", 3)]
    deliver_queued(now=NOON)
    assert [sweep(NOON + days * DAY) for days in (1, 2, 9, 30, 100)] == [[]] * 5
    assert phase(someone) == "churned"
    events.record_contact(someone, at=NOON + 100 * DAY)
    assert (phase(someone), someone.reactivation_message_count) == ("active", 0)
    Caregiver.objects.filter(pk=someone.pk).update(burnout_band="", first_name="Ada")
    silence = [sweep(NOON + (100 + days) * DAY) for days in (6, 7)]
    assert silence == [[], [("dormant_reactivation", 1)]]


# --- Which cadences ---


def test_only_the_cadences_that_were_asked_for_are_swept():
    for cadence in DUE:
        due_for(cadence)
    silent = person(last_contact_at=NOON - 40 * DAY)
    chosen = ["onboarding_nudge", "wellness"]
    assert sweep(cadences=chosen) == [("wellness", "high"), ("onboarding_nudge", 1)]
    assert phase(silent) == "active"  # only the dormant sweep lets go of anybody


def test_an_unknown_cadence_is_refused_before_anything_is_done():
    due_for("wellness")
    with pytest.raises(ValueError, match="unknown cadence 'welness': choose from crisis_followup"):
        run_sweep(now=NOON, cadences=["wellness", "welness"])
    assert (Message.objects.count(), Sweep.objects.count()) == (0, 0)


@pytest.mark.parametrize("cadence", DUE)
def test_a_cadence_that_is_off_sends_nothing_and_the_others_do(cadence):
    CadenceSwitch.objects.create(cadence=cadence, is_on=False)
    people = {name: due_for(name) for name in DUE}
    assert sweep_among(people) == {**FIRST, cadence: None}


def test_a_cadence_that_is_paused_sends_again_at_the_instant_the_pause_ends():
    CadenceSwitch.objects.create(cadence="wellness", paused_until=NOON)
    due_for("wellness")
    assert (sweep(NOON - MOMENT), sweep(NOON)) == ([], [("wellness", "high")])


@pytest.mark.parametrize("switch", [{"is_on": False}, {"paused_until": NOON + MOMENT}], ids=str)
def test_while_everything_is_off_nothing_is_sent_and_nobody_is_let_go(switch):
    CadenceSwitch.objects.create(cadence=CadenceSwitch.EVERYTHING, **switch)
    for cadence in DUE:
        due_for(cadence)
    silent = person(last_contact_at=NOON - 40 * DAY)
    assert sweep() == []
    assert phase(silent) == "active"


# --- Dry run ---


def planned(swept: Sweep) -> list[tuple]:
    return sorted((one.phone_number, one.cadence, one.stage, one.body) for one in swept.planned)


def test_a_dry_run_plans_exactly_what_a_sweep_then_queues_and_changes_nothing():
    found = []

    @checked(12)
    @given(st.data(), instants)
    def check(data, now):
        with undone():
            create(data.draw(populations(now, most=10)), now)
            before = list(Caregiver.objects.order_by("pk").values())
            messages = list(Message.objects.order_by("pk").values())
            dry = run_sweep(now=now, dry_run=True)
            assert list(Caregiver.objects.order_by("pk").values()) == before
            assert list(Message.objects.order_by("pk").values()) == messages
            assert CareAlert.objects.count() == 0
            real = run_sweep(now=now)
            rows = Message.objects.filter(sweep=real, status=Status.QUEUED)
            values = rows.values_list("to_number", "cadence", "stage", "body")
            assert planned(dry) == sorted(values)
            assert dry.counts == real.counts
            assert (dry.dry_run, real.dry_run) == (True, False)
            found.extend(dry.planned)

    check()
    assert {one.cadence for one in found} == set(DUE)


# --- Batches ---


def test_nobody_is_passed_over_at_the_border_of_a_batch(monkeypatch):
    monkeypatch.setattr("proactive.sweeps.BATCH", 3)
    people = {}
    for n in range(11):
        # Some of them are not due, or are when they are asked for and not when they are locked.
        fields = {"opted_out_at": NOON - DAY} if n % 4 == 1 else {}
        people[f"{n}"] = due_for("wellness", **fields)
    assert sweep_among(people) == {
        label: None if int(label) % 4 == 1 else ("wellness", "high") for label in people
    }


def test_silent_people_of_several_batches_are_all_let_go(monkeypatch):
    monkeypatch.setattr("proactive.sweeps.BATCH", 2)
    silent = [person(last_contact_at=NOON - 40 * DAY) for _ in range(5)]
    assert run_sweep(now=NOON).counts["churned"] == 5
    assert {phase(one) for one in silent} == {"churned"}


def test_an_error_keeps_what_was_committed_and_the_next_sweep_does_the_rest(monkeypatch):
    monkeypatch.setattr("proactive.sweeps.BATCH", 2)
    people = {f"{n}": due_for("wellness") for n in range(5)}
    compose, composed = Wording.compose, []

    def failing(self, caregiver, cadence, step):
        composed.append(caregiver)
        if len(composed) == 4:
            raise DatabaseError("connection lost")
        return compose(self, caregiver, cadence, step)

    with monkeypatch.context() as patch:
        patch.setattr(Wording, "compose", failing)
        with pytest.raises(DatabaseError, match="connection lost"):
            run_sweep(now=NOON)
    failed = Sweep.objects.get()
    assert (failed.error, failed.finished_at) == ("DatabaseError: connection lost", None)
    assert failed.counts["queued"] == NOTHING | {"wellness": 2}
    assert Message.objects.filter(sweep=failed).count() == 2
    assert list(sweep_among(people).values()) == [None] * 2 + [("wellness", "high")] * 3
    assert sorted(Message.objects.values_list("caregiver", flat=True)) == sorted(
        one.pk for one in people.values()
    )


def queries_of_a_sweep() -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        run_sweep(now=NOON)
    statements = [one["sql"] for one in queries]
    # SQLite takes so many parameters a statement: rows are inserted a few dozen at a time.
    return [sql for sql in statements if not sql.startswith('INSERT INTO "proactive_message"')]


def test_the_number_of_queries_does_not_grow_with_the_number_of_people():
    counts = []
    for people in (5, 60):
        with undone():
            for _ in range(people):
                due_for("crisis_followup", last_crisis_event_at=NOON - 8 * DAY)
            counts.append(len(queries_of_a_sweep()))
            assert Message.objects.filter(status=Status.QUEUED).count() == people
    assert counts[0] == counts[1]


# --- Somebody else is at work ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="on SQLite the whole transaction is the lock"
)
def test_whoever_is_locked_is_passed_over_and_found_by_the_next_sweep():
    people = {"locked": due_for("wellness"), "free": due_for("wellness")}
    locked, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Caregiver.objects.select_for_update().get(pk=people["locked"].pk)
            locked.set()
            done.wait(30)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(30)
        assert sweep_among(people) == {"locked": None, "free": ("wellness", "high")}
    finally:
        done.set()
        holder.join()
    assert sweep_among(people) == {"locked": ("wellness", "high"), "free": None}


@pytest.mark.parametrize("field", ["last_contact_at", "created_at"])
def test_a_date_at_the_end_of_time_keeps_nobody_else_from_their_text(field):
    # West of Greenwich this instant would be before the year 1.
    odd = datetime(1, 1, 1, tzinfo=UTC)
    due_for(
        "wellness", **{field: odd, "time_zone": "America/Chicago", "phone_number": "+14155550199"}
    )
    other = due_for("wellness")
    run_sweep(now=NOON)
    assert Message.objects.filter(caregiver=other).count() == 1


def test_somebody_for_whom_no_text_can_be_written_keeps_nobody_else_from_theirs(monkeypatch):
    culprit, other = due_for("wellness"), due_for("wellness")
    compose = Wording.compose

    def fail_for_one(self, caregiver, cadence, step):
        if caregiver == culprit:
            raise ValueError
        return compose(self, caregiver, cadence, step)

    monkeypatch.setattr(Wording, "compose", fail_for_one)
    run_sweep(now=NOON)
    assert list(Message.objects.values_list("caregiver", flat=True)) == [other.pk]
    culprit.refresh_from_db()
    assert culprit.last_proactive_message_at is None


def test_a_sweep_of_several_batches_shows_how_far_it_is(monkeypatch):
    monkeypatch.setattr(sweeps, "BATCH", 2)
    for _ in range(5):
        due_for("wellness")
    seen = []
    claim = claiming.claim

    def watched(*arguments, **keywords):
        seen.append(Sweep.objects.get().texts_queued)
        return claim(*arguments, **keywords)

    monkeypatch.setattr(claiming, "claim", watched)
    run_sweep(now=NOON)

    assert seen == [0, 2, 4]
    assert Sweep.objects.get().texts_queued == 5


@pytest.mark.django_db(transaction=True)
def test_batches_that_are_claimed_at_once_give_each_person_one_text(monkeypatch):
    monkeypatch.setattr(sweeps, "BATCH", 2)
    people = [due_for("wellness") for _ in range(9)]
    swept = run_sweep(now=NOON)

    assert swept.counts["queued"]["wellness"] == swept.texts_queued == len(people)
    assert sorted(Message.objects.values_list("caregiver", flat=True)) == sorted(
        one.pk for one in people
    )
    assert not run_sweep(now=NOON).texts_queued


@pytest.mark.django_db(transaction=True)
def test_what_a_failing_sweep_has_committed_is_counted_whichever_thread_did_it(monkeypatch):
    monkeypatch.setattr(sweeps, "BATCH", 2)
    for _ in range(9):
        due_for("wellness")
    claim, claims = claiming.claim, []

    def fail_later(*arguments, **keywords):
        claims.append(arguments)
        if len(claims) == 3:
            raise DatabaseError("gone")
        return claim(*arguments, **keywords)

    monkeypatch.setattr(claiming, "claim", fail_later)
    with pytest.raises(DatabaseError):
        run_sweep(now=NOON)
    committed = Message.objects.count()
    assert Sweep.objects.get().texts_queued == committed
    assert committed in (4, 6)  # whatever the other thread had under way
