"""Raw results of shards, put together."""

import pytest

from proactive.simulation.merging import merge


def test_numbers_add_up_lists_follow_each_other_and_dicts_merge_by_key():
    one = {"texts": 3, "late": [5], "ends": {"delivered": 2, "failed: 30003": 1}, "days": "30"}
    other = {"texts": 4, "late": [7, 9], "ends": {"delivered": 1}, "days": "30"}

    assert merge([one, other]) == {
        "texts": 7,
        "late": [5, 7, 9],
        "ends": {"delivered": 3, "failed: 30003": 1},
        "days": "30",
    }


def test_what_only_one_shard_has_stays():
    assert merge([{"digests": {"0": "ab"}}, {"digests": {"1": "cd"}}]) == {
        "digests": {"0": "ab", "1": "cd"}
    }


def test_one_result_is_itself_and_is_not_changed_by_merging():
    one = {"ends": {"delivered": 1}}

    merge([one, {"ends": {"delivered": 1}}])

    assert merge([one]) == one == {"ends": {"delivered": 1}}


def test_two_different_words_cannot_be_put_together():
    with pytest.raises(ValueError, match="days: '30' and '60' cannot be put together"):
        merge([{"days": "30"}, {"days": "60"}])
