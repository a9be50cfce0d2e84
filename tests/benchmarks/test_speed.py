"""The small form of the measurements, on a PostgreSQL that it starts: what they are taken on, and
that the command takes them."""

import json
import os
import sys
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection

from benchmarks import __main__ as command
from benchmarks.speed import children, databases
from tests.conftest import database_url

PEOPLE = 400
# Each process of the tests has its own.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="module")
def server():
    """Databases beside that of the tests, in its server, which does not wait for the disk."""
    if connection.vendor != "postgresql":
        pytest.skip("populations are made on PostgreSQL only")
    server = databases.Databases(database_url(), prefix=f"{WORKER}_")
    yield server
    server.clear()


def told(server: databases.Databases, *arguments: object) -> Any:
    with server.copy(PEOPLE) as database:
        return children.run("tests.benchmarks.populated", *arguments, database=database)


def test_a_commit_waits_for_the_disk_as_it_does_in_production():
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL only")
    with databases.running() as server:
        shown = [server.ask(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
    assert shown == ["on", "on"]


def test_in_a_population_nobody_is_due_and_everybody_is_where_their_number_says(server):
    found = told(server, "people")
    assert found["people"] == PEOPLE
    assert found["due"] == 0
    assert found["idle"] == {"day": 0, "night": 0}
    assert found["wrong zones"] == []
    assert found["invalid constraints"] == []


def test_exactly_so_many_are_made_due_and_the_plain_scan_finds_the_same_people(server):
    found = told(server, "due", 90)
    assert found["due"] == found["planned"]
    assert sum(found["planned"].values()) == 90
    assert found["scan"] == 90
    # A sweep claims them all, and they can be made due again.
    assert found["claimed"] == [90, 90]


def test_the_three_ways_to_claim_leave_the_same_rows(server):
    found = told(server, "claims")
    assert found["sweep"] == found["statement"] == found["loop"]
    assert len(found["sweep"]) == 60


def test_the_command_writes_figures_and_a_table(server, monkeypatch, tmp_path, capsys):
    path = tmp_path / "figures.json"
    monkeypatch.setattr(databases, "running", lambda: nullcontext(server))
    given = f"--small --people {PEOPLE} --runs 1 --only idle_sweep_vs_scan --json {path}"
    monkeypatch.setattr(sys, "argv", ["benchmarks", *given.split()])
    assert command.main() == 0
    found = json.loads(path.read_text())
    assert list(found) == ["idle_sweep_vs_scan"]
    assert set(found["idle_sweep_vs_scan"]) == {"ratio", "ours", "baseline", "unit", "runs"}
    assert found["idle_sweep_vs_scan"]["runs"] == 1
    printed = capsys.readouterr().out
    assert "idle_sweep_vs_scan" in printed
    assert "shared_buffers" in printed
