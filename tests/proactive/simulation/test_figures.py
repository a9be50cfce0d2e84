"""What a world did to its people, counted from hand-made logs, and what is told of the counts."""

from datetime import timedelta
from itertools import count

import pytest

from caregiving import events
from caregiving.models import Caregiver
from proactive.models import Status, Sweep
from proactive.simulation import figures, policy, presenting
from proactive.simulation.happenings import Happening, Kind, Person
from proactive.simulation.log import Accepted, Happened, Log
from proactive.simulation.spec import Spec
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, HOUR, NOON

pytestmark = pytest.mark.django_db

WEEK = 7 * DAY
SPEC = Spec(seed=1, people=2, days=14, starts=NOON)
_sids = count()


def somebody(key=0, *, is_there=True, **row):
    return Person(
        key, f"+1415555{key:04}", "UTC", {"journey_phase": "active", **row}, is_there=is_there
    )


def text(after, person=0, *, cadence="wellness", stage=None, occasion=None, segments=1):
    """Accepted so long after the world began."""
    sid = f"SM{next(_sids)}"
    return Accepted(
        at=NOON + after,
        clock=NOON + after,
        person=person,
        number="",
        sid=sid,
        message_id=sid,
        cadence=cadence,
        stage=stage,
        tier="",
        occasion=occasion,
        segments=segments,
    )


def happened(after, kind, person=0, *, acknowledged=True, **data):
    at = NOON + after
    return Happened(Happening(at, person, kind, data), at, at, acknowledged)


def measured(log, people, spec=SPEC):
    return figures.measure(log, people, spec=spec)


def shown(log, people, spec=SPEC, **options):
    return presenting.present(measured(log, people, spec), **{"segment_cost": 0.01, **options})


# --- Texts by band and week ---


def test_a_text_counts_for_the_band_in_which_the_person_was_then():
    log = Log(
        accepted=[text(DAY), text(3 * DAY), text(10 * DAY)],
        happened=[happened(2 * DAY, Kind.SCORE, score=60, burnout_band="high")],
    )
    raw = measured(log, [somebody(burnout_band="mild")])
    assert raw["texts"] == {"high": {"0": 1, "1": 1}, "mild": {"0": 1}}
    day = 24 * 3600
    assert raw["person_seconds"] == {"high": {"0": 5 * day, "1": 7 * day}, "mild": {"0": 2 * day}}


def test_a_score_that_never_arrived_changes_no_band():
    lost = happened(DAY, Kind.SCORE, acknowledged=False, score=60, burnout_band="high")
    raw = measured(Log(accepted=[text(2 * DAY)], happened=[lost]), [somebody()])
    assert raw["texts"] == {"none": {"0": 1}}


def test_whoever_signs_up_counts_from_then_on():
    log = Log(happened=[happened(10 * DAY, Kind.SIGN_UP, person=1)])
    raw = measured(log, [somebody(0), somebody(1, is_there=False), somebody(2, is_there=False)])
    assert raw["people"] == 2
    assert raw["person_seconds"] == {"none": {"0": 7 * 86400, "1": 7 * 86400 + 4 * 86400}}


def test_a_rate_is_by_the_time_that_people_spent_there():
    log = Log(
        accepted=[text(DAY), text(2 * DAY), text(8 * DAY), text(DAY, person=1)],
        happened=[],
    )
    people = [somebody(0, burnout_band="high"), somebody(1)]
    told = shown(log, people)["texts"]
    assert (told["all"], told["per_person_week"]) == (4, 1.0)
    assert [(one["band"], one["per_person_week"]) for one in told["by_band"]] == [
        ("high", 1.5),
        ("none", 0.5),
    ]
    assert [(one["week"], one["texts"], one["per_person_week"]) for one in told["by_week"]] == [
        (1, 3, 1.5),
        (2, 1, 0.5),
    ]


def test_a_short_last_week_has_the_rate_of_its_days():
    spec = Spec(seed=1, people=1, days=8, starts=NOON)
    [_, last] = shown(Log(accepted=[text(7.5 * DAY)]), [somebody()], spec)["texts"]["by_week"]
    assert last["per_person_week"] == pytest.approx(7)


def test_a_text_at_the_very_end_belongs_to_the_last_week():
    raw = measured(Log(accepted=[text(14 * DAY + HOUR)]), [somebody()])
    assert raw["texts"] == {"none": {"1": 1}}


# --- Money ---


def test_segments_cost_what_a_segment_costs():
    log = Log(accepted=[text(DAY, segments=2), text(DAY, person=1, segments=3)])
    cost = shown(log, [somebody(0), somebody(1)], segment_cost=0.02)["cost"]
    assert cost == {
        "segment_cost": 0.02,
        "segments": 5,
        "total": pytest.approx(0.10),
        "per_month": pytest.approx(0.10 * 30 / 14),
        # Two people for fourteen days are 28/30 of a month of one.
        "per_person_month": pytest.approx(0.10 * 30 / 28),
    }


def test_counts_and_money_are_scaled_up_and_rates_are_not():
    log = Log(accepted=[text(DAY, segments=2), text(2 * DAY)])
    alone, scaled = shown(log, [somebody()]), shown(log, [somebody()], scale=10)
    assert scaled["texts"]["all"] == 10 * alone["texts"]["all"] == 20
    assert scaled["cost"]["total"] == pytest.approx(10 * alone["cost"]["total"])
    assert scaled["texts"]["by_cadence"][0]["texts"] == 20
    assert scaled["texts"]["per_person_week"] == alone["texts"]["per_person_week"] == 1
    assert scaled["cost"]["per_person_month"] == alone["cost"]["per_person_month"]


# --- What is held back ---


def followup(person, stage=1):
    """The key of a follow-up of a crisis when the world began."""
    return person, "crisis_followup", stage, NOON


def checkin(person, after):
    """The key of a check-in whose last text before was so long after the world began."""
    return person, "wellness", None, NOON + after


def held_back(log, key, *rules):
    for rule in rules:
        log.hold_back(key, rule)


def test_a_text_is_held_back_once_however_often_it_is_found_so():
    log = Log(accepted=followups(9, 0, 0, 0))
    held_back(log, followup(0), "window", "gate", "window", "window")
    assert log.held_back == {followup(0): ["gate", "window"]}  # the latest last
    raw = measured(log, [somebody(key) for key in range(4)])["held_back"]
    assert raw == {"crisis_followup": {"texts": 4, "held": 1, "by_rule": {"gate": 1, "window": 1}}}


def test_what_was_held_back_and_never_went_out_was_owed_too():
    log = Log(accepted=followups(0))
    held_back(log, followup(0, stage=2), "pause")
    held_back(log, followup(7), "pause")
    raw = measured(log, [somebody(key) for key in range(8)])["held_back"]
    assert raw == {"crisis_followup": {"texts": 3, "held": 2, "by_rule": {"pause": 2}}}


def test_every_check_in_is_a_text_of_its_own():
    log = Log(
        accepted=[
            text(4 * DAY, occasion=NOON + DAY),
            text(7 * DAY, occasion=NOON + 4 * DAY),
            text(7 * DAY, person=1, occasion=NOON + 4 * DAY),
        ]
    )
    held_back(log, checkin(0, 4 * DAY), "window")
    held_back(log, checkin(0, 7 * DAY), "window")
    raw = measured(log, [somebody(0), somebody(1)])["held_back"]
    assert raw == {"wellness": {"texts": 4, "held": 2, "by_rule": {"window": 2}}}


def test_shares_are_of_the_texts_that_were_owed():
    accepted = [text(DAY, person, occasion=NOON) for person in range(12)]
    log = Log(accepted=followups(0, 0, 0, 20) + accepted)
    for person in range(4):
        held_back(log, checkin(person, 0 * DAY), "window")
    held_back(log, checkin(4, 0 * DAY), "conversation", "window")
    held_back(log, followup(3), "gate")
    told = shown(log, [somebody(key) for key in range(12)], scale=10)
    assert told["gate"] == {"texts": 10, "per_1000_texts": 62.5}
    assert told["deferred"] == {
        "texts": 160,
        "share": 6 / 16,
        "people": None,
        "by_rule": [
            {"rule": "window", "share": 5 / 16},
            {"rule": "conversation", "share": 1 / 16},
            {"rule": "gate", "share": 1 / 16},
        ],
        "by_cadence": [
            {
                "cadence": "crisis_followup",
                "label": "Crisis follow-up",
                "texts": 40,
                "share": 1 / 4,
                "by_rule": [{"rule": "gate", "share": 1 / 4}],
            },
            {
                "cadence": "wellness",
                "label": "Wellness check-in",
                "texts": 120,
                "share": 5 / 12,
                "by_rule": [
                    {"rule": "window", "share": 5 / 12},
                    {"rule": "conversation", "share": 1 / 12},
                ],
            },
        ],
    }


def test_whoever_is_held_back_is_counted_by_time():
    raw = measured(Log(looks=40, people_held_back=80), [somebody()])
    # Each part of a world that ran apart looks as often as a whole one, at its own people.
    halves = {**raw, "worlds": 2, "looks": 80}
    for counted in (raw, halves):
        told = presenting.present(counted, segment_cost=0, scale=3)
        assert told["deferred"]["people"] == 6


# --- Waits ---


def followups(*hours):
    """First follow-ups accepted so many hours after they fell due, each for another crisis."""
    return [
        text(DAY + wait * HOUR, person, cadence="crisis_followup", stage=1, occasion=NOON)
        for person, wait in enumerate(hours)
    ]


def test_a_follow_up_waits_from_due_until_the_provider_took_it():
    hours = [0.25, 0.5, *(1,) * 16, 10, 40]
    people = [somebody(key) for key in range(len(hours))]
    [told] = shown(Log(accepted=followups(*hours)), people)["waits"]
    assert (told["cadence"], told["sent"]) == ("crisis_followup", 20)
    assert (told["median_hours"], told["p95_hours"], told["worst_hours"]) == (1, 10, 40)
    assert told["share_within_36_hours"] == 0.95
    bars = {bar["from_hours"]: bar["texts"] for bar in told["histogram"]}
    assert bars == {0: 2, 1: 16, 2: 0, 4: 0, 8: 1, 13: 0, 24: 0, 36: 1, 48: 0, 72: 0}


def test_what_had_fallen_due_before_is_not_the_doing_of_this_world():
    late = text(HOUR, cadence="crisis_followup", stage=1, occasion=NOON - 3 * DAY)
    assert measured(Log(accepted=[late]), [somebody()])["waits"] == {}


def test_due_is_what_the_changed_policy_says():
    log = Log(accepted=followups(6))
    with policy.changed(policy.parse(["crisis_followup.due=27h,72h,7d,14d,21d,28d,35d"])):
        assert measured(log, [somebody()])["waits"] == {"crisis_followup": {"180": 1}}


def test_stages_that_were_overtaken_or_failed_are_counted():
    someone = CaregiverFactory()
    for stage, status in ((1, Status.SUPERSEDED), (2, Status.FAILED), (3, Status.SENT)):
        MessageFactory(
            caregiver=someone,
            cadence="crisis_followup",
            stage=stage,
            occasion=NOON,
            status=status,
            queued_at=NOON + 8 * DAY,
        )
    before = NOON - 2 * DAY
    MessageFactory(
        caregiver=someone,
        cadence="crisis_followup",
        stage=1,
        occasion=before,
        status=Status.SUPERSEDED,
        queued_at=NOON,
    )
    [told] = shown(Log(), [somebody()])["waits"]
    assert (told["superseded"], told["failed"], told["sent"]) == (1, 1, 0)
    assert (told["median_hours"], told["share_within_36_hours"]) == (None, None)


# --- What people made of it ---


def test_an_answer_is_a_text_within_three_days_to_the_latest_of_ours():
    log = Log(
        accepted=[text(0 * DAY), text(2 * DAY, cadence="assessment_reminder"), text(6 * DAY)],
        happened=[
            happened(2 * DAY + HOUR, Kind.TEXT, body="Better, thanks"),
            happened(2 * DAY + 2 * HOUR, Kind.TEXT, body="And you?"),
            happened(9 * DAY + HOUR, Kind.TEXT, body="Sorry, I was away"),
        ],
    )
    answers = shown(log, [somebody()])["answers"]
    assert answers["share_answered"] == pytest.approx(1 / 3)
    shares = {one["cadence"]: one["share_answered"] for one in answers["by_cadence"]}
    assert shares == {"assessment_reminder": 1, "wellness": 0}


def test_a_text_that_nobody_had_time_to_answer_does_not_count():
    log = Log(
        accepted=[text(12 * DAY)],
        happened=[happened(12 * DAY + HOUR, Kind.TEXT, body="Yes")],
    )
    assert shown(log, [somebody()])["answers"]["share_answered"] is None


def test_a_stop_is_no_answer():
    log = Log(
        accepted=[text(DAY)],
        happened=[happened(DAY + HOUR, Kind.TEXT, body="please stop texting me")],
    )
    answers = shown(log, [somebody()])["answers"]
    assert (answers["share_answered"], answers["share_stopped"]) == (0, 1)


def test_a_text_of_theirs_before_any_of_ours_answers_nothing():
    log = Log(accepted=[text(DAY)], happened=[happened(HOUR, Kind.TEXT, body="Hello?")])
    assert shown(log, [somebody()])["answers"]["share_answered"] == 0


def test_who_churned_came_back_and_opted_out_is_in_the_database():
    for phase in ("churned", "churned", "active"):
        CaregiverFactory(journey_phase=phase)
    events.record_opt_out(Caregiver.objects.first(), at=NOON + DAY)
    events.record_opt_out(Caregiver.objects.last(), at=NOON - DAY)
    for churned in (2, 0, 1):
        Sweep.objects.create(now=NOON + HOUR, counts={"churned": churned})
    Sweep.objects.create(now=NOON - HOUR, counts={"churned": 9})
    Sweep.objects.create(now=NOON + HOUR, counts={"churned": 9}, dry_run=True)
    Sweep.objects.create(now=NOON + HOUR, counts={})
    people = [somebody(0, journey_phase="churned"), somebody(1), somebody(2)]
    assert shown(Log(), people)["people_end"] == {
        "churned_before": 1,
        "churned": 3,
        "came_back": 2,
        "opted_out": 1,
    }


def test_a_world_in_which_nothing_happened_divides_by_nothing():
    spec = Spec(seed=1, people=0, days=1, starts=NOON)
    told = shown(Log(), [], spec)
    assert told["texts"]["per_person_week"] is None
    assert told["cost"]["per_person_month"] is None
    assert told["gate"] == {"texts": 0, "per_1000_texts": None}
    assert (told["deferred"]["share"], told["deferred"]["people"]) == (None, None)
    assert (told["waits"], told["cost"]["total"]) == ([], 0)


def test_the_parts_add_up_to_the_whole():
    """Two halves of a world, put together as `merging` does, are the world."""
    people = [somebody(0, burnout_band="high"), somebody(1, burnout_band="high")]
    logs = [Log(accepted=[text(timedelta(hours=30), key)], looks=10) for key in (0, 1)]
    held_back(logs[1], checkin(1, DAY), "gate")
    one, other = (measured(log, [person]) for log, person in zip(logs, people, strict=True))
    together = Log(accepted=logs[0].accepted + logs[1].accepted, looks=20)
    held_back(together, checkin(1, DAY), "gate")
    whole = measured(together, people)
    assert _added(one, other) == {**whole, "worlds": 2}


def _added(one, other):
    if isinstance(one, dict):
        return {
            key: _added(one[key], other[key])
            if key in one and key in other
            else one.get(key, other.get(key))
            for key in one | other
        }
    return one if isinstance(one, str) else one + other
