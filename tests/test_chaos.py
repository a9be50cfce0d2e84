"""The crash suite in its short form; `make chaos` runs the long one, `make mutants` proves it."""

import subprocess
import sys

from django.db import connection

from tests.conftest import ROOT


def test_whatever_is_killed_nobody_is_texted_twice_at_night_or_after_stop_and_nothing_is_lost():
    run = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "tests.chaos"),
            *("--db", "postgres" if connection.vendor == "postgresql" else "sqlite"),
            *("--runs", "1", "--leaps", "4"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "No promise was broken." in run.stdout
