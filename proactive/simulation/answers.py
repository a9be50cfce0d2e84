"""What people write: answers to our texts, and words of their own."""

from datetime import datetime, timedelta
from random import Random

from proactive.clocks import HOUR, MINUTE
from proactive.simulation.happenings import STOPS, Happening, Kind, Person
from proactive.simulation.spec import Spec

_DIES = 0.015  # that a number dies during a world

WORDS = (
    "Okay today, thank you.",
    "It was a hard night.",
    "My sister came, so I could sleep.",
    "Do you know of respite care near us?",
    "He did not know me this morning.",
    "Gracias, estoy un poco mejor.",
    "Hoy fue un día difícil.",
)


def answer(person: Person, spec: Spec, *, nth: int, at: datetime) -> Happening | None:
    """What `person` does on getting their `nth` text of ours at `at`; None for nothing.

    A text from them, seconds to a day later, and possibly after the end of the world.
    """
    random = Random(f"{spec.seed}/{person.key}/answer/{nth}")
    if spec.silent or random.random() >= person.answers:
        return None
    says_stop = random.random() < person.stops
    speed = random.random()
    if speed < 0.15:
        after = timedelta(seconds=random.uniform(2, 59))
    elif speed < 0.65:
        after = random.uniform(1, 90) * MINUTE
    else:
        after = random.uniform(1.5, 24) * HOUR
    death = dies(person, spec)
    if death is not None and at + after >= death:
        return None
    return text(person, at + after, random.choice(STOPS if says_stop else WORDS))


def text(person: Person, at: datetime, body: str) -> Happening:
    """They write `body` at `at`."""
    return Happening(at, person.key, Kind.TEXT, {"body": body})


def dies(person: Person, spec: Spec) -> datetime | None:
    """When their number dies; None if it does not."""
    random = Random(f"{spec.seed}/{person.key}/number")
    if random.random() >= _DIES:
        return None
    return spec.starts + random.random() * (spec.ends - spec.starts)
