"""What GET answers about one person, as `explain --json` and `forecast --json` have it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    rule: str
    holds: bool
    says: str


class Cadence(BaseModel):
    cadence: str
    label: str
    stage: int | None
    tier: str
    sendable: bool
    rules: list[Rule]
    earliest: datetime | None


class Explanation(BaseModel):
    """Which rule lets or stops each cadence now, highest priority first."""

    phone_number: str
    now: datetime
    cadences: list[Cadence]


class Text(BaseModel):
    at: datetime
    cadence: str
    stage: int | None
    body: str


class Forecast(BaseModel):
    """What they get if they stay silent."""

    phone_number: str
    from_: datetime = Field(alias="from")
    messages: list[Text]


class Person(BaseModel):
    # Read off a row.
    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="By which webhooks name them; it stays.")
    phone_number: str
    first_name: str
    relationship: str
    care_recipient_name: str
    zip_code: str
    time_zone: str
    language: str
    wellness_opt_in: bool
    journey_phase: str
    burnout_band: str
    created_at: datetime
    last_contact_at: datetime | None
    last_assessment_at: datetime | None
    last_crisis_event_at: datetime | None
    last_proactive_message_at: datetime | None
    opted_out_at: datetime | None
    outreach_paused_until: datetime | None
    unreachable_at: datetime | None


class Caregiver(BaseModel):
    caregiver: Person
    explanation: Explanation
    forecast: Forecast
