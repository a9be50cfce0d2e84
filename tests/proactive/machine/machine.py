"""The system under test with its people, clock, provider and staff, and what must hold of it.

`core` and `whole` add the rules. Everything runs on committed rows, as a crash leaves them.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine

from caregiving.models import Caregiver
from proactive import claiming, promises, rules, stopping, switches
from proactive.delivery import deliver_queued
from proactive.explaining import explain
from proactive.models import CadenceSwitch, Message
from proactive.reconciliation import reconcile
from proactive.sweeps import run_sweep
from tests.proactive.machine import accounts, consistency, drawing, expected
from tests.proactive.machine.clock import Clock
from tests.proactive.machine.edges import edges
from tests.proactive.machine.emptying import empty
from tests.proactive.machine.facts import Facts
from tests.proactive.machine.incoming import Incoming, row_of
from tests.proactive.machine.interruptions import Crash, Interruption, interrupted
from tests.proactive.machine.judging import Judge
from tests.proactive.machine.numbers import CASCADE, WINDOWS
from tests.proactive.machine.provider import Answer, Provider, Submission
from tests.proactive.machine.staff import Staff
from tests.proactive.people import DAY, HOUR

# So long without a sweep the machine lets no time pass: after 84 days a crisis is history.
LONGEST_OUTAGE = 35 * DAY
# While one thing happens another may come in between, and one more during that.
DEEPEST = 2

# The provider of the example that is running: what `get_gateway` is to return.
PROVIDERS: list[Provider] = []


class Outreach(RuleBasedStateMachine):
    """Everything but the rules."""

    def __init__(self) -> None:
        super().__init__()
        empty()
        stopping.forget()
        rules._open_places.cache_clear()
        drawn = random.Random("state machine/texts")
        # Of texts that are equally urgent the key decides, and it must be the same each time.
        self.same_keys = patch.object(
            claiming,
            "new_keys",
            lambda number: [UUID(int=drawn.getrandbits(128)) for _ in range(number)],
        )
        self.same_keys.start()
        self.clock = Clock(drawing.BEGINNINGS[0])
        self.judge = Judge()
        user, _ = User.objects.get_or_create(username="the staff of the machine")
        self.staff = Staff(user, self.judge, self.clock)
        self.incoming = Incoming(self.clock)
        self.provider = Provider(self.clock, self.judge.appraise, self.happens)
        PROVIDERS.append(self.provider)
        self.swept_at = self.clock.now
        self.depth = 0

    def teardown(self) -> None:
        try:
            self.let_it_all_end()
        finally:
            self.clock.stop()
            PROVIDERS.clear()
            self.same_keys.stop()
            rules._open_places.cache_clear()

    @property
    def people(self) -> dict[int, Facts]:
        return self.judge.people

    # --- Time ---

    def let_pass(self, step: timedelta) -> None:
        """Time passes, but not so much that a crisis is forgotten unseen."""
        if self.clock.now + step - self.swept_at > LONGEST_OUTAGE:
            self.tick()
        self.clock.wait(step)

    def until(self, *, is_due: bool) -> None:
        """Time passes to the next edge of anybody; `is_due`: at which they are due, if one is."""
        everybody, texts = consistency.rows()
        found = []
        for row in everybody:
            own, zones = texts.get(row["pk"], []), self.people[row["pk"]].zones
            found += [
                at
                for at in edges(row, zones, self.clock.now)
                if not is_due or expected.due(row, own, zones, now=at, cadences=WINDOWS)
            ]
        if found:
            self.let_pass(min(found) - self.clock.now)

    # --- What the system does ---

    @contextmanager
    def work(
        self, script: list[Answer], interruption: Interruption | None = None
    ) -> Iterator[list[bool]]:
        """The system at work: the provider answers by `script`, and `interruption` may break in.

        Yields a list that stays empty, unless the work was broken off.
        """
        self.provider.script = list(script)
        broken_off: list[bool] = []
        self.depth += 1
        try:
            with interrupted(interruption, wait=self.clock.wait, happens=self.happens):
                yield broken_off
        except (Crash, OperationalError) as error:
            note(f"  broken off: {error}")
            broken_off.append(True)
        finally:
            self.depth -= 1
            self.provider.script = []

    def tick(self) -> None:
        """A whole beat with nothing in its way."""
        reconcile()
        self.sweep()
        deliver_queued()

    def sweep(
        self, cadences: list[str] | None = None, *, force: bool = False, twice: bool = False
    ) -> None:
        """A sweep with nothing in its way: it must queue what is due, and nothing else.

        `twice`: and at the same instant once more, which must change nothing.
        """
        due = self.due(cadences)
        swept = run_sweep(cadences=cadences, force=force)
        queued = {
            text.caregiver_id: (text.cadence, text.stage or text.tier)
            for text in Message.objects.filter(sweep=swept, status="queued")
        }
        if swept.held:
            assert len(due) > settings.SWEEP_CEILING, f"held though only {due} are due"
            due = {}
        assert queued == due, f"at {self.clock.now} queued {queued}, due are {due}"
        if cadences is None:
            self.swept_at = max(self.swept_at, self.clock.now)
        if twice:
            again = run_sweep(cadences=cadences, force=force).counts
            did = [*again["queued"].values(), *again["superseded"].values(), again["churned"]]
            assert not any(did), f"the same sweep once more: {again}"

    def due(self, cadences: list[str] | None = None) -> dict[int, expected.What]:
        """By person, what is due at this moment: by the reference."""
        now, board = self.clock.now, switches.Switchboard.load()
        on = [name for name in cadences or WINDOWS if board.is_open(name, now)]
        everybody, texts = consistency.rows()
        found = {
            row["pk"]: expected.due(
                row, texts.get(row["pk"], []), self.people[row["pk"]].zones, now=now, cadences=on
            )
            for row in everybody
        }
        return {key: what for key, what in found.items() if what}

    # --- What comes in between ---

    def happens(self, what: str, about: Submission | None = None) -> None:
        """Another worker, or news about the person of a text (or the first): while it is handed
        over, or between two transactions."""
        if not what or self.depth > DEEPEST:
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
        if what in ("tick", "reconcile"):
            reconcile()
        if what in ("tick", "sweep"):
            run_sweep()
        if what == "tick":
            deliver_queued()
        elif what == "report" and about and about.answer.takes:
            self.incoming.report(about, "delivered", "")
        elif what == "stop":
            self.incoming.text(facts, "STOP")
        elif what == "wrote":
            self.incoming.text(facts, "thank you")
        elif what == "crisis":
            self.incoming.crisis(facts, self.clock.now)
        elif what == "off":
            self.staff.switch(CadenceSwitch.EVERYTHING, "off", during_a_pass=True)

    # --- What must hold ---

    def wrong(self) -> list[str]:
        """Which promises are broken, and what does not fit together, in words."""
        for key in Caregiver.objects.filter(journey_phase="churned").values_list("pk", flat=True):
            self.people[key].has_churned = True
        return self.judge.broken + consistency.inconsistencies(
            self.people, self.provider.submissions, self.incoming.delivered
        )

    def explained(self, facts: Facts) -> None:
        """What staff read must be what a sweep would do."""
        told = [
            (one["cadence"], one["stage"] or one["tier"])
            for one in explain(row_of(facts))["cadences"]
            if one["sendable"]
        ]
        planned = [
            one.cadence
            for one in run_sweep(dry_run=True).planned
            if one.phone_number == facts.number
        ]
        due = self.due().get(facts.key)
        assert told == ([due] if due else []), f"explained {told}, due is {due}"
        assert [name for name, _ in told] == planned, f"explained {told}, planned {planned}"

    def accounted(self) -> None:
        """After a beat with nothing in its way: no follow-up has been lost sight of."""
        report = promises.check_promises()
        assert not report.unaccounted, f"unaccounted at {self.clock.now}: {report.outcomes}"

    def let_it_all_end(self) -> None:
        """Time passes until every cascade is over: each obligation then has its end."""
        self.tick()
        crises = [one.crises[-1] for one in self.people.values() if one.crises]
        if crises:
            end = max(crises) + CASCADE + 2 * HOUR
            while self.clock.now < end:
                self.clock.wait(min(end - self.clock.now, 21 * DAY))
                self.tick()
            # By then whatever nobody can tell of, and what still waits, has asked for a person.
            self.clock.wait(25 * HOUR)
            self.tick()
            self.accounted()
            lost = accounts.unaccounted(self.people, self.clock.now)
            assert not lost, "\n".join(lost)
        wrong = self.wrong()
        assert not wrong, "\n".join(wrong)
