"""The policy as it is commonly written: the same five cadences, by a cron job once a day.

Who is texted when, and how often, is what DESIGN section 5 says, so that only the ways of getting
there differ. Each way that costs somebody a text is a `Habit`, with the reason why people write it
so, and can be mended by itself. Nothing is made worse than it needs to be: consent, pauses and
switches are heeded, crisis follow-ups have their turn first, no two runs overlap, nothing is ever
lost from memory, and once an event has begun a cadence its counter exists.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from benchmarks.common_people import (
    CRISIS_FOLLOWUP,
    DAY,
    DORMANT_REACTIVATION,
    STAGED,
    Record,
    Staged,
    is_for,
    wellness_timing,
)
from benchmarks.habits import Habit
from caregiving.intents import read_intent
from proactive.cadences import CADENCES
from proactive.simulation import judging, ledger
from proactive.simulation.happenings import Happening, Kind, Person
from proactive.simulation.log import Log
from proactive.simulation.spec import Spec
from proactive.sms.gateway import Outcome, Report, SmsError

logger = logging.getLogger(__name__)

WELLNESS = "wellness"
CONVERSATION = timedelta(minutes=60)
UTC_HOUR = 15  # mid-morning in New York
LOCAL_HOUR, LOCAL_EVENING = 11, 20  # where every cadence may send


class Provider(Protocol):
    def send_plain(
        self,
        person: Person,
        *,
        cadence: str,
        stage: int | None,
        occasion: datetime | None,
        key: str,
    ) -> str:
        """Submit a text and return the provider's identifier. Raises SmsError."""
        ...


class Clock(Protocol):
    def now(self) -> datetime: ...


class CommonPolicy:
    """A System in memory. `mended`: the names of the habits that it does not have."""

    def __init__(
        self, *, clock: Clock, provider: Provider, spec: Spec, mended: Iterable[str] = ()
    ) -> None:
        self._clock = clock
        self._provider = provider
        self._spec = spec
        self._habits = frozenset(Habit) - {Habit(name) for name in mended}
        self._off: set[str] = set()
        self._is_running = False
        self._records: dict[int, Record] = {}
        # Whoever has their run together.
        self._zones: defaultdict[str, list[Record]] = defaultdict(list)
        self._last_run: dict[str, datetime] = {}

    # --- What a world asks of a system ---

    def begin(self, people: list[Person]) -> None:
        for person in people:
            self._take_in(person)

    def happen(self, person: Person, happening: Happening) -> None:
        now, data = self._clock.now(), happening.data
        if happening.kind == Kind.SIGN_UP:
            self._take_in(replace(person, row={**person.row, "created_at": now}))
            return
        record = self._records[person.key]
        if happening.kind in (Kind.TEXT, Kind.CRISIS, Kind.SCORE):
            record.contact(now)
        match happening.kind:
            case Kind.TEXT:
                record.heed(read_intent(data["body"]), now)
            case Kind.CRISIS:
                record.crisis(now)
            case Kind.SCORE:
                record.score(data["burnout_band"], now)
            case Kind.PROFILE:
                record.complete(data)
            case Kind.PAUSE:
                record.outreach_paused_until = now + timedelta(days=data["days"])

    def tick(self) -> None:
        """A job for each cadence, all at the same time; crisis follow-ups have their turn first."""
        if self._is_running or "everything" in self._off:
            return
        self._is_running = True
        try:
            self._run()
        finally:
            self._is_running = False

    def is_waiting(self) -> bool:
        return False

    def report(self, message_id: str, report: Report) -> None:
        """What became of a text is not looked at."""

    def staff(self) -> None:
        """Nothing waits for a person."""

    def switch(self, name: str, *, on: bool) -> None:
        if on:
            self._off.discard(name)
        else:
            self._off.add(name)

    def look(self, log: Log) -> None:
        """It says nothing of who is held back."""

    def conclude(self, log: Log, people: list[Person]) -> dict[str, Any]:
        """Judged by the same log and the same obligations; it has no records of its own."""
        windows = {one.name: (one.window.opens, one.window.closes) for one in CADENCES}
        return {
            "judgement": judging.judge(log, people, spec=self._spec, windows=windows),
            "ledger": ledger.draw_up(log, people, spec=self._spec, cadences=CADENCES),
        }

    # --- The jobs ---

    def _run(self) -> None:
        now = self._clock.now()
        zones = [zone for zone in self._zones if self._is_time(zone, now)]
        for record in self._in(zones):
            self._staged(CRISIS_FOLLOWUP, record)
        for record in self._in(zones):
            self._wellness(record)
        for cadence in STAGED:
            if cadence is not CRISIS_FOLLOWUP:
                for record in self._in(zones):
                    self._staged(cadence, record)
        for zone in zones:
            self._last_run[zone] = now

    def _take_in(self, person: Person) -> None:
        zone = "UTC" if Habit.UTC_HOURS in self._habits else person.zone
        record = self._records[person.key] = Record.of(person)
        self._zones[zone].append(record)
        self._last_run.setdefault(zone, self._clock.now())

    def _in(self, zones: list[str]) -> Iterator[Record]:
        for zone in zones:
            yield from self._zones[zone]

    def _is_time(self, zone: str, now: datetime) -> bool:
        in_utc = Habit.UTC_HOURS in self._habits
        local = now.astimezone(ZoneInfo(zone))
        hour = UTC_HOUR if in_utc else LOCAL_HOUR
        run = local.replace(hour=hour, minute=0, second=0, microsecond=0)
        if run > local:
            run -= DAY
        if Habit.MISSED in self._habits:
            return local - run < timedelta(minutes=self._spec.tick_minutes)
        is_daytime = in_utc or LOCAL_HOUR <= local.hour < LOCAL_EVENING
        return is_daytime and self._last_run[zone] < run.astimezone(UTC)

    def _staged(self, cadence: Staged, record: Record) -> None:
        now = self._clock.now()
        found = cadence.milestone(record, now)
        if found is None or cadence.name in self._off or not is_for(cadence, record, now):
            return
        since, days, stage = found
        count: int | None = getattr(record, cadence.counter)
        if count is None:
            if Habit.UNDEFINED in self._habits:
                return
            count = 0
        if count >= stage or (Habit.IN_STEP in self._habits and count != stage - 1):
            return
        waiting = (cadence.name, since, stage)
        if (
            Habit.WINDOWS in self._habits
            and days != cadence.days[stage - 1]
            and waiting not in record.aside
        ):
            return
        if self._is_blocked(record, now, patient=cadence is not CRISIS_FOLLOWUP):
            if Habit.DROPS not in self._habits:
                record.aside.add(waiting)
            return
        outcome = self._send(record, cadence.name, stage, since)
        if outcome is None:
            record.aside.discard(waiting)
            setattr(record, cadence.counter, stage)
            if cadence is DORMANT_REACTIVATION and stage == len(cadence.days):
                record.journey_phase = "churned"
        elif outcome == Outcome.BUSY and Habit.NO_RETRY not in self._habits:
            record.aside.add(waiting)

    def _wellness(self, record: Record) -> None:
        now = self._clock.now()
        timing = wellness_timing(record, now)
        if timing is None or WELLNESS in self._off or record.journey_phase != "active":
            return
        every, silence = timing
        last = record.last_proactive_message_at
        if (
            (last is None or (now - last).days >= every)
            and (now - record.silent_since).days >= silence
            and not self._is_blocked(record, now, patient=True)
        ):
            self._send(record, WELLNESS, None, None)

    def _is_blocked(self, record: Record, now: datetime, *, patient: bool) -> bool:
        last, contact = record.last_proactive_message_at, record.last_contact_at
        quiet = DAY if patient or Habit.CONTACT in self._habits else CONVERSATION
        return (
            record.opted_out_at is not None
            or (record.outreach_paused_until is not None and record.outreach_paused_until > now)
            or (last is not None and now - last < DAY)
            or (contact is not None and now - contact < quiet)
        )

    def _send(
        self, record: Record, cadence: str, stage: int | None, occasion: datetime | None
    ) -> Outcome | None:
        """Send it there and then; None when it was sent, or counts as sent."""
        key = f"{record.person.key}/{cadence}/{stage}/{self._clock.now().isoformat()}"
        try:
            self._provider.send_plain(
                record.person, cadence=cadence, stage=stage, occasion=occasion, key=key
            )
        except SmsError as error:
            logger.warning("%s was not sent: %s", cadence, error)
            if Habit.NO_RETRY in self._habits or error.outcome == Outcome.BUSY:
                return error.outcome
        record.last_proactive_message_at = self._clock.now()
        return None
