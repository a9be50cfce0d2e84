import gc

import pytest

from proactive.garbage import loaded_stays


def test_what_was_loaded_before_is_not_looked_through_until_the_end():
    loaded = [object]

    with loaded_stays():
        assert gc.get_freeze_count() > 0
        assert not any(one is loaded for one in gc.get_objects())

    assert gc.get_freeze_count() == 0
    assert any(one is loaded for one in gc.get_objects())


def test_a_failure_ends_it_too():
    with pytest.raises(ZeroDivisionError), loaded_stays():
        raise ZeroDivisionError

    assert gc.get_freeze_count() == 0
