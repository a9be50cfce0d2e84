"""The states in which demo people are, made from the declared policy.

For every step of every cadence: due now, due within hours, and held back by each rule in turn.
Whatever is due elsewhere is put down as dealt with, so that each state shows the one thing that it
is named for. Closed hours need no state of their own: people live all over the world.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from caregiving.models import BurnoutBand, Caregiver, JourneyPhase
from proactive.cadences import CADENCES, CRISIS_FOLLOWUP, DORMANT_REACTIVATION
from proactive.clocks import DAY, HOUR, MINUTE, places
from proactive.declaring import Cadence, Step, Tier
from proactive.demo_history import DAYTIME
from proactive.promises import GRACE
from proactive.rules import CHURN_AFTER


@dataclass(frozen=True)
class Scene:
    """The instant that everything is relative to, and where chance comes from."""

    now: datetime
    random: Random

    def ago(self, least: timedelta, most: timedelta) -> datetime:
        return self.now - self.between(least, most)

    def texted(self, person: Caregiver, least: timedelta, most: timedelta) -> datetime:
        """When a text may have gone out to them: in their daytime, if there is any in between."""
        zones = places(person)
        at = self.ago(least, most)
        for _ in range(40):
            if DAYTIME.is_open(zones, at):
                break
            at = self.ago(least, most)
        return at

    def between(self, least: timedelta, most: timedelta) -> timedelta:
        seconds = self.random.uniform(least.total_seconds(), most.total_seconds())
        return timedelta(seconds=round(seconds))


@dataclass(frozen=True)
class State:
    """`share`: how many of 2,000 people are in it. `put` brings a person into it."""

    name: str
    share: int
    put: Callable[[Caregiver, Scene], None]
    cadence: Cadence | None = None
    step: Step | None = None


def states() -> tuple[State, ...]:
    return (*_steps(), *_others())


# --- One state for each step and each thing that may hold it back ---

_SHARES = {"due": 10, "soon": 5}
_BLOCKED_SHARE = 2


def _steps() -> Iterator[State]:
    for cadence in CADENCES:
        for step in cadence.steps:
            for how in ("due", "soon", *_BLOCKS):
                if _is_possible(cadence, how):
                    yield State(
                        f"{cadence.name} {step.variant} {how}",
                        _SHARES.get(how, _BLOCKED_SHARE),
                        _putter(cadence, step, how),
                        cadence,
                        step,
                    )


def _is_possible(cadence: Cadence, how: str) -> bool:
    if how == "conversation":
        # Whoever writes ends a silence: what counts from it begins anew.
        return "last_contact_at" not in cadence.anchor.fields or bool(cadence.tiers)
    return how != "reservation" or bool(cadence.yields)


def _putter(cadence: Cadence, step: Step, how: str) -> Callable[[Caregiver, Scene], None]:
    tier = next((tier for tier in cadence.tiers if tier.name == step.tier), None)

    def put(person: Caregiver, scene: Scene) -> None:
        if tier is not None:
            _put_on_tier(person, scene, tier, how)
        else:
            _put_on_stage(person, scene, cadence, step, how)
        if how in _BLOCKS:
            _BLOCKS[how](person, scene)
        _settle(person, scene, but=cadence if step.stage else None)

    return put


def _put_on_stage(person: Caregiver, scene: Scene, cadence: Cadence, step: Step, how: str) -> None:
    assert step.stage is not None and step.due is not None
    early = how == "soon"
    shift = -scene.between(MINUTE, 6 * HOUR) if early else scene.between(MINUTE, 3 * HOUR)
    at = scene.now - step.due - shift
    person.burnout_band = scene.random.choice((BurnoutBand.MILD, BurnoutBand.THRIVING))
    _BEFORE.get(cadence.name, _before_any)(person, scene, at)
    setattr(person, cadence.anchor.fields[0], at)
    if cadence.counter:
        setattr(person, cadence.counter, step.stage - 1)
    if step.stage > 1:
        # The stage before this one, and so after its own time had come.
        came_up = scene.now - at - cadence.due[step.stage - 2]
        person.last_proactive_message_at = scene.texted(person, 25 * HOUR, min(49 * HOUR, came_up))


def _before_any(person: Caregiver, scene: Scene, at: datetime) -> None:
    person.last_contact_at = scene.ago(3 * DAY, 6 * DAY)


def _before_crisis(person: Caregiver, scene: Scene, at: datetime) -> None:
    person.burnout_band = BurnoutBand.CRISIS
    person.last_assessment_at = at
    person.last_contact_at = at  # a crisis counts as contact


def _before_silence(person: Caregiver, scene: Scene, at: datetime) -> None:
    person.last_assessment_at = at - scene.between(HOUR, 20 * DAY)


def _before_assessment(person: Caregiver, scene: Scene, at: datetime) -> None:
    person.last_contact_at = scene.ago(3 * DAY, 6 * DAY)


def _before_nudge(person: Caregiver, scene: Scene, at: datetime) -> None:
    person.journey_phase = JourneyPhase.ONBOARDING
    person.burnout_band = ""
    person.last_contact_at = at if scene.random.random() < 0.5 else None
    for field in scene.random.sample(("first_name", "relationship", "zip_code"), 2):
        setattr(person, field, "")


_BEFORE: dict[str, Callable[[Caregiver, Scene, datetime], None]] = {
    "crisis_followup": _before_crisis,
    "dormant_reactivation": _before_silence,
    "assessment_reminder": _before_assessment,
    "onboarding_nudge": _before_nudge,
}


def _put_on_tier(person: Caregiver, scene: Scene, tier: Tier, how: str) -> None:
    early = how == "soon"
    least, most = (-6 * HOUR, -MINUTE) if early else (MINUTE, 24 * HOUR)
    person.last_proactive_message_at = scene.texted(person, tier.every + least, tier.every + most)
    person.last_contact_at = scene.now - tier.silence - scene.between(HOUR, 2 * DAY)
    person.last_assessment_at = person.last_contact_at
    if tier.name == "crisis_recent":
        person.last_crisis_event_at = scene.ago(100 * HOUR, 140 * HOUR)
    if tier.name == "crisis" and scene.random.random() < 0.5:
        # The others have no date of their crisis: backfill_crisis_events finds them.
        person.last_crisis_event_at = scene.ago(60 * DAY, 90 * DAY)
    if tier.name == "well":
        person.wellness_opt_in = True
        person.burnout_band = scene.random.choice((BurnoutBand.MILD, BurnoutBand.THRIVING))
    elif tier.name.startswith("crisis"):
        person.burnout_band = BurnoutBand.CRISIS
    elif tier.name in BurnoutBand.values:
        person.burnout_band = tier.name


def _block_by_gate(person: Caregiver, scene: Scene) -> None:
    person.last_proactive_message_at = scene.texted(person, 2 * HOUR, 20 * HOUR)


def _block_by_conversation(person: Caregiver, scene: Scene) -> None:
    person.last_contact_at = scene.ago(5 * MINUTE, 50 * MINUTE)


def _block_by_reservation(person: Caregiver, scene: Scene) -> None:
    """A crisis follow-up falls due within hours; the crisis fits the rest of the person's story."""
    for stage, due in enumerate(CRISIS_FOLLOWUP.due, start=1):
        crisis = scene.now - due + scene.between(HOUR, 6 * HOUR)
        heard = person.last_contact_at or person.created_at
        if crisis <= heard or due + DAY > scene.now - person.created_at:
            person.last_crisis_event_at = crisis
            person.crisis_followup_count = stage - 1
            person.last_contact_at = max(crisis, heard)
            return


def _block_by_consent(person: Caregiver, scene: Scene) -> None:
    # Nothing went out to them afterwards.
    texted = person.last_proactive_message_at
    since = scene.now - texted if texted else 30 * DAY
    person.opted_out_at = scene.ago(HOUR, min(since, 30 * DAY))


def _block_by_pause(person: Caregiver, scene: Scene) -> None:
    person.outreach_paused_until = scene.now + scene.between(HOUR, 7 * DAY)


_BLOCKS: dict[str, Callable[[Caregiver, Scene], None]] = {
    "gate": _block_by_gate,
    "conversation": _block_by_conversation,
    "reservation": _block_by_reservation,
    "consent": _block_by_consent,
    "pause": _block_by_pause,
}


def _settle(person: Caregiver, scene: Scene, *, but: Cadence | None = None) -> None:
    """Put down as dealt with whatever has fallen due, except in the cadence `but`."""
    for cadence in CADENCES:
        since = cadence.anchor.of(person)
        if cadence.counter and cadence is not but:
            done = sum(since is not None and due <= scene.now - since for due in cadence.due)
            # Null means "never": both ways of saying it occur.
            setattr(person, cadence.counter, done or scene.random.choice((0, None)))


# --- Everybody else ---


def _in_touch(person: Caregiver, scene: Scene) -> None:
    person.last_contact_at = scene.ago(2 * MINUTE, 40 * HOUR)
    person.burnout_band = scene.random.choice(("", *BurnoutBand.values[:-1]))
    if person.burnout_band:
        person.last_assessment_at = person.last_contact_at - scene.between(0 * HOUR, 40 * DAY)
    person.last_proactive_message_at = scene.texted(person, 2 * DAY, 20 * DAY)
    _settle(person, scene)


def _texted_lately(person: Caregiver, scene: Scene) -> None:
    # A check-in, after three days of silence; seven would be for another cadence.
    person.last_proactive_message_at = scene.texted(person, HOUR, 66 * HOUR)
    person.last_contact_at = person.last_proactive_message_at - scene.between(73 * HOUR, 4 * DAY)
    person.last_assessment_at = person.last_contact_at
    person.burnout_band = scene.random.choice((BurnoutBand.MODERATE, BurnoutBand.HIGH))
    _settle(person, scene)


def _doing_well(person: Caregiver, scene: Scene) -> None:
    person.last_contact_at = scene.ago(2 * DAY, 6 * DAY)
    person.last_assessment_at = person.last_contact_at - scene.between(0 * HOUR, 40 * DAY)
    person.burnout_band = scene.random.choice((BurnoutBand.MILD, BurnoutBand.THRIVING))
    _settle(person, scene)


def _silent(least: timedelta, most: timedelta, phase: str) -> Callable[[Caregiver, Scene], None]:
    def put(person: Caregiver, scene: Scene) -> None:
        person.created_at = scene.ago(240 * DAY, 400 * DAY)
        person.last_contact_at = scene.ago(least, most)
        person.last_assessment_at = person.last_contact_at
        person.burnout_band = BurnoutBand.MILD
        over = scene.now - person.last_contact_at - CHURN_AFTER
        person.last_proactive_message_at = scene.texted(
            person, max(over + HOUR, MINUTE), over + CHURN_AFTER - DORMANT_REACTIVATION.due[-1]
        )
        person.journey_phase = phase
        _settle(person, scene)

    return put


def _behind(person: Caregiver, scene: Scene) -> None:
    """As after an outage: the first follow-up never went out, so the sweep alerts staff.

    Its time has passed only just now: had it passed long ago with no sweep, it would be lost.
    """
    second = CRISIS_FOLLOWUP.due[1]
    at = scene.ago(second + MINUTE, second + GRACE / 2)
    _before_crisis(person, scene, at)
    person.last_crisis_event_at = at
    _settle(person, scene)
    person.crisis_followup_count = 0


def _others() -> Iterator[State]:
    active, churned = JourneyPhase.ACTIVE, JourneyPhase.CHURNED
    hour_left = CHURN_AFTER - 5 * HOUR
    yield State("in touch", 700, _in_touch)
    yield State("texted lately", 400, _texted_lately)
    yield State("doing well", 312, _doing_well)
    yield State("churned", 100, _silent(CHURN_AFTER + DAY, 200 * DAY, churned))
    yield State("about to churn", 15, _silent(hour_left, CHURN_AFTER - MINUTE, active))
    yield State("to churn now", 15, _silent(CHURN_AFTER, CHURN_AFTER + 6 * HOUR, active))
    yield State("crisis follow-up missed", 3, _behind)
