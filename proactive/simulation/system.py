"""What a world expects of the system that looks after its people: ours, or one to compare with."""

from typing import Any, Protocol

from proactive.simulation.happenings import Happening, Person
from proactive.simulation.log import Log
from proactive.sms.gateway import Report


class System(Protocol):
    """Everything is asked at the instant that the world's clock shows."""

    def begin(self, people: list[Person]) -> None:
        """Take in those who are there from the beginning."""
        ...

    def happen(self, person: Person, happening: Happening) -> None:
        """Take in one happening. Raises whatever breaks it; then it was not acknowledged."""
        ...

    def tick(self) -> None:
        """One beat of the clock: whatever is due goes to the provider."""
        ...

    def is_waiting(self) -> bool:
        """Whether a beat in a minute would find something to send that is decided already."""
        ...

    def report(self, message_id: str, report: Report) -> None:
        """The provider says what has become of a text."""
        ...

    def staff(self) -> None:
        """Whoever looks after the system looks in: once an hour."""
        ...

    def switch(self, name: str, *, on: bool) -> None:
        """Staff switch a cadence, or "everything", off or on."""
        ...

    def look(self, log: Log) -> None:
        """At rest after a beat, now and then: note on `log` who is held back."""
        ...

    def conclude(self, log: Log, people: list[Person]) -> dict[str, Any]:
        """At the end of the world: raw results by name, which `merging` puts together."""
        ...
