"""How many rows of a table PostgreSQL looks at for a query: what EXPLAIN says after running it."""

from typing import Any

from django.db import connection


def rows_read(sql: str, table: str) -> int:
    """Rows of `table` that the SELECT `sql` reads; 0 for what is no SELECT of it."""
    if not sql.startswith("SELECT") or f'"{table}"' not in sql:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql.replace('%', '%%')}", [])
        (plan,) = cursor.fetchone()[0]
    return _of(plan["Plan"], table)


def _of(node: dict[str, Any], table: str) -> int:
    rows = sum(_of(child, table) for child in node.get("Plans", ()))
    if node.get("Relation Name") == table:
        each = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        rows += int(sum(node.get(name, 0) for name in each) * node["Actual Loops"])
    return rows
