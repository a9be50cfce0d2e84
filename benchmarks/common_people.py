"""Whom the commonly written policy looks after: what it knows of them, and when its cadences fall.

Who is texted when, and how often, is what DESIGN section 5 says.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from caregiving.intents import Intent
from proactive.simulation.happenings import Person

DAY = timedelta(days=1)


@dataclass
class Record:
    """A person as this policy knows them: fields named as those of Caregiver."""

    person: Person
    created_at: datetime
    first_name: str = ""
    relationship: str = ""
    zip_code: str = ""
    journey_phase: str = "active"
    burnout_band: str = ""
    wellness_opt_in: bool = False
    last_contact_at: datetime | None = None
    opted_out_at: datetime | None = None
    outreach_paused_until: datetime | None = None
    last_proactive_message_at: datetime | None = None
    last_crisis_event_at: datetime | None = None
    crisis_followup_count: int | None = None
    reactivation_message_count: int | None = None
    last_assessment_at: datetime | None = None
    assessment_reminder_count: int | None = None
    onboarding_nudge_count: int | None = None
    # Stages that wait for another run: cadence, occasion, stage.
    aside: set[tuple[str, datetime, int]] = field(default_factory=set)

    @classmethod
    def of(cls, person: Person) -> "Record":
        known = cls.__dataclass_fields__.keys() - {"person", "aside"}
        record = cls(person, **{name: person.row[name] for name in known & person.row.keys()})
        for cadence in STAGED:
            began = getattr(record, cadence.event) is not None
            if began and getattr(record, cadence.counter) is None:
                setattr(record, cadence.counter, 0)
        return record

    @property
    def silent_since(self) -> datetime:
        return self.last_contact_at or self.created_at

    @property
    def has_complete_profile(self) -> bool:
        return all((self.first_name, self.relationship, self.zip_code))

    def has_open_cascade(self, now: datetime) -> bool:
        """While the follow-ups of a crisis go on, nothing is owed to silence."""
        crisis = self.last_crisis_event_at
        return crisis is not None and now - crisis < CRISIS_FOLLOWUP.until * DAY

    # --- What happens to them ---

    def contact(self, now: datetime) -> None:
        self.last_contact_at = now
        self.reactivation_message_count = 0
        if self.journey_phase == "churned":
            self.journey_phase = "active"

    def heed(self, intent: Intent, now: datetime) -> None:
        if intent == Intent.STOP:
            self.opted_out_at = now
        elif intent == Intent.START:
            self.opted_out_at = None

    def crisis(self, now: datetime) -> None:
        self.last_crisis_event_at = now
        self.crisis_followup_count = 0

    def score(self, band: str, now: datetime) -> None:
        if band == "crisis" and self.burnout_band != band:
            self.crisis(now)
        self.burnout_band = band
        self.last_assessment_at = now
        self.assessment_reminder_count = 0

    def complete(self, fields: dict[str, Any]) -> None:
        for name in fields.keys() & self.__dataclass_fields__.keys():
            setattr(self, name, fields[name])


@dataclass(frozen=True)
class Staged:
    """`days`: its milestones; `until`: the day on which the last one is too late.

    `event`: the field of Record whose event begins it and sets the counter to 0. `since`: what the
    days are counted from.
    """

    name: str
    event: str
    since: str
    days: tuple[int, ...]
    until: int
    counter: str

    def milestone(self, record: Record, now: datetime) -> tuple[datetime, int, int] | None:
        """Since when the days count, how many there are, and the stage whose time it is."""
        since: datetime | None = getattr(record, self.since)
        if since is None:
            return None
        days = (now - since).days
        stage = sum(days >= milestone for milestone in self.days)
        return (since, days, stage) if stage and days < self.until else None


CRISIS_FOLLOWUP = Staged(
    name="crisis_followup",
    event="last_crisis_event_at",
    since="last_crisis_event_at",
    days=(1, 3, 7, 14, 21, 28, 35),
    until=42,
    counter="crisis_followup_count",
)
DORMANT_REACTIVATION = Staged(
    name="dormant_reactivation",
    event="last_contact_at",
    since="silent_since",
    days=(7, 14, 30),
    until=31,
    counter="reactivation_message_count",
)
ASSESSMENT_REMINDER = Staged(
    name="assessment_reminder",
    event="last_assessment_at",
    since="last_assessment_at",
    days=(7, 14),
    until=21,
    counter="assessment_reminder_count",
)
ONBOARDING_NUDGE = Staged(
    name="onboarding_nudge",
    event="created_at",
    since="created_at",
    days=(2, 5),
    until=6,
    counter="onboarding_nudge_count",
)
STAGED = (CRISIS_FOLLOWUP, DORMANT_REACTIVATION, ASSESSMENT_REMINDER, ONBOARDING_NUDGE)


def is_for(cadence: Staged, record: Record, now: datetime) -> bool:
    if cadence is CRISIS_FOLLOWUP:
        return record.journey_phase != "churned"
    if cadence is ONBOARDING_NUDGE:
        return record.journey_phase != "churned" and not record.has_complete_profile
    if cadence is DORMANT_REACTIVATION and record.has_open_cascade(now):
        return False
    return record.journey_phase == "active"


def wellness_timing(record: Record, now: datetime) -> tuple[int, int] | None:
    """Every how many days, after how many days of silence; None for whom there are no check-ins."""
    crisis = record.last_crisis_event_at
    match record.burnout_band:
        case "crisis":
            is_recent = crisis is not None and now - crisis <= 7 * DAY
            return (1, 2) if is_recent else (7, 3)
        case "high":
            return 3, 2
        case "moderate":
            return 7, 3
        case "mild" | "thriving" if record.wellness_opt_in:
            return 14, 3
    return None
