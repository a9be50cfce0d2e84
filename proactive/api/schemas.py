"""What may be told and what is answered: the types that the OpenAPI document is made of."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.core.exceptions import ValidationError as FormError
from django.utils import timezone
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    ValidationError,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from caregiving import zones
from caregiving.fields import normalise_phone_number
from caregiving.importing_rows import AHEAD, EARLIEST
from caregiving.models import BurnoutBand, Language
from proactive.api.examples import PROBLEM
from proactive.api.problems import Problem, invalid
from proactive.models.api import LONGEST_KEY

MOST_EVENTS = 1000
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)

# --- What stands in a field ---


def _read_number(text: str) -> str:
    try:
        return normalise_phone_number(text)
    except FormError as error:
        raise ValueError(error.messages[0]) from None


def _read_instant(value: Any) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("write date, time and offset as RFC 3339 has it: 2026-01-05T14:30:00Z")
    try:
        instant = datetime.fromisoformat(value)
        if timezone.is_aware(instant):
            instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such date or time") from None
    if timezone.is_naive(instant):
        raise ValueError("has no UTC offset: add one, such as Z or -05:00")
    if instant < EARLIEST:
        raise ValueError("is before the year 2000")
    if instant > timezone.now() + AHEAD:
        minutes = int(AHEAD.total_seconds() // 60)
        raise ValueError(f"is in the future, by more than {minutes} minutes")
    return instant


def _read_zone(name: str) -> str:
    if name and name not in zones.known():
        raise ValueError("is not an IANA time zone such as America/Chicago")
    return name


Number = Annotated[
    str,
    Field(
        max_length=40,
        description="With its country code; of the US also without.",
        examples=["+14155552671"],
    ),
    AfterValidator(_read_number),
]
Instant = Annotated[
    datetime,
    PlainValidator(_read_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "When it happened: RFC 3339, with an offset, not in the future.",
            "examples": ["2026-01-05T14:30:00Z"],
        }
    ),
]
Key = Annotated[
    str,
    Field(
        pattern=f"^[!-~]{{1,{LONGEST_KEY}}}$",
        description="Yours, and another one for each event. A repeat with the same key is "
        "answered as the first time and does nothing again. Do not put a name or number in it.",
        examples=["call-20260105-0007"],
    ),
]


# One line of text.
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\u0000-\u001f\u007f]*$")
]
Name = Annotated[Line, Field(max_length=60)]
Source = Annotated[
    Line,
    Field(
        max_length=40,
        description="How you know, such as: her sister. Default: the name of the token.",
    ),
]


class Model(BaseModel):
    # A field that we do not know may be a known one misspelt: better refused than overlooked.
    model_config = ConfigDict(extra="forbid", strict=True)


# --- What may be told ---


class _Event(Model):
    phone_number: Number
    at: Instant
    idempotency_key: Key


class Contact(_Event):
    """They wrote or called, or were reached: the silence ends."""

    type: Literal["contact"]


class CrisisEvent(_Event):
    """A crisis: seven follow-ups are owed from `at` on. It counts as contact."""

    type: Literal["crisis_event"]
    source: Source = ""


class WellnessScore(_Event):
    """A self-assessment. It counts as contact and sets the band; entering crisis is a crisis."""

    type: Literal["wellness_score"]
    score: Annotated[int, Field(ge=0, le=100, description="0 is worst, 100 best.")]
    burnout_band: Annotated[BurnoutBand, Field(strict=False)]


class OptOut(_Event):
    """They asked us to stop: nothing is sent any more."""

    type: Literal["opt_out"]
    source: Source = ""


class OptIn(_Event):
    """They allow us to text again."""

    type: Literal["opt_in"]
    source: Source = ""


class Profile(Model):
    """What is not given stays as it is."""

    first_name: Name = ""
    relationship: Annotated[Name, Field(examples=["daughter"])] = ""
    care_recipient_name: Name = ""
    zip_code: Annotated[Line, Field(max_length=10)] = ""
    time_zone: Annotated[
        Line,
        Field(
            max_length=64,
            description="IANA name. Empty: derived from the ZIP code, else the number.",
        ),
        AfterValidator(_read_zone),
    ] = ""
    language: Annotated[Language, Field(strict=False)] = Language.ENGLISH
    wellness_opt_in: Annotated[
        bool, Field(description="Asked for check-ins although doing well.")
    ] = False

    def given(self) -> dict[str, Any]:
        """The fields that were given, with values as the model has them."""
        named = Profile.model_fields.keys() & self.model_fields_set
        return {name: _plain(getattr(self, name)) for name in sorted(named)}


class ProfileChange(Profile, _Event):
    """A profile that has changed: at least one of its fields, and only those that changed."""

    type: Literal["profile_change"]

    @model_validator(mode="after")
    def _says_something(self) -> "ProfileChange":
        if not self.given():
            raise ValueError("give at least one field of the profile")
        return self


class PutCaregiver(Profile):
    """A person as you know them. `at`: when they signed up, or when their profile changed."""

    at: Instant
    idempotency_key: Key


Event = Annotated[
    Contact | CrisisEvent | WellnessScore | OptOut | OptIn | ProfileChange, Discriminator("type")
]


class Refused:
    """One item of a batch that is not as it must be."""

    def __init__(self, value: Any, problem: Problem) -> None:
        key = value.get("idempotency_key") if isinstance(value, dict) else None
        # Only what may be sent back as it is: one that is no key may be anything.
        self.idempotency_key = key if isinstance(key, str) and key.isprintable() else ""
        self.problem = problem


def _keep_refused(value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValidationError as error:
        return Refused(value, invalid(without_tags(error.errors(include_url=False))))


class Batch(Model):
    """Each is judged and done by itself, in this order."""

    events: Annotated[
        list[Annotated[Event, WrapValidator(_keep_refused)]],
        Field(min_length=1, max_length=MOST_EVENTS),
    ]


def _which(value: Any) -> str:
    return "batch" if isinstance(value, dict) and "events" in value else "event"


EventOrBatch = Annotated[
    Annotated[Event, Tag("event")] | Annotated[Batch, Tag("batch")], Discriminator(_which)
]
TYPES = (
    *("contact", "crisis_event", "wellness_score"),
    *("opt_out", "opt_in", "profile_change"),
)


def without_tags(errors: Any) -> list[dict[str, Any]]:
    """Errors of pydantic, whose paths name fields only, and not which kind of event was tried."""
    told = []
    for error in errors:
        path = list(error["loc"])
        while path and path[0] in ("event", "batch", *TYPES):
            del path[0]
        if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
            missing = error["type"] == "union_tag_not_found"
            says = "is missing: give one of" if missing else "is none of"
            told.append({"loc": ["type"], "type": "", "msg": f"{says} {', '.join(TYPES)}"})
        else:
            told.append({**error, "loc": path})
    return told


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


# --- What is answered ---


class FieldError(BaseModel):
    field: str
    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457. `type` is for machines, `detail` for people; `errors` name the fields."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROBLEM]})

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class Done(BaseModel):
    """`kept`: fields of a profile that we left alone, as we have newer word of them."""

    idempotency_key: str
    status: int
    outcome: Literal["recorded", "created", "changed", "unchanged"]
    kept: list[str] = []


class NotDone(BaseModel):
    idempotency_key: str
    status: int
    problem: ProblemDetails


class Results(BaseModel):
    """One for each event, in the order in which they came."""

    results: list[Done | NotDone]
