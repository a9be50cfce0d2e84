"""`manage.py simulate`: both policies on the same people, side by side, without doing anything.

What a world does is stood in for here; the worlds themselves have tests of their own.
"""

import csv
import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from caregiving.models import Caregiver
from proactive.cadences import WELLNESS
from proactive.models import CadenceSwitch
from proactive.simulation import comparing
from proactive.simulation.comparing import Request, Unanswered, compare
from proactive.simulation.running import WorldEnded
from proactive.simulation.side_by_side import Unit, rows, say
from tests.proactive.commanding import refusal, run, run_json
from tests.proactive.people import NOON, person

pytestmark = pytest.mark.django_db

SAMPLE = json.loads((Path(__file__).parent / "sample_comparison.json").read_text())
PROMISES = ("cap", "once", "consent", "hours", "accounted", "stop", "explainable")
DAY = 24 * 3600


def raw(texts):
    """What one world of a thousand people in band high makes of `texts` in its only week."""
    return {
        "figures": {
            "people": 1000,
            "worlds": 2,
            "days": "7",
            "person_seconds": {"high": {"0": 1000 * 7 * DAY}},
            "texts": {"high": {"0": texts}},
            "cadences": {"wellness": {"segments": 2 * texts, "weeks": {"0": texts}}},
            "looks": 112,
            "people_held_back": 1120,
            "held_back": {
                "crisis_followup": {"texts": 40, "held": 10, "by_rule": {"gate": 10}},
                "wellness": {"texts": 2000, "held": 500, "by_rule": {"gate": 10, "window": 500}},
            },
            "waits": {"crisis_followup": {"15": 9, "600": 1}, "assessment_reminder": {"60": 4}},
            "unsent": {"crisis_followup": {"superseded": 1}},
            "answers": {"wellness": {"texts": 100, "answered": 40}},
            "people_end": {"churned_before": 5, "churned": 7, "came_back": 2, "opted_out": 3},
        },
        "judgement": {
            "broken": dict.fromkeys(PROMISES, 0),
            "checked": dict.fromkeys(PROMISES, 9),
            "examples": {name: ["+14155550123 got two"] for name in PROMISES},
        },
        "ledger": {
            "obligations": {
                "crisis_followup": {
                    "owed": 12,
                    "vital": 2,
                    "ends": {"delivered": 10, "failed: 30003": 2},
                    "in_time": {"yes": 10, "the number cannot be texted": 2},
                    "late_minutes": [15] * 9 + [600],
                    "late_running_minutes": [15] * 9 + [600],
                    "unaccounted": 0,
                    "unaccounted_examples": [],
                }
            }
        },
        "texts": texts,
        "digest": "",
        "faults": {},
    }


@pytest.fixture
def worlds(monkeypatch):
    """The specifications that were run. A world of another policy sends half as many texts."""
    asked = SimpleNamespace(runs=[], results=[raw(2000), raw(1000)], copies=[], copied=(2000, 1000))

    def run_worlds(specs, *, on_progress):
        asked.runs.append(specs)
        on_progress(0.5)
        on_progress(1.0)
        return asked.results[len(asked.runs) - 1]

    def copy(path, *, most, seed, now):
        path.write_text("people")
        asked.copies.append((path, most, seed, now))
        everybody, taken = asked.copied
        return SimpleNamespace(people=everybody, taken=taken)

    monkeypatch.setattr(comparing.running, "run", run_worlds)
    monkeypatch.setattr(comparing.copying, "copy_population", copy, raising=False)
    return asked


# --- The comparison ---


def test_both_policies_run_on_the_same_people_and_faults(worlds):
    compare(Request(days=7, people=1000, seed=4, faults=True, changes=("wellness=off",)), now=NOON)
    today, changed = worlds.runs
    assert {spec.changes for spec in today} == {()}
    assert {spec.changes for spec in changed} == {("wellness=off",)}
    [[path, most, seed, now]] = worlds.copies
    assert (most, seed, now) == (1000, 4, NOON)
    for spec, other in zip(today, changed, strict=True):
        assert {**spec.as_json(), "changes": ()} == {**other.as_json(), "changes": ()}
        assert (spec.population, spec.people, spec.faults) == (str(path), 1000, True)
    assert [(spec.shard, spec.shards) for spec in today] == [(0, 2), (1, 2)]


def test_without_a_change_only_the_policy_of_today_runs(worlds):
    result = compare(Request(), now=NOON)
    assert len(worlds.runs) == 1
    assert (result["changed"], result["changes"]) == (None, [])
    assert result["broken_promises"]["changed"] is result["ledger"]["changed"] is None


def test_counts_stand_for_everybody_where_only_some_were_copied(worlds):
    result = compare(Request(changes=("wellness.high.every=6d",), segment_cost=0.01), now=NOON)
    assert result["people"] == {"all": 2000, "taken": 1000}
    assert [result[arm]["texts"]["all"] for arm in ("today", "changed")] == [4000, 2000]
    assert result["today"]["cost"]["total"] == 2 * 4000 * 0.01
    assert result["today"]["texts"]["per_person_week"] == 2


def test_made_up_people_are_not_copied(worlds):
    result = compare(Request(synthetic=True, people=300), now=NOON)
    assert worlds.copies == []
    assert {(spec.population, spec.people) for spec in worlds.runs[0]} == {("", 300)}
    assert result["people"] == {"all": 300, "taken": 300}


def test_the_copy_is_gone_afterwards_whatever_happens(worlds):
    compare(Request(), now=NOON)
    worlds.results = []  # it breaks
    with pytest.raises(IndexError):
        compare(Request(), now=NOON)
    assert [path.parent.exists() for path, *_ in worlds.copies] == [False, False]


def test_a_result_tells_of_nobody_real(worlds):
    assert "+1415" not in json.dumps(compare(Request(), now=NOON))
    worlds.runs.clear()
    told = compare(Request(synthetic=True), now=NOON)["broken_promises"]["today"]["examples"]
    assert told["cap"] == ["+14155550123 got two"]


def test_the_way_is_told_over_both_policies(worlds):
    shares = []
    compare(Request(changes=("wellness=off",)), on_progress=shares.append, now=NOON)
    assert shares == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_the_policy_of_this_process_stays(worlds):
    before = (WELLNESS.tiers, WELLNESS.steps)
    compare(Request(changes=("wellness.high.every=6d",)), now=NOON)
    assert (WELLNESS.tiers, WELLNESS.steps) == before


def test_a_request_is_kept_as_it_was_asked(settings):
    settings.SMS_SEGMENT_COST = 0.02
    request = Request(changes=("wellness=off",), days=3)
    kept = json.loads(json.dumps(request.as_json()))
    assert kept["segment_cost"] == 0.02
    assert Request.from_json(kept) == Request(changes=("wellness=off",), days=3, segment_cost=0.02)


def test_the_result_has_the_shape_of_the_sample(worlds):
    """Which is what the admin is built on."""
    result = compare(Request(changes=("wellness.high.every=6d",)), now=NOON)
    assert _shape(result) == _shape(SAMPLE)


def _shape(value):
    match value:
        case dict():
            # Of what differs between worlds (ends, rules, promises) only that it is a dict.
            open_ended = ("by_rule", "ends", "in_time", "by_cadence", "examples", "checked")
            return {
                key: type(one).__name__ if key in open_ended else _shape(one)
                for key, one in value.items()
            }
        case list():
            return [_shape(value[0])] if value else []
        case None | int() | float():
            return "number"
    return type(value).__name__


def test_there_is_no_answer_without_people(worlds):
    worlds.copied = (0, 0)
    with pytest.raises(Unanswered, match="There is nobody in this database to copy"):
        compare(Request(), now=NOON)


# --- The command ---


def test_it_says_first_that_nothing_was_done_and_to_whom(worlds):
    printed = run(
        "simulate",
        "--days",
        "7",
        "--seed",
        "9",
        "--change",
        "wellness.high.every=6d",
        "--at",
        NOON.isoformat(),
    )
    assert printed.splitlines()[:4] == [
        "Nothing was written to this database, and nothing was sent.",
        "7 simulated days from 2027-01-05 12:00 UTC with a copy of 1,000 of 2,000 people; seed 9.",
        "Counts and cost are scaled up to all of them; rates, shares and waits are not.",
        "Changed: Wellness check-in, tier high: every 6 days instead of 3 days.",
    ]


def test_it_prints_both_policies_side_by_side(worlds):
    changed = worlds.results[1]["figures"]
    changed["held_back"]["wellness"]["by_rule"]["gate"] = 0
    changed["people_end"]["churned"], changed["answers"]["wellness"]["answered"] = 6, 30
    printed = run("simulate", "--change", "wellness.high.every=6d", "--segment-cost", "0.01")
    assert _cells(printed, "band high") == ["2.00", "1.00", "-50 %"]
    assert _cells(printed, "in all") == ["4,000", "2,000", "-50 %"]
    assert _cells(printed, "in 30 days") == ["$342.86", "$171.43", "-50 %"]
    assert _cells(printed, "95 of 100 sent within") == ["10.0 h", "10.0 h", ""]
    assert _cells(printed, "of 1,000 texts, met the 24-hour gate") == ["10", "5", "-50 %"]
    # What it means goes on in the next line.
    assert _cells(printed, "window: where they are it was too early") == ["24.5 %", "24.5 %", ""]
    assert _cells(printed, "became churned") == ["14", "12", "-14 %"]
    assert _cells(printed, "texts answered within 72 hours") == ["40.0 %", "30.0 %", "-10.0 points"]
    assert _cells(printed, "failed: 30003") == ["4", "4", ""]
    assert "No promise was broken" in printed
    # Weeks, and waits that nobody is harmed by, are for files.
    assert "week 1" not in printed
    assert "Assessment reminder" not in printed


def test_it_says_what_is_switched_off(worlds):
    """A copy has it off as well: nobody should wonder why nothing goes out."""
    CadenceSwitch.objects.create(cadence="everything", is_on=False)
    says = "Switched off today, and so here: All sending. --change everything=on asks"
    assert says in run("simulate")
    worlds.runs.clear()
    assert says not in run("simulate", "--change", "everything=on")
    worlds.runs.clear()
    assert says not in run("simulate", "--synthetic")


def test_it_prints_one_column_where_nothing_is_compared(worlds):
    printed = run("simulate", "--synthetic", "--people", "300", "--silent", "--faults")
    assert (
        "with 300 made-up people, nobody writes, has a crisis or signs up, with faults" in printed
    )
    assert "No change was asked for" in printed
    assert _cells(printed, "band high") == ["2.00"]


def _cells(printed, figure):
    """The numbers in the first row that begins so."""
    found = (line.strip()[1:-1].split("│") for line in printed.splitlines() if "│" in line)
    cells = next(cells for cells in found if cells[0].strip() == figure)
    return [cell.strip() for cell in cells[1:]]


def test_it_prints_json(worlds):
    arguments = ("simulate", "--days", "7", "--at", NOON.isoformat(), "--change", "wellness=off")
    printed = run_json(*arguments)
    worlds.runs.clear()
    assert printed == compare(Request(days=7, changes=("wellness=off",)), now=NOON)


def test_it_writes_every_figure_to_a_file(worlds, tmp_path):
    path = tmp_path / "figures.csv"
    run("simulate", "--change", "wellness.high.every=6d", "--csv", str(path))
    with path.open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["figure", "unit", "today", "changed"]
    figures = {figure: numbers for figure, *numbers in lines}
    assert len(figures) == len(lines)
    assert figures["Texts per person and week: band high"] == [
        "texts per person and week",
        "2.0",
        "1.0",
    ]
    assert figures["Texts per person and week: everybody, week 1"][1:] == ["2.0", "1.0"]
    assert figures["Broken promises: cap"] == ["count", "0", "0"]


def test_no_cell_of_the_file_is_a_formula(worlds, tmp_path):
    worlds.results[0]["figures"]["waits"]["=1+1"] = {"60": 1}
    path = tmp_path / "figures.csv"
    run("simulate", "--csv", str(path))
    with path.open(newline="") as file:
        figures = [figure for figure, *_ in csv.reader(file) if "1+1" in figure]
    assert figures[0] == "'=1+1: how long after it fell due: sent"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_run(worlds, tmp_path):
    said = refusal("simulate", "--csv", str(tmp_path / "nowhere" / "figures.csv"))
    assert said.endswith("figures.csv could not be written: No such file or directory.")
    assert worlds.runs == []


def test_a_change_that_cannot_be_made_is_refused_before_anything_is_run(worlds):
    said = refusal("simulate", "--change", "wellness.higher.every=4d")
    assert said.startswith("wellness has no tier 'higher': choose from")
    assert (worlds.runs, worlds.copies) == ([], [])


def test_a_database_without_people_suggests_made_up_ones(worlds):
    worlds.copied = (0, 0)
    assert refusal("simulate") == (
        "There is nobody in this database to copy. Try it on made-up people: choose them on the "
        "page, or add --synthetic on the command line."
    )


def test_a_world_that_died_says_what_it_said_last(worlds, monkeypatch):
    def die(specs, *, on_progress):
        raise WorldEnded("sqlite3.OperationalError: database or disk is full")

    monkeypatch.setattr(comparing.running, "run", die)
    assert refusal("simulate") == (
        "A simulated world ended before its time: sqlite3.OperationalError: database or disk is "
        "full"
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_the_copy_is_gone_also_when_the_command_is_ended(worlds, monkeypatch, ending):
    before = signal.getsignal(ending)
    monkeypatch.setattr(comparing.running, "run", lambda *a, **b: signal.raise_signal(ending))
    with pytest.raises(SystemExit) as left:
        run("simulate")
    assert left.value.code == 128 + ending
    assert not worlds.copies[0][0].parent.exists()
    assert signal.getsignal(ending) == before


def test_a_broken_promise_is_a_failure(worlds):
    worlds.results[1]["judgement"]["broken"]["cap"] = 3
    said = refusal("simulate", "--change", "wellness=off")
    assert "No promise was broken" not in said
    assert said.startswith("Promises were broken in simulation. changed policy: cap (3 times).")


def test_it_lists_what_can_be_changed():
    listed = run("simulate", "--list-settings").splitlines()
    assert listed[listed.index("Wellness check-in, tier high") + 1].split("  ")[1:3] == [
        "wellness.high.every=3d",
        "",
    ]
    assert any(line.startswith("  crisis_followup.due=1d,3d,7d,14d,21d,28d,35d") for line in listed)
    first = run_json("simulate", "--list-settings")[0]
    assert first == {
        "setting": "everything",
        "today": "on",
        "of": "All sending",
        "what": "on or off",
    }


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--days", "0", "number from 1 to 365"),
        ("--people", "-5", "number from 1 to 100,000"),
        ("--segment-cost", "11", "price from 0 to 10 US dollars"),
        ("--seed", "x", "int"),
    ],
)
def test_impossible_numbers_are_refused(option, value, says):
    assert says in refusal("simulate", option, value)


def test_nothing_is_written(worlds):
    someone = person()
    before = Caregiver.objects.values().get()
    run("simulate", "--change", "dormant_reactivation=off")
    assert Caregiver.objects.values().get(pk=someone.pk) == before


# --- Rows ---


def test_what_stands_in_one_policy_only_has_a_row(worlds):
    del worlds.results[1]["figures"]["waits"]["assessment_reminder"]
    result = compare(Request(changes=("assessment_reminder=off",)), now=NOON)
    [row] = [
        row
        for row in rows(result)
        if row.section.startswith("Assessment reminder") and row.figure == "sent"
    ]
    assert (row.today, row.changed, row.is_detail) == (8, 0, True)


@pytest.mark.parametrize(
    ("unit", "number", "words"),
    [
        (Unit.COUNT, 12345, "12,345"),
        (Unit.RATE, 2.1349, "2.13"),
        (Unit.DOLLARS, 1234.5, "$1,234.50"),
        (Unit.DOLLARS, 0.0342, "$0.0342"),
        (Unit.DOLLARS, 0, "$0.00"),
        (Unit.SHARE, 0.4567, "45.7 %"),
        (Unit.HOURS, 9.06, "9.1 h"),
        (Unit.HOURS, None, "-"),
        (Unit.NUMBER, 1234.56, "1,234.6"),
    ],
)
def test_a_number_is_said_in_its_unit(unit, number, words):
    assert say(unit, number) == words
