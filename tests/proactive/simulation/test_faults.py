"""What breaks in a world."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from proactive.simulation.faults import Faults, draw_faults
from proactive.simulation.spec import Spec

SPEC = Spec(seed=7, people=10, days=120, starts=datetime(2026, 9, 1, tzinfo=UTC), faults=True)
CADENCES = ["crisis_followup", "wellness"]


def test_a_world_without_faults_has_none():
    assert draw_faults(replace(SPEC, faults=False), CADENCES) == Faults()


def test_all_shards_and_both_policies_meet_the_same_faults():
    drawn = draw_faults(SPEC, CADENCES)

    assert draw_faults(replace(SPEC, shard=1, shards=2), CADENCES) == drawn
    assert draw_faults(replace(SPEC, changes=("wellness=off",)), CADENCES) == drawn
    assert draw_faults(replace(SPEC, seed=8), CADENCES) != drawn


def test_outages_last_from_minutes_to_three_days_and_the_longest_are_met_in_some_world():
    lengths = [
        span.ends - span.begins
        for seed in range(30)
        for span in draw_faults(replace(SPEC, seed=seed), CADENCES).outages
    ]

    assert min(lengths) < timedelta(minutes=10)
    assert timedelta(hours=60) < max(lengths) <= timedelta(hours=72)


def test_a_short_world_breaks_as_well():
    drawn = draw_faults(replace(SPEC, days=5), CADENCES)

    assert len(drawn.outages) == len(drawn.storms) == len(drawn.list_lag) == 1
    assert {name for name, _ in drawn.switched_off} == {"everything", *CADENCES}


def test_a_stepped_clock_is_set_right_again():
    steps = draw_faults(SPEC, CADENCES).steps

    assert [step.skew for step in steps[1::2]] == [timedelta()] * (len(steps) // 2)
    assert all(abs(step.skew) <= timedelta(seconds=90) for step in steps)
