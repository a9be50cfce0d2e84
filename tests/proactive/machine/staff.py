"""What staff do: for people, about texts, and for the service as a whole."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from hypothesis import note

from caregiving import events
from caregiving.models import Caregiver
from proactive import alerts, blast_guard, care, cascades, ordering, profiles, switches
from proactive.cadences import BY_NAME
from proactive.care import Deed, Refused
from proactive.models import CadenceSwitch, CareAlert, Message, Sweep
from proactive.reconciliation import send_again, settle_as_arrived
from tests.proactive.machine.clock import Clock
from tests.proactive.machine.drawing import PLACES
from tests.proactive.machine.facts import Facts
from tests.proactive.machine.incoming import row_of
from tests.proactive.machine.judging import Judge
from tests.proactive.people import DAY


@dataclass
class Staff:
    """What they did is noted in the facts of the person, or with the judge."""

    user: User
    judge: Judge
    clock: Clock

    # --- People ---

    def sign_up(self, place: int, age: timedelta, **fields: Any) -> Facts:
        """Somebody whose first contact was `age` ago, in one of PLACES."""
        own, zones = PLACES[place]
        number = f"+1415555{len(self.judge.people):04}"
        defaults = {
            "phone_number": number,
            "first_name": "Ada",
            "relationship": "daughter",
            "zip_code": "60601",
            "journey_phase": "active",
            "created_at": self.clock.now - age,
        }
        one = Caregiver(**defaults | own | fields)
        profiles.save_added(one, [], by=self.user, now=self.clock.now)
        facts = Facts(one.pk, number, zones, one.created_at)
        self.judge.people[one.pk] = facts
        return facts

    def correct(self, facts: Facts, **fields: str) -> None:
        """Change their profile."""
        one = row_of(facts)
        for field, value in fields.items():
            setattr(one, field, value)
        profiles.save_edited(one, list(fields), by=self.user, now=self.clock.now)
        facts.change(self.clock.now)
        facts.number = fields.get("phone_number", facts.number)

    def act(self, facts: Facts, what: str, cadence: str, ago: timedelta) -> None:
        """One of the acts on a person's page, some of them about a cadence or an instant."""
        now, declared = self.clock.now, BY_NAME[cadence]
        if what == "end" and declared.due:
            self._do(facts, lambda one: cascades.end(one, declared, reason="enough", now=now))
        elif what == "reset":
            if self._do(facts, lambda one: cascades.reset(one, declared, now=now)):
                facts.resets.add((cadence, declared.anchor.of(row_of(facts))))
        elif what == "restart":
            if self._do(facts, lambda one: cascades.restart_crisis_followups(one, now=now)):
                facts.crisis(now)
        elif what == "reactivate":
            if self._do(facts, lambda one: care.reactivate(one, at=now - ago, now=now)):
                facts.contact(now - ago)
        elif what == "clear":
            self._do(facts, lambda one: care.clear_unreachable(one, now=now))
        elif what == "pause":
            self._pause(facts, now + ago)
        elif what == "no pause":
            self._pause(facts, None)

    def send_now(self, facts: Facts, cadence: str, which: int) -> None:
        """A text before its turn: one of the stages or tiers of `cadence`."""
        declared = BY_NAME[cadence]
        step = declared.steps[which % len(declared.steps)]
        self._do(
            facts,
            lambda one: ordering.send_now(one, declared, step, by=self.user, now=self.clock.now),
        )

    def _do(self, facts: Facts, deed: Callable[[Caregiver], Deed]) -> bool:
        """Whether it was done; else it was refused."""
        try:
            says = deed(row_of(facts)).says
        except Refused as refused:
            note(f"  refused: {refused}")
            return False
        note(f"  {says}")
        facts.change(self.clock.now)
        return True

    def _pause(self, facts: Facts, until: datetime | None) -> None:
        events.record_pause(row_of(facts), until=until)
        facts.change(self.clock.now)
        facts.paused_until = until

    # --- Texts ---

    def decide_about_unknown(self, *, arrived: bool) -> None:
        """Every text of which nobody knows: it arrived, or is to be sent again."""
        decide = settle_as_arrived if arrived else send_again
        for message in Message.objects.filter(status="unknown").order_by("queued_at", "pk"):
            done = decide(message, by=self.user, note="asked", now=self.clock.now)
            if done and not arrived:
                obligation = message.caregiver_id, message.cadence, message.stage, message.occasion
                self.judge.again[obligation] += 1

    # --- The service ---

    def look_after(self, how: str, name: str) -> None:
        """Mend, let a held sweep go on, resolve alerts, or put the switch of that `name`."""
        now = self.clock.now
        if how == "mend":
            self.mend()
        elif how == "go on":
            held = Sweep.objects.exclude(held="").order_by("-pk").first()
            if held is not None:
                blast_guard.approve(held, by=self.user, reason="as it should be", now=now)
        elif how == "resolve":
            for alert in CareAlert.objects.filter(resolved_at=None).order_by("pk"):
                alerts.resolve_by_staff(alert, by=self.user, done="called", now=now)
        else:
            self.switch(name, how)

    def mend(self) -> None:
        """Whatever stops the service as a whole is put right."""
        if switches.resume(now=self.clock.now, by=self.user, note="mended"):
            self.judge.off.pop(CadenceSwitch.EVERYTHING, None)
        self.switch(CadenceSwitch.EVERYTHING, "on")

    def switch(self, name: str, how: str, *, during_a_pass: bool = False) -> None:
        """Put it "on" or "off", or "pause" it for a day.

        A text whose pass has read the switches before may still go out.
        """
        now, by, until = self.clock.now, self.user, None
        try:
            if how == "on":
                switches.switch_on(name, by=by, reason="as you were", now=now)
            elif how == "off":
                switches.switch_off(name, by=by, reason="for a while", now=now)
            else:
                until = now + DAY
                switches.pause(name, until=until, by=by, reason="for a day", now=now)
        except switches.NothingToChange as why:
            note(f"  {why}")
            return
        self.judge.off.pop(name, None)
        if how != "on" and not during_a_pass:
            self.judge.off[name] = until
