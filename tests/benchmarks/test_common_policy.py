"""Each habit of the policy as commonly written loses what it is said to, and mended it does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.common_policy import CommonPolicy
from benchmarks.habits import Habit
from proactive.simulation import ledger
from proactive.simulation.happenings import Happening, Kind, Person
from proactive.simulation.log import Accepted, Happened, Log
from proactive.simulation.spec import Spec
from proactive.sms.gateway import Outcome, SmsError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# A Monday in winter, on which nothing is an hour off.
STARTS = datetime(2026, 1, 5, 12, tzinfo=UTC)
LONG_AGO = STARTS - 400 * DAY


class World:
    """One person, a clock and a provider, which fails with whatever stands in `errors`."""

    def __init__(self, *, without: tuple[Habit, ...] = (), zone: str = "UTC", **row: Any):
        self.at = STARTS
        self.sent: list[tuple[int, str, int | None]] = []  # on which day, which cadence and stage
        self.sent_at: list[datetime] = []
        self.errors: list[SmsError] = []
        self.person = Person(0, "+12025550123", zone, {"created_at": LONG_AGO, **COMPLETE, **row})
        spec = Spec(seed=1, people=1, days=100, starts=STARTS, tick_minutes=60)
        self.policy = CommonPolicy(clock=self, provider=self, spec=spec, mended=without)
        self.policy.begin([self.person])

    def now(self) -> datetime:
        return self.at

    def send_plain(self, person: Person, *, cadence: str, stage: int | None, **_: Any) -> str:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(((self.at - STARTS).days, cadence, stage))
        self.sent_at.append(self.at)
        return f"SM{len(self.sent)}"

    def happens(self, kind: Kind, **data: Any) -> None:
        self.policy.happen(self.person, Happening(self.at, 0, kind, data))

    def passes(self, time: timedelta, *, ticks: bool = True) -> None:
        ends = self.at + time
        while self.at < ends:
            if ticks:
                self.policy.tick()
            self.at += HOUR

    def stages(self, cadence: str) -> list[int | None]:
        return [stage for _, name, stage in self.sent if name == cadence]


COMPLETE = {
    "first_name": "Ana",
    "relationship": "daughter",
    "zip_code": "10001",
    "journey_phase": "active",
}


def without(*habits: Habit) -> dict[str, Any]:
    return {"without": habits}


def in_crisis(**given: Any) -> World:
    """Nothing but crisis follow-ups falls due for them."""
    world = World(**given)
    world.happens(Kind.CRISIS)
    return world


def test_whoever_meets_no_trouble_gets_all_seven_crisis_followups():
    world = in_crisis()
    world.passes(40 * DAY)
    assert world.stages("crisis_followup") == [1, 2, 3, 4, 5, 6, 7]


def test_silence_earns_three_texts_and_then_the_person_is_churned():
    world = World(last_contact_at=STARTS)
    world.passes(400 * DAY)
    assert world.sent == [
        (7, "dormant_reactivation", 1),
        (14, "dormant_reactivation", 2),
        (30, "dormant_reactivation", 3),
    ]


def test_an_assessment_earns_two_reminders_and_a_sign_up_two_nudges():
    world = World(first_name="", created_at=STARTS)
    world.happens(Kind.SCORE, score=70, burnout_band="mild")
    world.passes(6 * DAY)
    world.happens(Kind.TEXT, body="hello")
    world.passes(9 * DAY)
    assert world.sent == [
        (2, "onboarding_nudge", 1),
        (5, "onboarding_nudge", 2),
        (7, "assessment_reminder", 1),
        (13, "dormant_reactivation", 1),
        (14, "assessment_reminder", 2),
    ]


@pytest.mark.parametrize(
    "row, days",
    [
        ({"burnout_band": "crisis", "last_crisis_event_at": LONG_AGO}, [3, 10, 17]),
        ({"burnout_band": "high"}, [2, 5, 8, 11, 14, 17]),
        ({"burnout_band": "moderate"}, [3, 10, 17]),
        ({"burnout_band": "mild", "wellness_opt_in": True}, [3, 17]),
        ({"burnout_band": "mild"}, []),
        ({"burnout_band": ""}, []),
    ],
)
def test_checkins_come_as_often_as_the_band_calls_for(row, days):
    world = World(last_contact_at=STARTS, reactivation_message_count=3, **row)
    world.passes(20 * DAY)
    assert world.sent == [(day, "wellness", None) for day in days]


def test_a_fresh_crisis_earns_daily_checkins_where_no_followup_takes_the_day():
    world = World(burnout_band="crisis")
    world.happens(Kind.CRISIS)
    world.passes(6 * DAY)
    assert world.sent == [
        (1, "crisis_followup", 1),
        (2, "wellness", None),
        (3, "crisis_followup", 2),
        (4, "wellness", None),
        (5, "wellness", None),
    ]


def test_stop_is_heeded_until_start():
    world = in_crisis()
    world.happens(Kind.TEXT, body="STOP")
    world.passes(5 * DAY)
    assert world.sent == []
    world.happens(Kind.TEXT, body="START")
    world.happens(Kind.CRISIS)
    world.passes(2 * DAY)
    assert world.stages("crisis_followup") == [1]


def test_a_pause_is_heeded():
    world = in_crisis()
    world.happens(Kind.PAUSE, days=2)
    world.passes(5 * DAY)
    assert world.sent == []


def test_a_doubled_run_sends_nothing_twice():
    world = in_crisis()
    world.passes(DAY + 3 * HOUR, ticks=False)
    world.policy.tick()
    world.policy.tick()
    assert world.sent == [(1, "crisis_followup", 1)]


def test_what_is_switched_off_does_not_run():
    world = in_crisis()
    world.policy.switch("wellness", on=False)
    world.passes(2 * DAY)
    world.policy.switch("crisis_followup", on=False)
    world.passes(2 * DAY)
    assert world.sent == [(1, "crisis_followup", 1)]
    world.policy.switch("crisis_followup", on=True)
    world.policy.switch("everything", on=False)
    world.happens(Kind.CRISIS)
    world.passes(2 * DAY)
    world.policy.switch("everything", on=True)
    world.passes(2 * DAY)
    assert world.sent == [(1, "crisis_followup", 1)]


def test_a_run_that_is_not_over_is_not_begun_again():
    world = in_crisis()
    send = world.send_plain

    def send_while_another_tick_comes(*given: Any, **more: Any) -> str:
        world.policy.tick()
        return send(*given, **more)

    world.send_plain = send_while_another_tick_comes  # type: ignore[method-assign]
    world.passes(2 * DAY)
    assert world.sent == [(1, "crisis_followup", 1)]


def test_somebody_who_signs_up_later_is_nudged_from_then_on():
    world = World()
    later = Person(1, "+12025550124", "UTC", {"first_name": "Ben"}, is_there=False)
    world.passes(10 * DAY)
    world.policy.happen(later, Happening(world.at, 1, Kind.SIGN_UP))
    world.passes(10 * DAY)
    assert world.sent == [(12, "onboarding_nudge", 1), (15, "onboarding_nudge", 2)]


def test_it_is_judged_by_what_the_provider_accepted():
    world = in_crisis()
    crisis = world.at
    log = Log(happened=[Happened(Happening(crisis, 0, Kind.CRISIS, {}), crisis, crisis, True)])
    world.passes(DAY + 4 * HOUR)
    for at in world.sent_at:
        text = Accepted(
            at=at,
            clock=at,
            person=0,
            number=world.person.number,
            sid="SM1",
            message_id="1",
            cadence="crisis_followup",
            stage=1,
            tier="",
            occasion=crisis,
            segments=1,
            status="delivered",
            ended_at=at,
        )
        log.accepted.append(text)
    found = world.policy.conclude(log, [world.person])
    crisis_followup = ledger.summary(found["ledger"])["crisis_followup"]
    assert crisis_followup["ends"]["delivered"] == 1
    assert crisis_followup["late_hours"]["worst"] == 3.0
    assert found["judgement"]["checked"]["once"] == 1


# --- The habits, one by one ---


def with_an_outage_over_the_third_day(**given: Any) -> World:
    world = in_crisis(**given)
    world.passes(3 * DAY)
    world.passes(DAY, ticks=False)
    world.passes(36 * DAY)
    return world


def test_a_one_day_window_loses_the_stage_whose_day_was_missed():
    world = with_an_outage_over_the_third_day(**without(Habit.IN_STEP))
    assert world.stages("crisis_followup") == [1, 3, 4, 5, 6, 7]
    world = with_an_outage_over_the_third_day(**without(Habit.IN_STEP, Habit.WINDOWS))
    assert world.sent[1] == (4, "crisis_followup", 2)
    assert world.stages("crisis_followup") == [1, 2, 3, 4, 5, 6, 7]


def test_counters_in_step_lose_every_stage_after_the_one_that_was_lost():
    world = with_an_outage_over_the_third_day()
    assert world.stages("crisis_followup") == [1]
    world = with_an_outage_over_the_third_day(**without(Habit.IN_STEP))
    assert world.stages("crisis_followup") == [1, 3, 4, 5, 6, 7]


def test_the_latest_stage_is_sent_alone_when_several_were_missed():
    world = in_crisis(**without(Habit.IN_STEP, Habit.WINDOWS))
    world.passes(10 * DAY, ticks=False)
    world.passes(3 * DAY)
    assert world.stages("crisis_followup") == [3]


def test_undefined_counters_lose_the_silence_of_whoever_never_wrote():
    never_wrote = {"created_at": STARTS, "last_contact_at": None}
    world = World(**never_wrote)
    world.passes(40 * DAY)
    assert world.sent == []
    world = World(**never_wrote, **without(Habit.UNDEFINED))
    world.passes(40 * DAY)
    assert world.stages("dormant_reactivation") == [1, 2, 3]


def test_an_undefined_counter_is_there_from_the_first_contact_on():
    world = World(created_at=STARTS)
    world.happens(Kind.TEXT, body="hello")
    world.passes(40 * DAY)
    assert world.stages("dormant_reactivation") == [1, 2, 3]


def with_a_text_less_than_a_day_before_a_milestone(**given: Any) -> World:
    """The check-in of the day before went out an hour late, as its run was made up."""
    world = in_crisis(last_proactive_message_at=STARTS + 4 * HOUR, **given)
    world.passes(40 * DAY)
    return world


def test_a_milestone_that_comes_second_within_a_day_is_dropped_for_good():
    world = with_a_text_less_than_a_day_before_a_milestone(**without(Habit.IN_STEP))
    assert world.stages("crisis_followup") == [2, 3, 4, 5, 6, 7]
    world = with_a_text_less_than_a_day_before_a_milestone(**without(Habit.DROPS))
    assert world.sent[0] == (2, "crisis_followup", 1)
    assert world.stages("crisis_followup") == [1, 2, 3, 4, 5, 6, 7]


def test_what_was_put_aside_is_not_sent_once_the_next_stage_has_its_time():
    world = in_crisis(**without(Habit.DROPS, Habit.IN_STEP))
    world.happens(Kind.PAUSE, days=4)
    world.passes(10 * DAY)
    assert world.sent[0] == (4, "crisis_followup", 2)
    assert world.stages("crisis_followup") == [2, 3]


def with_a_text_from_them_hours_before_a_milestone(**given: Any) -> World:
    world = in_crisis(**given)
    world.passes(20 * HOUR)
    world.happens(Kind.TEXT, body="thank you")
    world.passes(2 * DAY - 20 * HOUR)
    return world


def test_contact_within_a_day_blocks_a_crisis_followup():
    assert with_a_text_from_them_hours_before_a_milestone().sent == []
    world = with_a_text_from_them_hours_before_a_milestone(**without(Habit.CONTACT))
    assert world.sent == [(1, "crisis_followup", 1)]


def test_routine_cadences_wait_a_day_after_contact_also_when_that_is_mended():
    world = World(last_assessment_at=STARTS, **without(Habit.CONTACT))
    world.passes(7 * DAY)
    world.happens(Kind.TEXT, body="hello")
    world.passes(DAY)
    assert world.sent == []


def test_a_live_conversation_keeps_a_crisis_followup_waiting_also_when_that_is_mended():
    world = in_crisis(**without(Habit.CONTACT))
    world.passes(27 * HOUR, ticks=False)
    world.at -= timedelta(minutes=30)
    world.happens(Kind.TEXT, body="hello")
    world.at += timedelta(minutes=30)
    world.policy.tick()
    assert world.sent == []


def busy() -> SmsError:
    return SmsError(Outcome.BUSY, "too many requests", code="20429")


def unknown() -> SmsError:
    return SmsError(Outcome.UNKNOWN, "no answer")


def test_an_error_loses_the_milestone_and_those_after_it():
    world = in_crisis()
    world.errors = [busy()]
    world.passes(40 * DAY)
    assert world.stages("crisis_followup") == []


def test_a_text_that_was_not_taken_goes_out_in_the_next_run_when_that_is_mended():
    world = in_crisis(**without(Habit.NO_RETRY))
    world.errors = [busy()]
    world.passes(40 * DAY)
    assert world.sent[0] == (2, "crisis_followup", 1)
    assert world.stages("crisis_followup") == [1, 2, 3, 4, 5, 6, 7]


def test_an_unknown_outcome_counts_as_sent_when_that_is_mended():
    world = in_crisis(**without(Habit.NO_RETRY, Habit.WINDOWS))
    world.errors = [unknown()]
    world.passes(40 * DAY)
    assert world.stages("crisis_followup") == [2, 3, 4, 5, 6, 7]


def with_an_outage_over_the_hour_of_the_run(**given: Any) -> World:
    world = in_crisis(**given)
    world.passes(DAY)
    world.passes(5 * HOUR, ticks=False)
    world.passes(19 * HOUR)
    return world


def test_a_run_that_was_missed_is_made_up_when_that_is_mended():
    assert with_an_outage_over_the_hour_of_the_run().sent == []
    world = with_an_outage_over_the_hour_of_the_run(**without(Habit.MISSED))
    assert world.sent == [(1, "crisis_followup", 1)]
    assert world.sent_at == [STARTS + DAY + 5 * HOUR]


def test_a_run_that_broke_in_the_middle_is_made_up_when_that_is_mended():
    class Crash(BaseException):
        pass

    world = in_crisis(**without(Habit.MISSED))
    world.errors = [Crash()]  # type: ignore[list-item]
    world.passes(DAY + 3 * HOUR)
    with pytest.raises(Crash):
        world.policy.tick()
    world.at += HOUR
    world.policy.tick()
    assert world.sent_at == [STARTS + DAY + 4 * HOUR]


@pytest.mark.parametrize(
    "habits, hour",
    [((), 5), ((Habit.UTC_HOURS,), 11), ((Habit.UTC_HOURS, Habit.MISSED), 11)],
)
def test_the_hour_is_that_of_utc_until_that_is_mended(habits, hour):
    world = in_crisis(zone="Pacific/Honolulu", **without(*habits))
    world.passes(40 * DAY)
    assert len(world.sent_at) == 7
    # Ten hours behind, the whole year.
    assert {(at - 10 * HOUR).hour for at in world.sent_at} == {hour}


def test_no_run_is_made_up_at_night_where_people_live():
    world = in_crisis(zone="America/New_York", **without(Habit.UTC_HOURS, Habit.MISSED))
    world.passes(DAY)
    # From 07:00 there to 21:00, and the morning after to the hour of the run.
    world.passes(14 * HOUR, ticks=False)
    world.passes(14 * HOUR - HOUR)
    assert world.sent == []


def test_with_everything_mended_nothing_is_lost_to_any_of_it():
    world = in_crisis(without=tuple(Habit), zone="America/Los_Angeles")
    world.errors = [busy()]
    world.passes(2 * DAY + 20 * HOUR)
    world.happens(Kind.TEXT, body="hello")
    world.passes(4 * DAY)
    world.passes(30 * HOUR, ticks=False)
    world.passes(30 * DAY)
    assert world.stages("crisis_followup") == [1, 2, 3, 4, 5, 6, 7]
