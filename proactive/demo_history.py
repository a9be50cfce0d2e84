"""What demo people were texted before now, and what they wrote back, so that their state is told.

Counters and `last_proactive_message_at` say what must have happened; here it is made up from the
declared policy, backwards from now, under the promises: in local daytime, never two texts within
24 hours, nothing after an opt-out, each stage once. What would fit nowhere is left out, as in a
service that kept no records in its first days.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from caregiving.models import Caregiver, InboundMessage, Language
from proactive.cadences import (
    BY_NAME,
    CADENCES,
    CRISIS_FOLLOWUP,
    DORMANT_REACTIVATION,
    WELLNESS,
)
from proactive.clocks import DAY, HOUR, MINUTE, SILENCE, Window, places
from proactive.declaring import Cadence, Step, Tier
from proactive.models import Message, Status
from proactive.receiving import REPLY_WITHIN
from proactive.rules import CASCADE, NO_OPEN_CASCADE
from proactive.sms import segments
from proactive.sms.errors import say
from proactive.wording import Wording

# Hours at which every cadence may text.
DAYTIME = Window(
    opens=max(cadence.window.opens for cadence in CADENCES),
    closes=min(cadence.window.closes for cadence in CADENCES),
)
# So long before the latest text the story begins: a whole cascade, and a month of check-ins.
LONG = 36 * DAY
_APART = DAY + MINUTE
# Before a crisis follow-up falls due; see RESERVATION in proactive/cadences.py.
RESERVED = 12 * HOUR
# Of a hundred texts, what became of them; the others were delivered.
_UNDELIVERED, _REFUSED, _UNCONFIRMED = 2, 1, 3
_ANSWERED = 0.45
_WROTE_LAST = 0.6
_WROTE_ANYWAY = 0.3
_ANSWERS = {
    Language.ENGLISH: (
        "Demo: okay today, thank you for asking.",
        "Demo: very hard. Mom was up at three again.",
        "Demo: better than last week, my sister came.",
        "Demo: can somebody call me about respite care?",
        "Demo: hard. I have not slept much.",
    ),
    Language.SPANISH: (
        "Demo: gracias, estoy un poco mejor.",
        "Demo: muy cansada, pero bien.",
        "Demo: hoy fue un d\u00eda dif\u00edcil.",
    ),
}


@dataclass(frozen=True)
class _Text:
    """One text that went out at `at`; `occasion` as a claim would have put it down."""

    at: datetime
    cadence: Cadence
    step: Step
    occasion: datetime


@dataclass
class History:
    """What is to be stored, of everybody."""

    texts: list[Message] = field(default_factory=list)
    answers: list[InboundMessage] = field(default_factory=list)


def tell(people: list[Caregiver], *, now: datetime, random: Random) -> History:
    """The texts of all `people`, who are saved, and their answers; nothing is stored here."""
    history, wording = History(), Wording.load()
    for person in people:
        texts = sorted(_texts(person, random), key=lambda text: text.at)
        messages = []
        for i, text in enumerate(texts):
            message = _message(person, text, texts[i - 1] if i else None, wording)
            _let_end(message, random, number=len(history.texts) + i)
            following = texts[i + 1].at if i + 1 < len(texts) else now
            if at := _answered_at(person, message, following, random):
                message.replied_at = at
                history.answers.append(_answer(person, at, random))
            messages.append(message)
        heard = person.last_contact_at
        if heard and not _answers_any(messages, heard) and random.random() < _WROTE_ANYWAY:
            history.answers.append(_answer(person, heard, random))
        history.texts += messages
    return history


# --- Which texts ---


def _texts(person: Caregiver, random: Random) -> list[_Text]:
    last = person.last_proactive_message_at
    if last is None or not DAYTIME.is_open(places(person), last):
        return []
    latest = _latest(person, last, random)
    if latest is None or not _yields(person, latest.cadence, last):
        return []
    texts = [latest]
    for text in (*_stages(person, last, random), *_check_ins(person, last, random)):
        taken = {(one.cadence.name, one.step.stage, one.occasion) for one in texts}
        is_new = (text.cadence.name, text.step.stage, text.occasion) not in taken
        apart = all(abs(text.at - one.at) >= _APART for one in texts)
        if is_new and apart and _yields(person, text.cadence, text.at):
            texts.append(text)
    return texts


def _yields(person: Caregiver, cadence: Cadence, at: datetime) -> bool:
    """A text at `at` takes no crisis follow-up's slot, and nothing that waits for a cascade to end
    goes out during it."""
    crisis = person.last_crisis_event_at
    if crisis is None or cadence is CRISIS_FOLLOWUP:
        return True
    if NO_OPEN_CASCADE in cadence.who and crisis <= at < crisis + CASCADE:
        return False
    return not any(crisis + due - RESERVED <= at < crisis + due for due in CRISIS_FOLLOWUP.due)


def _latest(person: Caregiver, last: datetime, random: Random) -> _Text | None:
    """What went out at `last`: a stage that was current then, a check-in, or, for whoever has
    written since, what ended an earlier silence."""
    for cadence, step, occasion in _dealt_with(person):
        assert step.due is not None and step.limit is not None
        if occasion + step.due <= last < occasion + step.limit:
            return _Text(last, cadence, step, occasion)
    crisis = person.last_crisis_event_at
    if crisis and crisis <= last < crisis + DAY:
        return None  # so soon after a crisis nothing goes out
    if (tier := _tier(person)) and _had_been_silent(person, tier, last):
        return _Text(last, WELLNESS, _step_of(tier), last - tier.every)
    earlier = last - DORMANT_REACTIVATION.due[0] - random.uniform(0.1, 3) * DAY
    has_written_since = person.last_contact_at is not None and person.last_contact_at > last
    if has_written_since and earlier > person.created_at and not (crisis and crisis < last):
        return _Text(last, DORMANT_REACTIVATION, DORMANT_REACTIVATION.steps[0], earlier)
    return None


def _dealt_with(person: Caregiver) -> Iterator[tuple[Cadence, Step, datetime]]:
    """The stages that the counters say went out, and their occasions."""
    for cadence in CADENCES:
        occasion = cadence.anchor.of(person)
        done = getattr(person, cadence.counter) or 0 if cadence.counter else 0
        for step in cadence.steps[:done]:
            if occasion is not None and occasion >= person.created_at:
                yield cadence, step, occasion


def _stages(person: Caregiver, last: datetime, random: Random) -> Iterator[_Text]:
    for cadence, step, occasion in _dealt_with(person):
        assert step.due is not None and step.limit is not None
        at = _next_daytime(person, occasion + step.due, random)
        if at and last - LONG < at < min(occasion + step.limit, last):
            yield _Text(at, cadence, step, occasion)


def _check_ins(person: Caregiver, last: datetime, random: Random) -> Iterator[_Text]:
    """Back from `last` as often as their band calls for, as long as that band can have held."""
    tier = _tier(person)
    if tier is None:
        return
    start = max(last - LONG, person.created_at + 3 * DAY)
    if tier.name == "crisis_recent" and person.last_crisis_event_at:
        start = person.last_crisis_event_at + tier.silence
    at = last
    while (before := at - tier.every - 15 * MINUTE) > start:
        found = _daytime_between(person, before - 20 * HOUR, before, random)
        at = found or before
        if found and found > start and _had_been_silent(person, tier, found):
            yield _Text(found, WELLNESS, _step_of(tier), found - tier.every)


def _tier(person: Caregiver) -> Tier | None:
    crisis = person.last_crisis_event_at
    for tier in WELLNESS.tiers:
        recent = bool(crisis and person.crisis_followup_count and person.crisis_followup_count < 3)
        if person.burnout_band == "crisis":
            wanted = "crisis_recent" if recent else "crisis"
        elif person.burnout_band in ("mild", "thriving"):
            wanted = "well" if person.wellness_opt_in else ""
        else:
            wanted = person.burnout_band
        if tier.name == wanted:
            return tier
    return None


def _step_of(tier: Tier) -> Step:
    return next(step for step in WELLNESS.steps if step.tier == tier.name)


def _had_been_silent(person: Caregiver, tier: Tier, at: datetime) -> bool:
    """Nothing that is known says otherwise: whoever wrote later may have been silent before."""
    heard = SILENCE.of(person)
    return heard is None or heard > at or heard + tier.silence <= at


# --- When ---


def _next_daytime(person: Caregiver, at: datetime, random: Random) -> datetime | None:
    """At or after `at`, some minutes after it is daytime: a sweep comes by, a queue goes down."""
    late = timedelta(seconds=random.randint(5, 25 * 60))
    zones = places(person)
    candidates = (at, *sorted(one for one in DAYTIME.openings(zones, at) if one > at))
    return next((one + late for one in candidates if DAYTIME.is_open(zones, one + late)), None)


def _daytime_between(
    person: Caregiver, least: datetime, most: datetime, random: Random
) -> datetime | None:
    zones, seconds = places(person), (most - least).total_seconds()
    for _ in range(20):
        at = least + timedelta(seconds=round(random.uniform(0, seconds)))
        if DAYTIME.is_open(zones, at):
            return at
    return None


# --- What became of them ---


def _message(person: Caregiver, text: _Text, before: _Text | None, wording: Wording) -> Message:
    body = wording.compose(person, text.cadence, text.step)
    return Message(
        caregiver=person,
        to_number=person.phone_number,
        cadence=text.cadence.name,
        stage=text.step.stage,
        tier=text.step.tier,
        occasion=text.occasion,
        priority=list(BY_NAME).index(text.cadence.name),
        body=body,
        segments=segments.measure(body).segments,
        because=text.step.position.means,
        queued_at=text.at - timedelta(seconds=8),
        gate_before=before.at if before else None,
        attempts=1,
        attempt_started_at=text.at,
    )


def _let_end(message: Message, random: Random, *, number: int) -> None:
    at = message.attempt_started_at
    assert at is not None
    chance = random.randrange(100)
    message.provider_sid = f"demo-out-{number}"
    if chance < _REFUSED:
        message.status, message.error_code = Status.FAILED, "30007"
        message.reason = say(message.error_code)
        return
    message.status, message.sent_at = Status.SENT, at + timedelta(seconds=1)
    if chance < _REFUSED + _UNDELIVERED:
        message.status, message.error_code = Status.UNDELIVERED, "30003"
        message.reason = say(message.error_code)
    elif chance >= _REFUSED + _UNDELIVERED + _UNCONFIRMED:
        message.status = Status.DELIVERED
        message.delivered_at = at + timedelta(seconds=random.randint(2, 40))


def _answered_at(
    person: Caregiver, message: Message, following: datetime, random: Random
) -> datetime | None:
    """When they wrote back, where nothing that is known of them says that they were silent.

    `following`: when the next text went out, or now.
    """
    sent, heard = message.sent_at, person.last_contact_at
    if sent is None or heard is None or heard < sent:
        return None
    if heard < min(sent + REPLY_WITHIN, following):
        return heard if random.random() < _WROTE_LAST else None  # or they were on the phone
    at = sent + timedelta(seconds=random.randint(3 * 60, 9 * 3600))
    # Whoever writes ends a silence and begins a conversation: what followed leaves room for both.
    if message.status != Status.DELIVERED or at + 3 * DAY > following or at > heard:
        return None
    return at if random.random() < _ANSWERED else None


def _answers_any(messages: list[Message], at: datetime) -> bool:
    return any(one.sent_at and one.sent_at <= at < one.sent_at + REPLY_WITHIN for one in messages)


def _answer(person: Caregiver, at: datetime, random: Random) -> InboundMessage:
    return InboundMessage(
        caregiver=person,
        from_number=person.phone_number,
        body=random.choice(_ANSWERS[Language(person.language)]),
        received_at=at,
        provider_sid=f"demo-{person.phone_number}-{at:%Y%m%d%H%M%S%f}",
    )
