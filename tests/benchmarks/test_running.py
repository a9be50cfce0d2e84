import pytest
from rich.console import Console

from benchmarks.speed import running
from benchmarks.speed.databases import SMALL
from benchmarks.speed.figures import Figure
from benchmarks.speed.targets import TARGETS, Target

FIGURE = Figure(0.75, 750.0, 1000.0, "people/s", 5)


class NoServer:
    """Stands where the server of a run stands; whoever measures nothing needs none."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, question):
        return "on"


def test_every_measurement_has_a_target():
    found = running.measures()
    assert set(found) >= {"idle_sweep_growth", "claim_vs_sql", "sweep_memory"}
    assert set(found) <= set(TARGETS)


def test_one_that_breaks_does_not_keep_the_others_from_being_taken(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.speed.databases.running", NoServer)

    def breaks(databases, size):
        raise RuntimeError("the disk is full")

    told = []
    figures, broken, _ = running.measure(
        {"claim_vs_sql": breaks, "claim_vs_loop": lambda databases, size: FIGURE},
        SMALL,
        say=told.append,
    )
    assert (figures, broken) == ({"claim_vs_loop": FIGURE}, ["claim_vs_sql"])
    assert "the disk is full" in capsys.readouterr().err
    assert [line.split(",")[0] for line in told] == [
        "claim_vs_sql: broke",
        "claim_vs_loop: ratio 0.75",
    ]


def test_the_table_says_of_each_whether_its_target_is_met():
    out = Console(width=running.WIDTH, record=True, markup=False)
    figures = {"claim_vs_sql": FIGURE, "claim_vs_loop": FIGURE}
    running.print_table(out, figures, ["sweep_memory"], SMALL, "2 cores")
    lines = {line.split()[0]: line.split() for line in out.export_text().splitlines() if line}
    assert lines["claim_vs_sql"][-7:] == ["1,000", "people/s", "0.75", "at", "least", "0.7", "met"]
    assert lines["claim_vs_loop"][-4:] == ["at", "least", "20", "MISSED"]
    assert lines["sweep_memory"][-4:] == ["at", "most", "1.2", "BROKE"]
    assert "deliver_vs_loop" not in lines


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (Target("", "", at_least=20), 20, True),
        (Target("", "", at_least=20), 19.99, False),
        (Target("", "", at_most=1.2), 1.2, True),
        (Target("", "", at_most=1.2), 1.21, False),
    ],
)
def test_a_target_is_a_bound_that_counts_as_met(target, ratio, met):
    assert target.is_met(ratio) is met


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.01234, "0.0123"), (1.2345, "1.23"), (12.345, "12.3"), (12345.6, "12,346"), (99.9, "99.9")],
)
def test_numbers_show_three_digits_that_count(value, words):
    assert running.number(value) == words
