"""The system under test with its people, clock, provider and staff: what can be done, and judged.

`rules` makes state machines of it. Whatever is done happens at `now`, which the clock of the
process shows as well.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine

from caregiving import events
from caregiving.models import Caregiver, ConsentChange, CrisisEvent, InboundMessage, WellnessScore
from proactive import profiles, promises, rules, stopping, switches
from proactive.care import Deed, Refused
from proactive.delivery import deliver_queued
from proactive.explaining import explain
from proactive.models import (
    AuditEntry,
    CadenceSwitch,
    CareAlert,
    Message,
    RefusedWebhook,
    Sender,
    Sweep,
)
from proactive.reconciliation import reconcile
from proactive.sweeps import run_sweep
from tests.proactive import calling
from tests.proactive.machine import accounts, consistency, drawing, expected
from tests.proactive.machine.facts import Facts
from tests.proactive.machine.interruptions import Crash, Interruption, interrupted
from tests.proactive.machine.judging import Judge
from tests.proactive.machine.numbers import CASCADE, COUNTERS, STAGES, WINDOWS, occasion
from tests.proactive.machine.provider import Answer, Provider, Submission
from tests.proactive.people import DAY, HOUR

# In the order in which they can be emptied.
TABLES = (
    *(AuditEntry, CareAlert, Message, Sweep, CadenceSwitch, Sender, RefusedWebhook),
    *(InboundMessage, ConsentChange, CrisisEvent, WellnessScore, Caregiver),
)
# So long without a sweep the machine does not let time pass: after 84 days a crisis is history.
LONGEST_SILENCE = 35 * DAY


class Outreach(RuleBasedStateMachine):
    """Everything but the rules."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        _empty()
        stopping.forget()
        rules._in_places.cache_clear()
        ids = random.Random("state machine/texts")
        # Of texts that are equally urgent the key decides, and it must be the same each time.
        _TEXT_ID._get_default = lambda: uuid.UUID(int=ids.getrandbits(128))
        self.staff = User.objects.get_or_create(username="the staff of the machine")[0]
        self.judge = Judge()
        self.provider = Provider(
            clock=lambda: self.now,
            wait=self.wait,
            judge=self.judge.appraise,
            happens=lambda what, about: self.happens(what, about),
        )
        PROVIDERS.append(self.provider)
        self.now = drawing.BEGINNINGS[0]
        self.clock = time_machine.travel(self.now, tick=False)
        self.traveller = self.clock.start()
        self.swept_at = self.now
        self.delivered: set[uuid.UUID] = set()
        self.depth = 0

    def teardown(self) -> None:
        try:
            if self.people:
                self.let_it_all_end()
        finally:
            self.clock.stop()
            PROVIDERS.clear()
            _TEXT_ID.__dict__.pop("_get_default")
            rules._in_places.cache_clear()

    @property
    def people(self) -> dict[int, Facts]:
        return self.judge.people

    # --- Time ---

    def wait(self, step: timedelta) -> None:
        """Time passes, or the clock is set back."""
        self.now += step
        self.traveller.move_to(self.now)

    def let_pass(self, step: timedelta) -> None:
        """The same between two deeds, but not so long that a crisis is forgotten unseen."""
        if self.now + step - self.swept_at > LONGEST_SILENCE:
            self.tick()
        self.wait(step)

    def edges(self, facts: Facts) -> list[datetime]:
        """The next instants at which something may begin or end for one person, soonest first."""
        row = Caregiver.objects.filter(pk=facts.key).values(*consistency.FIELDS).get()
        found = set(drawing.CHANGES_OF_CLOCKS)
        if last := row["last_proactive_message_at"]:
            found |= {last + n * DAY for n in (1, 3, 7, 14)}
        silent = row["last_contact_at"] or row["created_at"]
        found |= {
            silent + HOUR,
            silent + DAY,
            silent + 2 * DAY,
            silent + 3 * DAY,
            silent + 31 * DAY,
        }
        for cadence, dues in STAGES.items():
            if since := occasion(cadence, row):
                found |= {since + due for due in dues} | {since + dues[0] - 12 * HOUR}
        if row["outreach_paused_until"]:
            found.add(row["outreach_paused_until"])
        for zone in facts.zones:
            today = self.now.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
            for days in (0, 1):
                for hour in (8, 9, 11, 20, 21):
                    wall = (today + timedelta(days=days)).replace(hour=hour)
                    found.add(wall.astimezone(UTC))
        return sorted(at for at in found if self.now < at <= self.now + 31 * DAY)

    def until_due(self) -> None:
        """Time passes until somebody is due, by the reference: to the instant, if that is soon."""
        everybody, texts = consistency.rows()
        found = [
            at
            for row in everybody
            for at in self.edges(self.people[row["pk"]])
            if self._is_due(row, texts.get(row["pk"], []), at)
        ]
        if found:
            self.let_pass(min(found) - self.now)

    def _is_due(self, row: consistency.Row, texts: list[consistency.Row], at: datetime) -> bool:
        zones = self.people[row["pk"]].zones
        return expected.due(row, texts, zones, now=at, cadences=WINDOWS) is not None

    # --- What the system does ---

    @contextmanager
    def work(self, script: list[Answer], interruption: Interruption | None) -> Iterator[list[bool]]:
        """The system at work: the provider answers by `script`, and `interruption` may break in.

        Yields a list that is empty, unless it was broken off.
        """
        self.provider.script = list(script)
        broken_off: list[bool] = []
        self.depth += 1
        try:
            with interrupted(interruption, wait=self.wait, happens=self.happens):
                yield broken_off
        except (Crash, OperationalError) as error:
            note(f"  broken off: {error}")
            broken_off.append(True)
        finally:
            self.depth -= 1
            self.provider.script = []

    def tick(self) -> None:
        """A whole beat of the clock, with nothing in its way."""
        reconcile()
        self.sweep()
        deliver_queued()

    def sweep(
        self, cadences: list[str] | None = None, *, force: bool = False, twice: bool = False
    ) -> None:
        """A sweep with nothing in its way: it must queue what is due, and nothing else."""
        events.adopt_earlier_texts()
        due = self.due(cadences)
        swept = run_sweep(cadences=cadences, force=force)
        queued = {
            text.caregiver_id: (text.cadence, text.stage or text.tier)
            for text in Message.objects.filter(sweep=swept, status="queued")
        }
        if swept.held:
            assert len(due) > settings.SWEEP_CEILING, f"held though only {due} are due"
            due = {}
        assert queued == due, f"at {self.now} queued {queued}, due are {due}"
        if cadences is None:
            self.swept_at = max(self.swept_at, self.now)
        if twice:
            again = run_sweep(cadences=cadences, force=force).counts
            assert not any(again["queued"].values()), f"again: {again}"
            assert not any(again["superseded"].values()), f"again: {again}"
            assert not again["churned"], f"again: {again}"

    def due(self, cadences: list[str] | None = None) -> dict[int, expected.What]:
        """By person, what is due at this moment: by the reference."""
        board = switches.Switchboard.load()
        on = [name for name in cadences or WINDOWS if board.is_open(name, self.now)]
        everybody, texts = consistency.rows()
        found = {
            row["pk"]: expected.due(
                row,
                texts.get(row["pk"], []),
                self.people[row["pk"]].zones,
                now=self.now,
                cadences=on,
            )
            for row in everybody
        }
        return {key: what for key, what in found.items() if what}

    def explained(self, facts: Facts) -> None:
        """What staff read must be what a sweep would do."""
        cadences = explain(Caregiver.objects.get(pk=facts.key))["cadences"]
        sendable = [
            (one["cadence"], one["stage"] or one["tier"]) for one in cadences if one["sendable"]
        ]
        planned = [
            (one.cadence, one.stage)
            for one in run_sweep(dry_run=True).planned
            if one.phone_number == facts.number
        ]
        assert [(name, None if isinstance(which, str) else which) for name, which in sendable] == (
            planned
        ), f"explained {sendable}, planned {planned}"
        due = self.due().get(facts.key)
        assert sendable == ([due] if due else []), f"explained {sendable}, due is {due}"

    # --- What happens to the system ---

    def happens(self, what: str, about: Submission | None = None) -> None:
        """Something comes in between, about the person of a text or anybody."""
        if not what or self.depth > 2:
            return
        note(f"  meanwhile {what}")
        facts = self.people[about.person] if about else next(iter(self.people.values()))
        script, self.provider.script = self.provider.script, []
        self.depth += 1
        try:
            self._happens(what, facts, about)
        finally:
            self.depth -= 1
            self.provider.script = script

    def _happens(self, what: str, facts: Facts, about: Submission | None) -> None:
        if what == "tick":
            reconcile()
            run_sweep()
            deliver_queued()
        elif what == "sweep":
            run_sweep()
        elif what == "reconcile":
            reconcile()
        elif what == "report" and about and about.answer.takes:
            self.report(about, "delivered", "")
        elif what == "stop":
            self.text(facts, "STOP")
        elif what == "wrote":
            self.text(facts, "thank you")
        elif what == "crisis":
            self.crisis(facts, self.now)
        elif what == "off":
            self.switch(CadenceSwitch.EVERYTHING, "off")

    def text(self, facts: Facts, body: str, *, times: int = 1, sid: str = "") -> None:
        """They write to us; a webhook that broke is repeated, as Twilio does."""
        fields = calling.text_fields(facts.number, body, sid=sid or f"IN{self._next()}")
        for _ in range(times):
            answer = calling.post(calling.INBOUND, fields)
            if answer.status_code == 503:
                answer = calling.post(calling.INBOUND, fields)
            assert answer.status_code == 200, answer.content
        facts.change(self.now)
        facts.contact(self.now)
        if body == "STOP":
            facts.refusals.append(self.now)
        elif body == "START":
            facts.consents.append(self.now)

    def report(self, one: Submission, status: str, code: str) -> None:
        """The provider tells what has become of a text that it took."""
        one.status, one.code = status, code
        message = Message.objects.get(pk=one.message)
        assert calling.report_on(message, status, sid=one.sid, ErrorCode=code) == 200
        message.refresh_from_db()
        if message.status == "delivered":
            self.delivered.add(message.pk)
        elif status in ("delivered", "read"):
            told = CareAlert.objects.filter(kind=CareAlert.Kind.DUPLICATE, message=message)
            assert told.exists(), f"reported as {status}, it is {message.status}"

    def crisis(self, facts: Facts, at: datetime) -> None:
        events.record_crisis_event(self.caregiver(facts), at=at, source="phone")
        facts.change(self.now)
        facts.crisis(at)

    def score(self, facts: Facts, band: str, at: datetime) -> None:
        one = self.caregiver(facts)
        was, assessed = one.burnout_band, one.last_assessment_at
        events.record_wellness_score(one, score=20, burnout_band=band, at=at)
        facts.change(self.now)
        facts.contact(at)
        if band == "crisis" and was != band and (assessed is None or at > assessed):
            facts.crisis(at)

    # --- What staff do ---

    def sign_up(self, place: int, age: timedelta, **fields: Any) -> Facts:
        own, zones = drawing.PLACES[place]
        number = f"+1415555{len(self.people):04}"
        one = Caregiver(
            **{
                "phone_number": number,
                "first_name": "Ada",
                "relationship": "daughter",
                "zip_code": "60601",
                "journey_phase": "active",
                "created_at": self.now - age,
                **own,
                **fields,
            }
        )
        profiles.save_added(one, [], by=self.staff, now=self.now)
        facts = Facts(one.pk, number, zones, one.created_at)
        self.people[one.pk] = facts
        return facts

    def correct(self, facts: Facts, **fields: str) -> None:
        one = self.caregiver(facts)
        for field, value in fields.items():
            setattr(one, field, value)
        profiles.save_edited(one, list(fields), by=self.staff, now=self.now)
        facts.change(self.now)
        facts.number = fields.get("phone_number", facts.number)

    def act(self, facts: Facts, deed: Callable[[Caregiver], Deed]) -> bool:
        """Whether it was done; else it was refused."""
        try:
            says = deed(self.caregiver(facts)).says
        except Refused as refused:
            note(f"  refused: {refused}")
            return False
        note(f"  {says}")
        facts.change(self.now)
        return True

    def mend(self) -> None:
        """Whatever stops the service as a whole is put right."""
        if switches.resume(now=self.now, by=self.staff, note="mended"):
            self.judge.off.pop(CadenceSwitch.EVERYTHING, None)
        self.switch(CadenceSwitch.EVERYTHING, "on")

    def switch(self, name: str, how: str) -> None:
        try:
            if how == "on":
                switches.switch_on(name, by=self.staff, reason="as you were", now=self.now)
            elif how == "off":
                switches.switch_off(name, by=self.staff, reason="a pause", now=self.now)
            else:
                switches.pause(
                    name, until=self.now + DAY, by=self.staff, reason="a pause", now=self.now
                )
        except switches.NothingToChange as why:
            note(f"  {why}")
            return
        if self.depth or how == "on":
            # A text whose pass has read the switches before may still go out.
            self.judge.off.pop(name, None)
        else:
            self.judge.off[name] = None if how == "off" else self.now + DAY

    # --- What must hold ---

    def caregiver(self, facts: Facts) -> Caregiver:
        return Caregiver.objects.get(pk=facts.key)

    def wrong(self) -> list[str]:
        for key in Caregiver.objects.filter(journey_phase="churned").values_list("pk", flat=True):
            self.people[key].has_churned = True
        found = consistency.inconsistencies(self.people, self.provider.submissions, self.delivered)
        return self.judge.broken + found

    def accounted(self) -> None:
        """After a beat with nothing in its way: no follow-up has been lost sight of."""
        report = promises.check_promises()
        assert not report.unaccounted, f"unaccounted at {self.now}: {report.outcomes}"

    def let_it_all_end(self) -> None:
        """Time passes until every cascade is over: each obligation then has its end."""
        newest = max((one.crises[-1] for one in self.people.values() if one.crises), default=None)
        self.tick()
        if newest is not None:
            while self.now < newest + CASCADE + 2 * HOUR:
                self.wait(min(newest + CASCADE + 2 * HOUR - self.now, 21 * DAY))
                self.tick()
            # A text that nobody can tell of, and one that waits though its time is over, ask for a
            # person once there was time to look.
            self.wait(25 * HOUR)
            self.tick()
            self.accounted()
            lost = accounts.unaccounted(self.people, self.now)
            assert not lost, "\n".join(lost)
        assert not (wrong := self.wrong()), "\n".join(wrong)

    def _next(self) -> int:
        self._number += 1
        return self._number


_TEXT_ID = Message._meta.get_field("id")
# The provider of the example that is running: what `get_gateway` returns.
PROVIDERS: list[Provider] = []


def _empty() -> None:
    for table in TABLES:
        table._base_manager.all()._raw_delete(connection.alias)


assert set(COUNTERS) == set(STAGES)
