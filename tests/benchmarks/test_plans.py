"""No query of a sweep, or of the metrics, reads a large table whole.

PLANS_PEOPLE=1000000 asks of a million.
"""

import os

import pytest
from django.db import connection

from benchmarks.speed import children, databases
from proactive import sweeps
from tests.conftest import database_url

PEOPLE = int(os.environ.get("PLANS_PEOPLE", "20000"))
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite serves few people")
def test_no_query_of_a_sweep_or_of_the_metrics_reads_a_large_table_whole():
    server = databases.Databases(database_url(), prefix=f"{WORKER}_plans_")
    try:
        found = children.run("tests.benchmarks.plans", database=server.of(PEOPLE))
    finally:
        server.clear()
    assert found["whole"] == []
    assert {one.index for one in sweeps.ripenings()} <= set(found["indexes"])
