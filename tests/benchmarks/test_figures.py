import json

import pytest

from benchmarks.speed.figures import Figure, growth, rate, speedup


def test_of_rates_the_ratio_says_how_much_of_the_baseline_is_reached():
    assert rate([70, 80, 300], [100, 90, 200], "people/s") == Figure(0.8, 80, 100, "people/s", 3)


def test_of_growth_the_ratio_says_how_many_times_as_much_more_people_cost():
    assert growth([6, 3, 4], [2, 1, 9], "ms") == Figure(2, 4, 2, "ms", 3)


def test_of_times_the_ratio_says_how_many_times_as_long_the_baseline_takes():
    assert speedup([2, 1, 3], [600, 100, 500], "ms") == Figure(250, 2, 500, "ms", 3)


def test_where_one_side_was_measured_less_often_those_runs_count():
    assert rate([10, 20, 30], [10], "messages/s").runs == 1


def test_the_json_has_these_five_and_no_more():
    assert json.loads(json.dumps(rate([3.0], [4.0], "people/s").as_json())) == {
        "ratio": 0.75,
        "ours": 3.0,
        "baseline": 4.0,
        "unit": "people/s",
        "runs": 1,
    }


@pytest.mark.parametrize(("ours", "baseline"), [([], [1]), ([1], []), ([0], [1]), ([1], [1, 0])])
def test_what_was_not_measured_has_no_ratio(ours, baseline):
    with pytest.raises(ValueError, match="no ratio"):
        speedup(ours, baseline, "s")
