"""What happened in a world, as its people and its provider saw it.

The judge and the ledger read this, so it holds nothing that the system under test says of itself.
All instants are UTC. `at` is the true time of the world; `clock` what the workers' clock showed
then, for clocks are stepped as well.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from proactive.simulation.happenings import Happening

# Person.key, cadence, stage, occasion: a text that is owed to somebody. Of a cadence without stages
# the occasion is the last text before, whatever it was about.
Key = tuple[int, str, int | None, datetime | None]


@dataclass
class Accepted:
    """A text that the provider took."""

    at: datetime
    clock: datetime
    person: int
    number: str
    sid: str
    message_id: str
    cadence: str
    stage: int | None
    tier: str
    occasion: datetime | None
    segments: int
    # What became of it: delivered, undelivered or failed, with the provider's code; "" on its way.
    status: str = ""
    code: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Refused:
    """A text that the provider refused for good, with its code."""

    at: datetime
    person: int
    message_id: str
    cadence: str
    stage: int | None
    occasion: datetime | None
    code: str


@dataclass(frozen=True)
class Happened:
    """A happening, and when the system had taken it in: acknowledged and committed.

    `acknowledged` is False where it broke on the way and the system never knew of it.
    `clock`: the instant under which the system has it.
    """

    happening: Happening
    at: datetime
    clock: datetime
    acknowledged: bool


@dataclass
class Log:
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    # When a text was submitted to each person, taken or not.
    tried: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    # Each rule that held back this text at some look, the latest last.
    held_back: dict[Key, list[str]] = field(default_factory=dict)
    # The identifiers of texts whose outcome nobody knew and that staff had sent again.
    given_back: set[str] = field(default_factory=set)
    # How often one looked, and how many people one found held back, over all looks.
    looks: int = 0
    people_held_back: int = 0
    # How often what was broken: "crash", "crash in delivery._record_sent", "outage", "429" ...
    faults: Counter[str] = field(default_factory=Counter)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)

    def hold_back(self, key: Key, rule: str) -> None:
        rules = self.held_back.setdefault(key, [])
        if rule in rules:
            rules.remove(rule)
        rules.append(rule)
