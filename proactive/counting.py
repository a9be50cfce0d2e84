"""Counting rows as far as somebody would want to know, and no further.

`COUNT(*)` grows with the table, and at a million people it takes longer than the page itself.
"""

from typing import Any

from django.db.models import QuerySet


class Counted(int):
    """A number of rows; `more`: there are more than that.

    It prints itself, since Django's and Unfold's templates print the count of a list in several
    places: `1,234`, or `10,000+`.
    """

    more: bool

    def __new__(cls, number: int, *, more: bool = False) -> "Counted":
        counted = super().__new__(cls, number)
        counted.more = more
        return counted

    def __str__(self) -> str:
        return f"{int(self):,}{'+' if self.more else ''}"


def count(rows: QuerySet[Any], *, bound: int) -> Counted:
    """How many `rows` there are, reading at most one more than `bound` of them."""
    # In whatever order the database finds them cheapest.
    found = rows.order_by()[: bound + 1].count()
    return Counted(min(found, bound), more=found > bound)
