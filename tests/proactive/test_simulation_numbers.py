"""A number beside another: each as exact as people want it, and the difference of what is shown."""

import pytest

from proactive.admin.simulation_numbers import Kind, Row


def cells(kind, today, changed):
    row = Row("It", kind, today, changed)
    return [says.replace("\u00a0", " ") for _, says in row.cells]


@pytest.mark.parametrize(
    ("kind", "today", "changed", "says"),
    [
        (Kind.COUNT, 7980, 7300, ["7,980", "7,300", "-680 (-9 %)"]),
        (Kind.COUNT, 0, 3, ["0", "3", "+3"]),
        (Kind.COUNT, 1000, 1001, ["1,000", "1,001", "+1 (+0.1 %)"]),
        # What is not seen is no difference, and what is seen adds up.
        (Kind.RATE, 2.411, 2.412, ["2.41", "2.41", "same"]),
        (Kind.RATE, 0.224, 0.226, ["0.22", "0.23", "+0.01 (+5 %)"]),
        (Kind.MONEY, 76.284, 69.776, ["$76.28", "$69.78", "-$6.50 (-9 %)"]),
        (Kind.MONEY, 9.71, 9.03, ["$9.71", "$9.03", "-$0.68 (-7 %)"]),
        (Kind.MONEY, 0.0381, 0.0349, ["$0.038", "$0.035", "-$0.003 (-8 %)"]),
        (Kind.MONEY, 0, 0, ["$0.00", "$0.00", "same"]),
        (Kind.SHARE, 0.4797, 0.5, ["48.0 %", "50.0 %", "+2.0 points"]),
        (Kind.HOURS, 0.22, 26.5, ["13 min", "1 d 2 h", "+1 d 2 h"]),
        (Kind.HOURS, 9.1, 8.43, ["9 h 06 min", "8 h 26 min", "-40 min"]),
        (Kind.RATE, None, 1.0, ["-", "1.00", "-"]),
    ],
)
def test_a_number_beside_another(kind, today, changed, says):
    assert cells(kind, today, changed) == says


def test_without_another_policy_there_is_one_cell():
    assert Row("It", Kind.COUNT, 5, None, is_asked=False).cells == [("Today", "5")]
