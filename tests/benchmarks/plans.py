"""How PostgreSQL would run each query of a sweep and of a look at the metrics.

Told from a process of its own: for `test_plans`.
"""

import json
from collections.abc import Iterator
from itertools import count
from re import sub
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.db import connection

from benchmarks.speed import due_now
from benchmarks.speed.populating import NOW
from proactive import readiness
from proactive.metrics import OutreachCollector
from proactive.sweeps import run_sweep

# Whatever grows with the service.
LARGE = (
    *("caregiving_caregiver", "caregiving_inboundmessage", "caregiving_crisisevent"),
    *("proactive_message", "proactive_sweep"),
)


def queries() -> dict[str, Any]:
    """SQL and parameters of whatever a sweep selects: while nobody is due, and while many are;
    and of a look at the metrics while as many texts wait."""
    asked: dict[str, Any] = {}

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            asked.setdefault(sql, params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        run_sweep(now=NOW)
        due_now.make_due(300, now=NOW)
        run_sweep(now=NOW, force=True)
        list(OutreachCollector(now=NOW).collect())
        readiness.check_all(now=NOW)
    return asked


def plans(sql: str, params: Any) -> Iterator[dict[str, Any]]:
    """With the values; and without them, as what is prepared may be planned."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        yield cursor.fetchone()[0][0]["Plan"]
        if "FROM caregiving_caregiver WHERE" in sql:  # a prepared one, whose constants are written
            numbers = count(1)
            generic = sub(r"(?<!%)%s", lambda hole: f"${next(numbers)}", sql).replace("%%", "%")
            cursor.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {generic}")
            yield cursor.fetchone()[0][0]["Plan"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _asks_of_all(node: dict[str, Any]) -> bool:
    """Texts of a stage by the index of those of one person, and yet of everybody's: PostgreSQL
    gathers all that any row might ask for."""
    by_person = node.get("Index Name") == "once_per_stage_and_occasion"
    return by_person and "caregiver_id" not in node["Index Cond"]


def main() -> None:
    asked = queries()
    indexes: set[str] = set()
    whole = []
    for sql, params in asked.items():
        for plan in plans(sql, params):
            for node in _nodes(plan):
                indexes.add(node.get("Index Name", ""))
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE:
                    whole.append(f"{node['Relation Name']}: {sql[:200]}")
                if _asks_of_all(node):
                    whole.append(f"{node['Index Name']}: {sql[:200]}")
    print(json.dumps({"whole": whole, "indexes": sorted(indexes)}))


if __name__ == "__main__":
    main()
