"""The command of the proof: what it runs, what it says, and its exit status.

What a world finds is made up here; that worlds run is shown by the tests of `running`.
"""

import json
import os
import signal
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from benchmarks import printing, proof, scratch
from benchmarks.habits import Habit
from proactive.simulation import running
from proactive.simulation.judging import PROMISES
from proactive.simulation.running import WorldEnded

FEW = ("--people", "40", "--days", "5", "--shards", "2")
OBLIGATION = {
    "owed": 10,
    "vital": 2,
    "ends": {"delivered": 9, "failed: 30003": 1},
    "in_time": {"yes": 9, "the number cannot be texted": 1},
    "late_minutes": [15] * 9,
    "late_running_minutes": [15] * 9,
    "unaccounted": 0,
    "unaccounted_examples": [],
}


def raw(**broken):
    """What the worlds of one run found, with so many breaks of some promises."""
    return {
        "texts": 1234,
        "happenings": 567,
        "faults": {"crash": 2, "crash in delivery._record_sent": 2},
        "digests": {"0": "aa", "1": "bb"},
        "ledger": {
            "obligations": {
                "crisis_followup": dict(OBLIGATION),
                "dormant_reactivation": dict(OBLIGATION),
            }
        },
        "judgement": {
            "broken": {**dict.fromkeys(PROMISES, 0), **broken},
            "checked": dict.fromkeys(PROMISES, 99),
            "examples": {name: [f"an example of {name}"] * (name in broken) for name in PROMISES},
        },
    }


@pytest.fixture
def worlds(monkeypatch):
    """What was asked of `running.run`. `finds(run)` is what a run finds, or raises."""
    asked = SimpleNamespace(runs=[], finds=lambda run: raw())

    def run(specs, *, on_progress, system, options, plant, scratch):
        on_progress(0.5)
        one = SimpleNamespace(
            specs=specs, spec=specs[0], system=system, options=options, plant=plant
        )
        asked.runs.append(one)
        return asked.finds(one)

    def migrate(database, folder):
        (folder / "template.sqlite3").touch()

    monkeypatch.setattr(running, "run", run)
    monkeypatch.setattr(scratch, "migrate", migrate)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setitem(os.environ, "DJANGO_SETTINGS_MODULE", "tests.settings")
    return asked


@pytest.fixture
def prove(worlds, monkeypatch, capsys):
    """Runs the command; its exit status and what it printed."""

    def proved(*arguments):
        monkeypatch.setattr("sys.argv", ["proof", *FEW, *arguments])
        status = proof.main()
        said = capsys.readouterr()
        return status, said.out + said.err

    return proved


def finds(worlds, ours):
    """Our own policy finds this; the common one breaks promises, as it does."""
    worlds.finds = lambda run: ours if run.system == proof.OURS else raw(hours=5, cap=1)


# --- One world ---


def test_a_world_that_kept_its_promises_is_a_success(prove, worlds):
    finds(worlds, raw())
    status, said = prove()
    assert status == 0
    assert "No promise was broken, and everything is accounted for." in said


def test_a_broken_promise_is_a_failure(prove, worlds):
    finds(worlds, raw(cap=2, stop=1))
    status, said = prove()
    assert status == 1
    assert "3 promises were broken; 0 obligations are unaccounted for." in said
    assert "cap: an example of cap" in said


def test_an_obligation_without_an_end_is_a_failure(prove, worlds):
    lost = raw()
    lost["ledger"]["obligations"]["dormant_reactivation"]["unaccounted"] = 4
    finds(worlds, lost)
    status, said = prove()
    assert status == 1
    assert "0 promises were broken; 4 obligations are unaccounted for." in said


def test_a_world_that_ended_before_its_time_is_neither(prove, worlds):
    def die(run):
        raise WorldEnded("OperationalError: disk is full")

    worlds.finds = die
    assert prove() == (
        2,
        f"Seed 1. To repeat this: python -m benchmarks.proof --seed 1 {' '.join(FEW[:4])} "
        "--tick-minutes 30 --db sqlite --shards 2\n"
        "A world ended before its time: OperationalError: disk is full\n",
    )


def test_the_world_is_the_one_that_was_asked_for(prove, worlds):
    _, said = prove("--seed", "4", "--tick-minutes", "20", "--no-comparison")
    [run] = worlds.runs
    assert [(spec.shard, spec.shards) for spec in run.specs] == [(0, 2), (1, 2)]
    spec = run.spec
    assert (spec.seed, spec.people, spec.days, spec.tick_minutes) == (4, 40, 5, 20)
    assert (spec.faults, spec.silent, spec.changes) == (True, False, ())
    assert (run.system, run.options, run.plant) == (proof.OURS, {"oracle": proof.ORACLE}, "")
    assert (
        "40 people from 21 February 2026 to 26 February 2026 (5 days) on SQLite, in 2 worlds side "
        "by side, each with 360 beats."
    ) in " ".join(said.split())


def test_what_it_says_to_repeat_it_asks_for_the_same(prove, worlds, monkeypatch):
    _, said = prove("--seed", "7", "--no-comparison")
    command = said.splitlines()[0].partition("benchmarks.proof ")[2]
    monkeypatch.setattr("sys.argv", ["proof", *command.split(), "--no-comparison"])
    proof.main()
    assert worlds.runs[0].specs == worlds.runs[1].specs


def test_clocks_change_within_every_world_of_usual_length():
    """In the spring of the north for even seeds, in its autumn for odd ones."""
    for starts, changes in ((proof.SPRING, (3, 8)), (proof.AUTUMN, (11, 1))):
        days = [starts + timedelta(days=n) for n in range(120)]
        assert changes in {(day.month, day.day) for day in days}


def test_the_digest_is_of_all_worlds_in_their_order(prove, worlds):
    swapped = {**raw(), "digests": {"1": "bb", "0": "aa"}}
    other = {**raw(), "digests": {"0": "bb", "1": "aa"}}
    digests = []
    for found in (raw(), swapped, other):
        finds(worlds, found)
        digests.append(prove("--no-comparison")[1].partition("accepted texts: ")[2].split()[0])
    assert digests[0] == digests[1] != digests[2]


# --- The comparison ---


def test_without_a_comparison_only_our_policy_runs(prove, worlds):
    assert prove("--no-comparison")[0] == 0
    assert [run.system for run in worlds.runs] == [proof.OURS]


def test_the_common_policy_is_told_with_its_habits_and_without(prove, worlds):
    """With those that the issue of it names; that its counters keep in step is told apart."""
    _, said = prove()
    ours, *common = worlds.runs
    assert ours.system == proof.OURS
    assert {(run.system, run.plant) for run in common} == {(proof.COMMON, "")}
    has = [set(Habit) - {Habit(name) for name in run.options["mended"]} for run in common]
    headline = set(Habit) - {Habit.IN_STEP}
    named = (Habit.WINDOWS, Habit.UNDEFINED, Habit.DROPS, Habit.CONTACT)
    assert has == [headline, *(headline - {habit} for habit in named), set(), set(Habit)]
    beginnings = [
        "our policy",
        "the policy as commonly written",
        "- without one-day windows",
        "- without undefined counters",
        "- without blocked is dropped",
        "- without contact blocks everything",
        "- without any of its habits",
        "- and with counters in step",
    ]
    lines = said.partition("The same people and faults, and")[2].splitlines()
    assert [line.partition("  ")[0] for line in lines if line.endswith("1,234")] == beginnings


def test_what_the_common_policy_breaks_is_not_our_failure(prove, worlds):
    finds(worlds, raw())
    assert prove()[0] == 0
    common = [run for run in worlds.runs if run.system == proof.COMMON]
    assert common
    assert all(run.specs == worlds.runs[0].specs for run in common)


# --- Many seeds ---


def test_many_seeds_are_a_line_each_and_no_comparison(prove, worlds):
    status, said = prove("--seed", "11", "--seeds", "3")
    assert status == 0
    assert [(run.spec.seed, run.system) for run in worlds.runs] == [
        (seed, proof.OURS) for seed in (11, 12, 13)
    ]
    assert [run.spec.starts for run in worlds.runs] == [proof.AUTUMN, proof.SPRING, proof.AUTUMN]
    lines = said.splitlines()
    assert lines[0] == "40 people, 5 days each, SQLite."
    assert lines[1] == printing.SEED_HEADING
    assert [line.split()[0] for line in lines[2:5]] == ["11", "12", "13"]
    assert lines[6] == "3 seeds, 3,702 texts: no promise was broken."


def test_one_seed_that_broke_a_promise_is_a_failure_and_is_named(prove, worlds):
    worlds.finds = lambda run: raw(once=2) if run.spec.seed == 2 else raw()
    status, said = prove("--seeds", "3")
    assert status == 1
    assert "seed 2, once: an example of once" in said
    assert said.splitlines()[-1] == "3 seeds, 3,702 texts: 1 of them broke a promise."


# --- A planted bug ---


@pytest.mark.parametrize("bug", ["gate", "give-back", "offset"])
def test_a_planted_bug_that_is_caught_is_a_success(prove, worlds, bug):
    finds(worlds, raw(explainable=3))
    status, said = prove("--plant", bug)
    assert status == 0
    assert [(run.plant, run.system) for run in worlds.runs] == [(bug, proof.OURS)]
    assert "caught as explainable: 3 times. an example of explainable" in said


def test_a_planted_bug_that_nothing_shows_is_a_failure(prove, worlds):
    status, said = prove("--plant", "gate")
    assert status == 1
    assert 'NOT CAUGHT: with "gate" planted, no promise was broken.' in said


def test_only_a_bug_that_there_is_can_be_planted(prove, worlds):
    status, said = prove("--plant", "gates")
    assert (status, worlds.runs) == (2, [])
    assert said == "--plant takes one of: gate, give-back, offset\n"


# --- Options ---


@pytest.mark.parametrize(
    "arguments", [("--db", "mysql"), ("--people", "many"), ("--seed",), ("--what",)]
)
def test_what_cannot_be_asked_is_refused(prove, worlds, arguments):
    with pytest.raises(SystemExit) as left:
        prove(*arguments)
    assert (left.value.code, worlds.runs) == (2, [])


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (("--no-comparison",), {"spec", "ours", "compared"}),
        (("--seeds", "2"), {"seeds"}),
        (("--plant", "gate"), {"plant", "ours"}),
    ],
)
def test_the_numbers_are_written_where_it_is_said_to(prove, worlds, tmp_path, arguments, holds):
    path = tmp_path / "proof.json"
    prove("--json", str(path), *arguments)
    written = json.loads(path.read_text())
    assert written.keys() == holds
    ours = written["ours"] if "ours" in holds else written["seeds"][0]
    assert (ours["texts"], ours["crisis"]["owed"], ours["unaccounted"]) == (1234, 10, 0)


# --- Scratch databases ---


def test_every_run_gets_a_new_database_and_tables_are_built_once(tmp_path, monkeypatch):
    built = []

    def migrate(database, folder):
        built.append(database)
        (folder / "template.sqlite3").write_text("tables")

    monkeypatch.setattr(scratch, "migrate", migrate)
    databases = scratch.Sqlite(tmp_path)
    addresses = []
    for _ in range(2):
        with databases.fresh() as fresh:
            address = fresh.database("world-0")
            path = address.removeprefix("sqlite:///")
            with open(path) as file:
                assert file.read() == "tables"
            addresses.append(address)
        assert not os.path.exists(path)
    assert len(set(addresses)) == 2
    assert built == [f"sqlite:///{tmp_path}/template.sqlite3"]


@pytest.fixture
def server(monkeypatch):
    """What a PostgreSQL server is told, and the databases that it was asked to migrate."""
    told = SimpleNamespace(statements=[], migrated=[])
    monkeypatch.setattr(
        scratch.Postgres, "_tell", lambda self, statement: told.statements.append(statement)
    )
    monkeypatch.setattr(scratch, "migrate", lambda url, folder: told.migrated.append(url))
    return told


def test_on_postgres_databases_are_copied_from_one_and_dropped_whatever_happens(server, tmp_path):
    databases = scratch.Postgres(tmp_path, "postgresql://user@localhost:5555/postgres")
    with databases.fresh() as fresh:
        assert fresh.database("world-0") == "postgresql://user@localhost:5555/world-0"
        fresh.database("world-1")
    with pytest.raises(WorldEnded), databases.fresh() as fresh:
        fresh.database("world-0")
        raise WorldEnded
    copied = 'CREATE DATABASE "world-{}" TEMPLATE "template_proof"'
    dropped = 'DROP DATABASE "world-{}" WITH (FORCE)'
    assert server.statements == [
        'CREATE DATABASE "template_proof"',
        *(copied.format(0), copied.format(1), dropped.format(1), dropped.format(0)),
        *(copied.format(0), dropped.format(0)),
    ]
    assert server.migrated == ["postgresql://user@localhost:5555/template_proof"]


def test_the_server_runs_as_long_as_the_proof_does(worlds, server, prove, monkeypatch):
    seen = []

    @contextmanager
    def started(kind):
        seen.append(f"{kind} started")
        yield {kind: "postgresql://user@localhost:5555/postgres"}
        seen.append(f"{kind} stopped")

    monkeypatch.setattr(scratch, "running", started)
    worlds.finds = lambda run: seen.append("run") or raw()
    status, said = prove("--db", "postgres", "--no-comparison")
    assert (status, seen) == (0, ["postgres started", "run", "postgres stopped"])
    assert "on PostgreSQL" in said
