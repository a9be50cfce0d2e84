"""What an import of a snapshot did, or found that it would do."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from caregiving.convex.rejects import Rejects
from caregiving.convex.snapshot import Line
from caregiving.importing import SHOWN, Difference


@dataclass
class Counts:
    """Documents of one table. `passed`: of no use here, such as what an assistant wrote."""

    documents: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    passed: int = 0
    bad: int = 0


@dataclass
class Report:
    """`not_taken`: fields that have no place here, by "table.field", with how many documents have
    one. `others`: tables that were not read. `crises`: people whose crisis was dated by a score.
    `opt_outs_held`, `opt_outs_lost`: rejected rows with an opt-out that holds all the same, and
    those of which nobody can tell whose it is. `unplaced`: by rejected document of `users`, its
    number; for the import only."""

    rejects: Rejects
    tables: dict[str, Counts] = field(default_factory=dict)
    not_taken: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    differing: int = 0
    crises: int = 0
    opt_outs_held: int = 0
    opt_outs_lost: int = 0
    unplaced: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    written: bool = False
    resumed_at: str = ""
    switched_off: list[str] = field(default_factory=list)

    @property
    def bad(self) -> int:
        return sum(one.bad for one in self.tables.values())

    def of(self, table: str) -> Counts:
        return self.tables.setdefault(table, Counts())

    def reject(self, table: str, line: Line, reason: str) -> None:
        self.of(table).bad += 1
        self.rejects.add(table, line, reason)

    def count(self, table: str, *, is_new: bool, is_changed: bool) -> None:
        counts = self.of(table)
        if is_new:
            counts.new += 1
        elif is_changed:
            counts.changed += 1
        else:
            counts.same += 1

    def pass_over(self, table: str, fields: list[str]) -> None:
        self.not_taken.update(f"{table}.{name}" for name in fields)

    def keep_ours(self, table: str, line: Line, masked: str, columns: list[str]) -> None:
        self.differing += 1
        if len(self.differences) < SHOWN:
            self.differences.append(Difference(line.number, masked, columns))

    def as_stored(self) -> dict[str, Any]:
        """What an interrupted import goes on from; no names and no numbers."""
        return {
            "tables": {name: asdict(counts) for name, counts in self.tables.items()},
            "not_taken": dict(self.not_taken),
            "differing": self.differing,
            "crises": self.crises,
            "opt_outs_held": self.opt_outs_held,
            "opt_outs_lost": self.opt_outs_lost,
        }

    def go_on_from(self, stored: dict[str, Any]) -> None:
        self.tables = {name: Counts(**counts) for name, counts in stored["tables"].items()}
        self.not_taken = Counter(stored["not_taken"])
        self.differing = stored["differing"]
        self.opt_outs_held = stored.get("opt_outs_held", 0)
        self.opt_outs_lost = stored.get("opt_outs_lost", 0)

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            **self.as_stored(),
            "bad": self.bad,
            "written": self.written,
            "resumed_at": self.resumed_at,
            "tables_not_read": self.others,
            "rejects": str(self.rejects.path) if self.bad else "",
            "bad_rows": [vars(one) for one in self.rejects.first],
            "differences": [vars(one) for one in self.differences],
            "switched_off": self.switched_off,
        }
