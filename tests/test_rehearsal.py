"""What an operator does from an export to a taken-back schema works as the documents say."""

import os
import subprocess
import sys

import pytest
from django.db import connection

FEW = ("--people", "120", "--share", "50", "--every", "120")

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="once is enough, on what a service has"
)


def rehearse(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.rehearsal", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )


def test_a_move_from_convex_goes_out_to_some_for_a_week_and_is_taken_back():
    ended = rehearse(*FEW)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith("The rehearsal went through, there and back.\n")
    assert "Week 2026-W10, 2 to 8 Mar 2026" in ended.stdout


def test_a_rehearsal_that_does_not_do_what_it_should_leaves_with_one():
    ended = rehearse("--people", "10", "--cadence", "nothing")

    assert ended.returncode == 1
    assert "The rehearsal broke: " in ended.stderr
