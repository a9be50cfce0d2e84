"""What the proof prints, of results that were made up."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from benchmarks import printing
from proactive.simulation import judging, ledger


class Paper(Console):
    """A console whose lines can be read again."""

    def __init__(self) -> None:
        super().__init__(width=printing.WIDTH, record=True, markup=False, file=_Nowhere())

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.export_text(clear=False).splitlines()]

    def line(self, beginning: str) -> str:
        """The one line that begins so, with single spaces."""
        found = [line for line in self.lines() if line.strip().startswith(beginning)]
        assert len(found) == 1, self.lines()
        return " ".join(found[0].split())


class _Nowhere:
    def write(self, text: str) -> None: ...

    def flush(self) -> None: ...


@pytest.fixture
def out() -> Iterator[Paper]:
    paper = Paper()
    yield paper
    assert [line for line in paper.lines() if len(line) > printing.WIDTH] == []


def entry(**given: Any) -> dict[str, Any]:
    return {
        "owed": 0,
        "vital": 1,
        "ends": {},
        "in_time": {},
        "late_minutes": [],
        "late_running_minutes": [],
        "unaccounted": 0,
        "unaccounted_examples": [],
        **given,
    }


def summary(**cadences: dict[str, Any]) -> dict[str, Any]:
    return ledger.summary({"obligations": cadences})


def judgement(**broken: list[str]) -> dict[str, Any]:
    found = judging.empty()
    for promise, examples in broken.items():
        judging.add(found, promise, checked=100, broken=len(examples), examples=examples)
    return found


# --- What was simulated ---


def test_the_world_is_told_with_its_units(out):
    printing.print_world(
        out,
        {
            "people": 5000,
            "days": 120,
            "starts": datetime(2026, 2, 21, tzinfo=UTC),
            "ends": datetime(2026, 6, 21, tzinfo=UTC),
            "database": "SQLite",
            "beats": 11520,
            "worlds": 2,
            "happenings": 30211,
            "texts": 41020,
            "seconds": 93.4,
        },
    )
    told = " ".join(" ".join(out.lines()).split())
    assert told == (
        "5,000 people from 21 February 2026 to 21 June 2026 (120 days) on SQLite, in 2 worlds side "
        "by side, each with 11,520 beats. 30,211 things happened to them, and the provider "
        "accepted 41,020 texts. It took 93 s."
    )


def test_crashes_are_counted_with_the_places_where_they_were(out):
    faults = {
        "crash": 3,
        "crash in delivery._deliver": 2,
        "crash in sweeps._lock": 1,
        "429": 1200,
        "clock step": 16,
        "wellness switched off": 2,
    }
    printing.print_faults(out, {"steps of the clock": "8"}, faults)
    assert out.line("crash") == "crash 3 at 2 different places"
    assert out.line("429") == "429 1,200"
    # What befalls all worlds alike is told once, not once for each of them.
    assert out.line("steps of the clock") == "steps of the clock 8"
    assert not [line for line in out.lines() if "clock step" in line or "switched" in line]


# --- The ledger ---


def test_the_ledger_has_a_row_for_each_cadence_and_each_end(out):
    printing.print_ledger(
        out,
        summary(
            crisis_followup=entry(
                owed=1000,
                ends={"delivered": 990, "superseded by stage 2": 9, "failed: 30003": 1},
                late_minutes=[0] * 989 + [780],
            ),
            dormant_reactivation=entry(
                owed=10, ends={"delivered": 5, "UNACCOUNTED": 5}, unaccounted=5
            ),
        ),
    )
    assert out.line("crisis followup") == "crisis followup 1,000 100.00% 99.00% 0.0 h 0.0 h 13.0 h"
    assert out.line("dormant react") == "dormant reactivation 10 50.00% 50.00% - - -"
    assert out.line("delivered") == "delivered 990 5"
    assert out.line("superseded by stage 2") == "superseded by stage 2 9 -"
    assert out.line("UNACCOUNTED") == "UNACCOUNTED - 5"


def test_four_cadences_and_long_words_fit_on_a_line(out):
    words = "let go: its time passed while a crisis follow-up that is due soon held it back"
    names = ("crisis_followup", "dormant_reactivation", "assessment_reminder", "onboarding_nudge")
    printing.print_ledger(
        out, summary(**{name: entry(owed=1234567, ends={words: 1234567}) for name in names})
    )
    assert " ".join(" ".join(out.lines()).split()).count("1,234,567") == 8


def test_in_time_is_told_as_a_share_of_those_that_could_be(out):
    one = summary(crisis_followup=entry(owed=110, in_time={"yes": 98, "no": 2, "opted out": 10}))
    printing.print_in_time(out, "crisis_followup", one["crisis_followup"])
    assert out.line("opted out") == "opted out 10"
    assert out.line("Within 36") == (
        "Within 36 hours: 98.00% of the 100 that could be, 98.00% without counting outages."
    )


# --- The promises ---


def test_every_promise_that_is_judged_has_its_row(out):
    printing.print_promises(out, judgement(hours=["+1202 got wellness at night"]))
    assert tuple(printing.PROMISES) == tuple(printing.LOOKED_AT) == judging.PROMISES
    for words in printing.PROMISES.values():
        assert out.line(words)
    assert out.line("Hours: nothing").endswith(" 1 100 texts")
    assert out.line("Cap: no two").endswith(" 0 0 pairs of texts")
    assert out.line("hours: +1202") == "hours: +1202 got wellness at night"


def test_a_planted_bug_is_caught_as_what_it_breaks(out):
    printing.print_caught(out, "gate", judgement(cap=["24 hours and no more", "again"]))
    assert out.lines() == ["caught as cap: 2 times. 24 hours and no more"]


def test_a_planted_bug_that_breaks_nothing_is_not_caught(out):
    printing.print_caught(out, "gate", judgement())
    assert out.lines() == ['NOT CAUGHT: with "gate" planted, no promise was broken.']


# --- The comparison and many seeds ---


def test_the_comparison_has_a_row_for_each_policy(out):
    found = summary(
        crisis_followup=entry(owed=100, ends={"delivered": 63}, in_time={"yes": 50, "no": 50}),
        dormant_reactivation=entry(owed=3, ends={"delivered": 1}),
    )
    row = {
        "policy": "- without contact blocks everything",
        "crisis": found["crisis_followup"],
        "dormant": found["dormant_reactivation"],
        "judgement": judgement(hours=["a"] * 3, cap=["b"] * 2),
        "texts": 12345,
    }
    printing.print_comparison(out, [row])
    assert out.line("- without") == (
        "- without contact blocks everything 63.00% 50.00% 33.33% 3 2 0 12,345"
    )


def in_time(*, owed, **words):
    return summary(crisis_followup=entry(owed=owed, in_time=words))["crisis_followup"]


def test_seeds_are_weighed_by_what_was_owed():
    told = printing.in_time_over_all(
        [
            {"crisis": in_time(owed=10, yes=10)},
            {"crisis": in_time(owed=90, **{"yes": 80, "yes, not counting outages": 9, "no": 1})},
            {"crisis": in_time(owed=0)},
        ]
    )

    assert "Of 100 crisis follow-ups" in told
    assert "90.00% were delivered within 36 hours of falling due, 99.00% without" in told


def test_a_seed_is_one_line_under_its_heading():
    line = printing.seed_line(
        {
            "seed": 7,
            "judgement": judgement(cap=["a"]),
            "crisis": in_time(owed=1, yes=1),
            "unaccounted": 2,
            "texts": 41020,
            "digest": "0123456789abcdef0123",
            "seconds": 93.4,
        }
    )
    assert line.split() == [
        *("7", "1", "2", "1", "100.00%", "100.00%", "41,020", "0123456789ab", "93")
    ]
    assert len(line) == len(printing.SEED_HEADING) <= printing.WIDTH


@pytest.mark.parametrize(
    "value, words",
    [(1.0, "100.00%"), (0.999999, "99.99%"), (0.99991, "99.99%"), (0.0, "0.00%"), (None, "-")],
)
def test_a_share_is_never_rounded_up_to_all(value, words):
    assert printing.share(value) == words
