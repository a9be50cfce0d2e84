"""Whatever happens to a person, in whatever order the news of it arrives."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count, permutations

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caregiving import events
from caregiving.events import (
    adopt_earlier_texts,
    record_contact,
    record_crisis_event,
    record_opt_in,
    record_opt_out,
    record_pause,
    record_wellness_score,
)
from caregiving.models import (
    BurnoutBand,
    Caregiver,
    ConsentChange,
    CrisisEvent,
    InboundMessage,
    JourneyPhase,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVENTS = {
    "contact": record_contact,
    "crisis": record_crisis_event,
    "score": lambda person, **at: record_wellness_score(
        person, score=40, burnout_band="high", **at
    ),
    "opt-out": record_opt_out,
    "opt-in": record_opt_in,
}
_numbers = count(2_000_000)

any_event = pytest.mark.parametrize("record", EVENTS.values(), ids=EVENTS)
any_contact = pytest.mark.parametrize(
    "record",
    [EVENTS[name] for name in ("contact", "crisis", "score")],
    ids=["contact", "crisis", "score"],
)


def hour(n: float) -> datetime:
    return NOON + timedelta(hours=n)


def somebody(**fields) -> Caregiver:
    return Caregiver.objects.create(phone_number=f"+1415{next(_numbers)}", **fields)


def state(person: Caregiver) -> dict:
    """Everything that is known of a person, the history included."""
    return {
        "person": Caregiver.objects.filter(pk=person.pk).values().get(),
        "scores": list(person.scores.order_by("pk").values()),
        "crises": list(person.crises.order_by("pk").values()),
        "consents": list(person.consents.order_by("pk").values()),
    }


def stored(person: Caregiver) -> Caregiver:
    return Caregiver.objects.get(pk=person.pk)


def crises(person: Caregiver) -> list[tuple]:
    """(at, replaced_at), oldest first."""
    return list(person.crises.order_by("at").values_list("at", "replaced_at"))


# --- Every event ---


@pytest.mark.django_db
class TestEveryEvent:
    @any_event
    def test_refuses_a_naive_datetime_and_changes_nothing(self, record):
        person = somebody()
        before = state(person)
        with pytest.raises(ValueError, match="at must be an aware datetime"):
            record(person, at=datetime(2026, 3, 2, 12))  # noqa: DTZ001
        assert state(person) == before

    @any_event
    def test_twice_is_as_once(self, record):
        person = somebody()
        record(person, at=hour(1))
        once = state(person)
        record(person, at=hour(1))
        assert state(person) == once

    @any_event
    def test_brings_the_instance_up_to_date_and_returns_it(self, record):
        person = somebody()
        stale = stored(person)
        Caregiver.objects.filter(pk=person.pk).update(first_name="Ruth", onboarding_nudge_count=2)
        returned = record(stale, at=hour(1))
        assert returned is stale
        assert Caregiver.objects.filter(pk=person.pk).values().get() == {
            field.attname: getattr(stale, field.attname) for field in Caregiver._meta.fields
        }
        assert (stale.first_name, stale.onboarding_nudge_count) == ("Ruth", 2)

    @any_event
    def test_keeps_what_a_stale_instance_has_not_seen(self, record):
        person = somebody()
        stale = stored(person)
        record_crisis_event(person, at=hour(5))
        record_opt_out(person, at=hour(5))
        Caregiver.objects.filter(pk=person.pk).update(crisis_followup_count=3)
        record(stale, at=hour(1))
        kept = stored(person)
        assert kept.last_crisis_event_at == hour(5)
        assert kept.crisis_followup_count == 3
        assert kept.last_contact_at == hour(5)
        assert kept.opted_out_at == hour(5)

    @any_event
    def test_of_somebody_who_was_deleted_says_so(self, record):
        person = somebody()
        stale = stored(person)
        person.delete()
        with pytest.raises(Caregiver.DoesNotExist):
            record(stale, at=hour(1))

    @any_event
    def test_leaves_other_people_alone(self, record):
        person, other = somebody(), somebody()
        before = state(other)
        record(person, at=hour(1))
        assert state(other) == before

    @pytest.mark.parametrize(
        ("name", "field"),
        [
            ("contact", "last_contact_at"),
            ("crisis", "last_crisis_event_at"),
            ("score", "last_assessment_at"),
            ("opt-out", "opted_out_at"),
            ("opt-in", "opted_in_at"),
        ],
    )
    def test_happens_now_unless_told_otherwise(self, name, field):
        person = somebody()
        with time_machine.travel(hour(7), tick=False):
            EVENTS[name](person)
        assert getattr(stored(person), field) == hour(7)


# --- Contact ---


@pytest.mark.django_db
class TestContact:
    @any_contact
    def test_ends_the_silence(self, record):
        person = somebody(last_contact_at=hour(0), reactivation_message_count=2)
        record(person, at=hour(1))
        assert stored(person).last_contact_at == hour(1)
        assert stored(person).reactivation_message_count == 0

    @any_contact
    def test_brings_back_whoever_had_churned(self, record):
        person = somebody(journey_phase=JourneyPhase.CHURNED, reactivation_message_count=3)
        record(person, at=hour(1))
        assert stored(person).journey_phase == JourneyPhase.ACTIVE
        assert stored(person).reactivation_message_count == 0

    @any_contact
    def test_leaves_the_onboarding_and_the_active_where_they_are(self, record):
        for phase in (JourneyPhase.ONBOARDING, JourneyPhase.ACTIVE):
            person = somebody(journey_phase=phase)
            record(person, at=hour(1))
            assert stored(person).journey_phase == phase

    @any_contact
    def test_is_no_consent(self, record):
        person = somebody(opted_out_at=hour(0))
        record(person, at=hour(1))
        assert stored(person).opted_out_at == hour(0)

    @any_contact
    def test_that_is_older_does_not_move_it_back(self, record):
        person = somebody(last_contact_at=hour(5), reactivation_message_count=2)
        record(person, at=hour(1))
        assert stored(person).last_contact_at == hour(5)
        assert stored(person).reactivation_message_count == 2

    @any_contact
    def test_from_before_the_last_one_does_not_bring_back_the_churned(self, record):
        person = somebody(last_contact_at=hour(5), journey_phase=JourneyPhase.CHURNED)
        record(person, at=hour(1))
        assert stored(person).journey_phase == JourneyPhase.CHURNED

    def test_touches_no_other_counter(self):
        person = somebody(
            crisis_followup_count=4,
            assessment_reminder_count=1,
            onboarding_nudge_count=1,
            last_proactive_message_at=hour(0),
        )
        before = state(person)["person"]
        record_contact(person, at=hour(1))
        assert state(person)["person"] == before | {
            "last_contact_at": hour(1),
            "reactivation_message_count": 0,
        }


# --- Crisis ---


@pytest.mark.django_db
class TestCrisisEvent:
    def test_opens_a_new_occasion(self):
        person = somebody(crisis_followup_count=None)
        record_crisis_event(person, at=hour(1), source="staff")
        assert stored(person).last_crisis_event_at == hour(1)
        assert stored(person).crisis_followup_count == 0
        assert crises(person) == [(hour(1), None)]
        assert person.crises.get().source == "staff"

    def test_that_is_repeated_does_not_begin_the_follow_ups_anew(self):
        person = somebody()
        record_crisis_event(person, at=hour(1), source="staff")
        Caregiver.objects.filter(pk=person.pk).update(crisis_followup_count=3)
        record_crisis_event(person, at=hour(1), source="import")
        assert stored(person).crisis_followup_count == 3
        assert crises(person) == [(hour(1), None)]
        assert person.crises.get().source == "staff"

    def test_that_is_newer_begins_them_anew_and_remembers_the_old_one(self):
        person = somebody()
        record_crisis_event(person, at=hour(1))
        Caregiver.objects.filter(pk=person.pk).update(crisis_followup_count=3)
        record_crisis_event(person, at=hour(2))
        assert stored(person).last_crisis_event_at == hour(2)
        assert stored(person).crisis_followup_count == 0
        assert crises(person) == [(hour(1), hour(2)), (hour(2), None)]

    def test_leaves_an_earlier_replacement_as_it_was(self):
        person = somebody()
        for n in (1, 2, 3):
            record_crisis_event(person, at=hour(n))
        assert crises(person) == [(hour(1), hour(2)), (hour(2), hour(3)), (hour(3), None)]

    def test_that_is_replaced_has_yet_to_be_accounted_for(self):
        person = somebody()
        record_crisis_event(person, at=hour(1))
        record_crisis_event(person, at=hour(2))
        assert list(person.crises.order_by("at").values_list("settled_at", flat=True)) == [
            None,
            None,
        ]

    def test_that_arrives_late_is_history_with_nothing_to_account_for(self):
        person = somebody()
        record_crisis_event(person, at=hour(5))
        Caregiver.objects.filter(pk=person.pk).update(crisis_followup_count=3)
        with time_machine.travel(hour(6), tick=False):
            record_crisis_event(person, at=hour(1), source="import")
        assert stored(person).last_crisis_event_at == hour(5)
        assert stored(person).crisis_followup_count == 3
        assert crises(person) == [(hour(1), hour(5)), (hour(5), None)]
        assert person.crises.get(at=hour(1)).settled_at == hour(6)

    def test_that_came_with_an_import_leaves_a_trace_when_a_newer_one_takes_its_place(self):
        person = somebody(last_crisis_event_at=hour(1), crisis_followup_count=2)
        assert crises(person) == []
        record_crisis_event(person, at=hour(9))
        assert crises(person) == [(hour(1), hour(9)), (hour(9), None)]
        assert person.crises.get(at=hour(1)).settled_at is None

    def test_that_came_with_an_import_is_the_same_crisis_when_reported_again(self):
        person = somebody(last_crisis_event_at=hour(1), crisis_followup_count=2)
        record_crisis_event(person, at=hour(1))
        assert stored(person).crisis_followup_count == 2
        assert crises(person) == [(hour(1), None)]

    def test_that_was_taken_off_the_row_by_hand_may_be_reported_again(self):
        person = somebody()
        record_crisis_event(person, at=hour(1))
        record_crisis_event(person, at=hour(2))
        Caregiver.objects.filter(pk=person.pk).update(last_crisis_event_at=None)
        record_crisis_event(person, at=hour(2))
        assert stored(person).last_crisis_event_at == hour(2)
        assert crises(person) == [(hour(1), hour(2)), (hour(2), None)]

    def test_changes_no_band_and_no_assessment(self):
        person = somebody(burnout_band="mild", last_assessment_at=hour(0))
        record_crisis_event(person, at=hour(1))
        assert stored(person).burnout_band == "mild"
        assert stored(person).last_assessment_at == hour(0)


# --- Scores ---


def score(person: Caregiver, band: str, n: float, points: int = 40) -> Caregiver:
    return record_wellness_score(person, score=points, burnout_band=band, at=hour(n))


@pytest.mark.django_db
class TestWellnessScore:
    def test_is_kept_and_sets_the_band(self):
        person = somebody(burnout_band="mild", assessment_reminder_count=2)
        score(person, "high", 1, points=30)
        assert stored(person).burnout_band == "high"
        assert stored(person).last_assessment_at == hour(1)
        assert stored(person).assessment_reminder_count == 0
        assert list(person.scores.values_list("score", "burnout_band", "created_at")) == [
            (30, "high", hour(1))
        ]

    @pytest.mark.parametrize("band", ["", "thriving", "mild", "moderate", "high"])
    def test_that_enters_crisis_is_a_crisis_event(self, band):
        person = somebody(burnout_band=band)
        score(person, "crisis", 1)
        assert stored(person).last_crisis_event_at == hour(1)
        assert stored(person).crisis_followup_count == 0
        assert crises(person) == [(hour(1), None)]

    def test_that_stays_in_crisis_is_none(self):
        person = somebody()
        score(person, "crisis", 1)
        Caregiver.objects.filter(pk=person.pk).update(crisis_followup_count=4)
        score(person, "crisis", 2)
        assert stored(person).last_crisis_event_at == hour(1)
        assert stored(person).crisis_followup_count == 4
        assert stored(person).last_assessment_at == hour(2)
        assert crises(person) == [(hour(1), None)]

    def test_that_leaves_crisis_and_enters_it_again_is_a_new_one(self):
        person = somebody()
        for n, band in enumerate(["crisis", "high", "crisis"]):
            score(person, band, n)
        assert crises(person) == [(hour(0), hour(2)), (hour(2), None)]
        assert stored(person).last_crisis_event_at == hour(2)

    @pytest.mark.parametrize("band", ["thriving", "mild", "moderate", "high"])
    def test_of_any_other_band_is_no_crisis_event(self, band):
        person = somebody()
        score(person, band, 1)
        assert stored(person).last_crisis_event_at is None
        assert crises(person) == []

    def test_of_a_crisis_that_arrives_late_is_history_only(self):
        person = somebody()
        score(person, "mild", 5)
        Caregiver.objects.filter(pk=person.pk).update(assessment_reminder_count=1)
        score(person, "crisis", 1)
        assert stored(person).burnout_band == "mild"
        assert stored(person).last_assessment_at == hour(5)
        assert stored(person).assessment_reminder_count == 1
        assert stored(person).last_crisis_event_at is None
        assert crises(person) == []
        assert person.scores.count() == 2

    def test_that_is_repeated_gives_no_reminders_back(self):
        person = somebody()
        score(person, "high", 1)
        Caregiver.objects.filter(pk=person.pk).update(assessment_reminder_count=2)
        score(person, "high", 1)
        assert stored(person).assessment_reminder_count == 2
        assert person.scores.count() == 1

    @pytest.mark.parametrize("points", [0, 100])
    def test_may_be_anything_from_0_to_100(self, points):
        person = somebody()
        score(person, "moderate", 1, points=points)
        assert person.scores.get().score == points

    @pytest.mark.parametrize("points", [-1, 101])
    def test_out_of_range_is_refused_and_changes_nothing(self, points):
        person = somebody()
        before = state(person)
        with pytest.raises(ValueError, match=f"score must be 0 to 100, not {points}"):
            score(person, "moderate", 1, points=points)
        assert state(person) == before

    @pytest.mark.parametrize("band", ["", "Crisis", "exhausted"])
    def test_with_an_unknown_band_is_refused_and_changes_nothing(self, band):
        person = somebody()
        before = state(person)
        with pytest.raises(ValueError, match="thriving, mild, moderate, high, crisis"):
            score(person, band, 1)
        assert state(person) == before


# --- Consent ---


@pytest.mark.django_db
class TestConsent:
    def test_an_opt_out_is_recorded_with_its_source(self):
        person = somebody()
        record_opt_out(person, at=hour(1), source="STOP")
        assert stored(person).opted_out_at == hour(1)
        assert list(person.consents.values_list("opted_in", "at", "source")) == [
            (False, hour(1), "STOP")
        ]

    def test_an_opt_in_is_recorded_with_its_source(self):
        person = somebody(opted_out_at=hour(0))
        record_opt_in(person, at=hour(1), source="START")
        assert stored(person).opted_out_at is None
        assert stored(person).opted_in_at == hour(1)
        assert list(person.consents.values_list("opted_in", "at", "source")) == [
            (True, hour(1), "START")
        ]

    @pytest.mark.parametrize("record", [record_opt_out, record_opt_in])
    def test_is_no_contact(self, record):
        person = somebody(
            journey_phase=JourneyPhase.CHURNED,
            last_contact_at=hour(0),
            reactivation_message_count=3,
        )
        record(person, at=hour(1))
        assert stored(person).journey_phase == JourneyPhase.CHURNED
        assert stored(person).last_contact_at == hour(0)
        assert stored(person).reactivation_message_count == 3

    def test_the_newest_word_holds_in_whatever_order_four_arrive(self):
        for last_is_in in (False, True):
            said = [(n, (n % 2 == 0) == last_is_in) for n in range(4, 0, -1)]
            for arrival in permutations(said):
                person = somebody()
                for n, opts_in in arrival:
                    (record_opt_in if opts_in else record_opt_out)(person, at=hour(n))
                assert (stored(person).opted_out_at is None) == last_is_in, arrival

    def test_at_one_instant_the_opt_out_wins(self):
        for arrival in permutations([record_opt_in, record_opt_out]):
            person = somebody()
            for record in arrival:
                record(person, at=hour(1))
            assert stored(person).opted_out_at == hour(1)

    def test_an_opt_out_that_came_with_an_import_stands_against_an_older_opt_in(self):
        person = somebody(opted_out_at=hour(5))
        record_opt_in(person, at=hour(1))
        assert stored(person).opted_out_at == hour(5)


# --- Pauses ---


@pytest.mark.django_db
class TestPause:
    def test_the_latest_word_of_staff_holds_whether_longer_or_shorter(self):
        person = somebody()
        for until in (hour(5), hour(9), hour(2)):
            record_pause(person, until=until)
            assert stored(person).outreach_paused_until == until

    def test_no_end_ends_the_pause(self):
        person = somebody(outreach_paused_until=hour(5))
        returned = record_pause(person, until=None)
        assert returned is person
        assert stored(person).outreach_paused_until is None

    def test_refuses_a_naive_datetime_and_changes_nothing(self):
        person = somebody()
        with pytest.raises(ValueError, match="at must be an aware datetime"):
            record_pause(person, until=datetime(2026, 3, 2, 12))  # noqa: DTZ001
        assert stored(person).outreach_paused_until is None

    def test_keeps_what_a_stale_instance_has_not_seen(self):
        person = somebody()
        stale = stored(person)
        record_opt_out(person, at=hour(1))
        record_pause(stale, until=hour(5))
        assert stored(person).opted_out_at == stale.opted_out_at == hour(1)


# --- Any order ---

# The database of one test serves all its examples: each has a person of its own.
in_any_order = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def happenings(kinds) -> st.SearchStrategy:
    """Up to seven events at distinct hours, in the order in which they arrive."""
    return st.lists(
        st.tuples(st.integers(0, 100), kinds), min_size=1, max_size=7, unique_by=lambda e: e[0]
    )


@pytest.mark.django_db
class TestAnyOrder:
    @in_any_order
    @given(happenings(st.booleans()))
    def test_of_consent_ends_with_the_newest_word(self, arrival):
        person = somebody()
        for n, opts_in in arrival:
            (record_opt_in if opts_in else record_opt_out)(person, at=hour(n))
        assert (stored(person).opted_out_at is None) == max(arrival)[1]
        assert person.consents.count() == len(arrival)

    @in_any_order
    @given(happenings(st.sampled_from(["contact", "crisis", *BurnoutBand.values[:-1]])))
    def test_of_news_ends_with_the_newest_of_each_kind(self, arrival):
        person = somebody(journey_phase=JourneyPhase.CHURNED)
        for n, kind in arrival:
            if kind == "contact":
                record_contact(person, at=hour(n))
            elif kind == "crisis":
                record_crisis_event(person, at=hour(n))
            else:
                score(person, kind, n)
        crisis_hours = [n for n, kind in arrival if kind == "crisis"]
        scores = [(n, kind) for n, kind in arrival if kind in BurnoutBand.values[:-1]]
        end = stored(person)
        assert end.journey_phase == JourneyPhase.ACTIVE
        assert end.last_contact_at == hour(max(arrival)[0])
        assert end.last_crisis_event_at == (hour(max(crisis_hours)) if crisis_hours else None)
        assert end.last_assessment_at == (hour(max(scores)[0]) if scores else None)
        assert end.burnout_band == (max(scores)[1] if scores else "")
        assert [at for at, _ in crises(person)] == [hour(n) for n in sorted(crisis_hours)]
        assert [at for at, replaced in crises(person) if replaced is None] == [
            hour(n) for n in sorted(crisis_hours)[-1:]
        ]
        assert person.scores.count() == len(scores)

    @in_any_order
    @given(happenings(st.sampled_from(BurnoutBand.values)))
    def test_of_scores_ends_in_the_newest_band_with_a_crisis_if_that_is_crisis(self, arrival):
        person = somebody()
        for n, band in arrival:
            score(person, band, n)
        end = stored(person)
        assert end.last_contact_at == end.last_assessment_at == hour(max(arrival)[0])
        assert end.burnout_band == max(arrival)[1]
        if end.burnout_band == BurnoutBand.CRISIS:
            assert end.last_crisis_event_at in [hour(n) for n, band in arrival if band == "crisis"]


# --- Texts of strangers ---


def text(number: str, n: float, intent: str = "") -> InboundMessage:
    """Received `n` hours after NOON, when nobody was known to have the number."""
    return InboundMessage.objects.create(
        from_number=number, received_at=hour(n), intent=intent, provider_sid=f"SM{number}{n}"
    )


def owners() -> list[int | None]:
    return list(InboundMessage.objects.order_by("pk").values_list("caregiver", flat=True))


@pytest.mark.django_db
class TestTextsOfStrangers:
    def test_belong_to_whoever_has_the_number_by_now_and_a_stop_holds_since_it_came(self):
        person = somebody()
        text(person.phone_number, 1)
        text(person.phone_number, 2, "stop")
        adopt_earlier_texts()
        assert owners() == [person.pk] * 2
        assert stored(person).opted_out_at == hour(2)
        assert list(person.consents.values_list("opted_in", "at", "source")) == [
            (False, hour(2), "text")
        ]

    @pytest.mark.parametrize(
        ("stop", "start", "opted_out_at"), [(1, 2, None), (2, 1, hour(2))], ids=["start", "stop"]
    )
    def test_end_with_the_last_word(self, stop, start, opted_out_at):
        person = somebody()
        text(person.phone_number, stop, "stop")
        text(person.phone_number, start, "start")
        adopt_earlier_texts()
        assert stored(person).opted_out_at == opted_out_at

    def test_do_not_undo_a_newer_word(self):
        person = somebody()
        text(person.phone_number, 1, "stop")
        record_opt_in(person, at=hour(2))
        adopt_earlier_texts()
        assert stored(person).opted_out_at is None

    def test_are_adopted_once(self):
        person = somebody()
        text(person.phone_number, 1, "stop")
        adopt_earlier_texts()
        once = state(person)
        with CaptureQueriesContext(connection) as queries:
            adopt_earlier_texts()
        assert (state(person), len(queries)) == (once, 1)

    def test_of_numbers_that_nobody_has_stay(self):
        bystander = somebody()
        before = state(bystander)
        text("+12025550143", 1, "stop")
        text("a name", 1, "stop")
        adopt_earlier_texts()
        assert (owners(), state(bystander)) == ([None, None], before)

    def test_say_nothing_about_a_number_that_cannot_be_reached(self):
        person = somebody(unreachable_at=hour(0))
        text(person.phone_number, -1)
        adopt_earlier_texts()
        assert stored(person).unreachable_at == hour(0)

    def test_are_looked_for_a_batch_at_a_time_until_all_are_found(self, monkeypatch):
        monkeypatch.setattr(events, "BATCH", 2)
        people = [somebody() for _ in range(5)]
        for n in (1, 2):
            for person in people:
                text(person.phone_number, n, "stop")
        with CaptureQueriesContext(connection) as queries:
            adopt_earlier_texts()
        assert owners() == [person.pk for person in people] * 2
        assert [stored(person).opted_out_at for person in people] == [hour(1)] * 5
        assert sum("DISTINCT" in one["sql"] for one in queries) == 4  # 2, 2, 1, none


# --- Two at once ---


def at_once(*calls) -> None:
    """Run each call in a thread with a connection of its own, all starting together."""
    start = threading.Barrier(len(calls))
    errors = []

    def run(call) -> None:
        try:
            start.wait(timeout=10)
            call()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert errors == []
    assert not any(thread.is_alive() for thread in threads)


def behind(first, second) -> None:
    """Run `second` on another connection while the transaction of `first` is still open."""
    began = threading.Event()

    def run() -> None:
        began.set()
        try:
            second()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        began.wait(timeout=10)
        thread.join(timeout=0.3)
        assert thread.is_alive()  # it waits for the row
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_an_older_crisis_that_waited_for_a_newer_one_does_not_undo_it(self):
        person = somebody()
        stale = stored(person)
        behind(
            lambda: record_crisis_event(person, at=hour(2)),
            lambda: record_crisis_event(stale, at=hour(1)),
        )
        assert stored(person).last_crisis_event_at == hour(2)
        assert stored(person).last_contact_at == hour(2)
        assert crises(person) == [(hour(1), hour(2)), (hour(2), None)]

    def test_a_newer_crisis_that_waited_for_an_older_one_replaces_it(self):
        person = somebody()
        stale = stored(person)
        behind(
            lambda: record_crisis_event(person, at=hour(1)),
            lambda: record_crisis_event(stale, at=hour(2)),
        )
        assert stored(person).last_crisis_event_at == hour(2)
        assert crises(person) == [(hour(1), hour(2)), (hour(2), None)]

    def test_a_contact_that_waited_for_an_opt_out_keeps_it(self):
        person = somebody()
        stale = stored(person)
        behind(
            lambda: record_opt_out(person, at=hour(1)),
            lambda: record_contact(stale, at=hour(2)),
        )
        assert stored(person).opted_out_at == hour(1)
        assert stored(person).last_contact_at == hour(2)

    def test_the_opt_in_that_waited_for_a_newer_opt_out_changes_nothing(self):
        person = somebody(opted_out_at=hour(0))
        stale = stored(person)
        behind(
            lambda: record_opt_out(person, at=hour(3)),
            lambda: record_opt_in(stale, at=hour(2)),
        )
        assert stored(person).opted_out_at is not None

    def test_one_crisis_reported_twice_at_once_is_one_crisis(self):
        person = somebody()
        at_once(*[lambda: record_crisis_event(stored(person), at=hour(1))] * 4)
        assert crises(person) == [(hour(1), None)]
        assert stored(person).last_crisis_event_at == hour(1)

    def test_two_crises_at_once_leave_the_newer_one_and_a_history_of_both(self):
        person = somebody()
        at_once(
            lambda: record_crisis_event(stored(person), at=hour(1)),
            lambda: record_crisis_event(stored(person), at=hour(2)),
        )
        assert stored(person).last_crisis_event_at == hour(2)
        assert crises(person) == [(hour(1), hour(2)), (hour(2), None)]

    def test_an_opt_out_and_a_contact_at_once_both_stand(self):
        person = somebody(journey_phase=JourneyPhase.CHURNED)
        at_once(
            lambda: record_opt_out(stored(person), at=hour(1)),
            lambda: record_contact(stored(person), at=hour(1)),
        )
        assert stored(person).opted_out_at == hour(1)
        assert stored(person).last_contact_at == hour(1)
        assert stored(person).journey_phase == JourneyPhase.ACTIVE

    def test_of_many_contacts_at_once_the_newest_stands(self):
        person = somebody()
        at_once(
            *[lambda n=n: record_contact(stored(person), at=hour(n)) for n in (3, 1, 7, 2, 5, 6)]
        )
        assert stored(person).last_contact_at == hour(7)

    def test_of_everything_at_once_nothing_is_lost(self):
        person, other = somebody(), somebody()
        calls = [
            lambda record=record, who=who, n=n: record(stored(who), at=hour(n))
            for record in EVENTS.values()
            for who, n in [(person, 1), (other, 2)]
        ]
        at_once(*calls)
        for who, n in [(person, 1), (other, 2)]:
            end = stored(who)
            assert end.last_contact_at == end.last_crisis_event_at == hour(n)
            assert end.last_assessment_at == end.opted_out_at == hour(n)
            assert who.scores.count() == 1
        assert CrisisEvent.objects.count() == 2
        assert ConsentChange.objects.count() == 4
