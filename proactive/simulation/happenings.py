"""What can happen to simulated people, whatever system looks after them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

# The words by which simulated people say that they want no more, and that they do again.
STOPS = ("STOP", "Stop", "stop please", "unsubscribe", "no me escriban más")
START = "START"
# Of those, what the provider acts on by itself: one of its keywords, alone.
PROVIDER_STOPS = ("STOP", "Stop", "unsubscribe")


class Kind(StrEnum):
    """`data` of each, in brackets."""

    SIGN_UP = "sign_up"
    TEXT = "text"  # they write to us: {"body"}; STOPS and START are about consent
    CRISIS = "crisis"  # somebody reports one: {"source"}
    SCORE = "score"  # a self-assessment: {"score", "burnout_band"}
    PROFILE = "profile"  # they complete it: {fields of Caregiver}
    PAUSE = "pause"  # staff pause texts to them: {"days"}
    NUMBER_DIES = "number_dies"  # from now on no text reaches the number, and it never writes


@dataclass(frozen=True)
class Happening:
    at: datetime  # UTC
    person: int  # Person.key
    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """Somebody as they are before the world begins; nothing here that a system decides.

    `row`: their fields of Caregiver, with `created_at`; those who sign up later begin to exist with
    a Happening of that kind. `zone`: where they really are (IANA). `answers`: the chance that they
    answer a text of ours, `stops`: that an answer says STOP. `writes`: how many texts they send of
    their own accord, `assesses`: how many self-assessments they make, both in a week on average.
    """

    key: int
    number: str  # E.164
    zone: str
    row: dict[str, Any]
    answers: float = 0.0
    stops: float = 0.0
    writes: float = 0.0
    assesses: float = 0.0
    is_there: bool = True  # False: signs up later
