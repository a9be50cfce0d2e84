"""What a world is made from: the same specification gives the same world, text for text."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SYNTHETIC = ""


@dataclass(frozen=True)
class Spec:
    """`starts`: UTC; `days` of 24 hours. `tick_minutes`: how often the sweep runs there.

    `population`: the path of a copied population (`copying`), or SYNTHETIC. `people`: how many are
    drawn or taken from it, over all shards; `shard` of `shards` is the part that lives in this
    world (whose `key % shards == shard`). `silent`: nobody writes, has a crisis or signs up, so
    what they get is what the policy alone makes of them.
    `faults`: with outages, crashes and everything else that breaks. `changes`: what is different
    from today's policy, as `policy` reads it.
    """

    seed: int
    people: int
    days: int
    starts: datetime
    tick_minutes: int = 30
    population: str = SYNTHETIC
    silent: bool = False
    faults: bool = False
    changes: tuple[str, ...] = ()
    shard: int = 0
    shards: int = 1

    @property
    def ends(self) -> datetime:
        return self.starts + timedelta(days=self.days)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "starts": self.starts.isoformat()}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Spec":
        return cls(
            **{
                **given,
                "starts": datetime.fromisoformat(given["starts"]).astimezone(UTC),
                "changes": tuple(given.get("changes", ())),
            }
        )
