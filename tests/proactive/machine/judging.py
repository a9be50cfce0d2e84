"""The promises, judged from each text as the provider receives it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.proactive.machine.facts import Facts
from tests.proactive.machine.numbers import (
    CASCADE,
    CHURNED_AFTER,
    GATE,
    GRACE,
    LIVE,
    STAGES,
    is_open,
)
from tests.proactive.machine.provider import Submission
from tests.proactive.people import DAY


@dataclass
class Judge:
    """`broken` collects what was promised and not kept, in words."""

    people: dict[int, Facts] = field(default_factory=dict)
    seen: list[Submission] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    # By obligation: how often staff have decided that it is sent again.
    again: Counter[Any] = field(default_factory=Counter)
    # What staff have switched off, or until when: since before the pass that is under way began.
    off: dict[str, datetime | None] = field(default_factory=dict)

    def appraise(self, one: Submission) -> None:
        """Look at a submission as it comes in."""
        facts = self.people[one.person]
        before = [other for other in self.seen if other.person == one.person]
        self._cap(one, before)
        self._once(one, before)
        self._time(one, facts)
        # A text that was under way already when they told us: it takes moments, and no more.
        was_under_way = one.message in facts.under_way and (
            facts.changed_at is not None and one.at - facts.changed_at <= GRACE
        )
        if not was_under_way:
            self._person(one, facts, before)
        self.seen.append(one)

    def _says(self, promise: str, one: Submission, why: str) -> None:
        self.broken.append(
            f"{promise}: {one.cadence} {one.stage or one.tier} to {one.person} at {one.at}: {why}"
        )

    def _cap(self, one: Submission, before: list[Submission]) -> None:
        for other in before:
            if other.answer.takes and one.at - other.at < GATE:
                self._says("cap", one, f"another was taken at {other.at}")

    def _once(self, one: Submission, before: list[Submission]) -> None:
        for other in before:
            if other.counts and other.message == one.message:
                self._says("once", one, f"the very same was submitted at {other.at}")
        if one.stage is not None:
            same = [
                other for other in before if other.counts and other.obligation == one.obligation
            ]
            if len(same) > self.again[one.obligation]:
                self._says("once", one, f"submitted before at {same[-1].at}")

    def _time(self, one: Submission, facts: Facts) -> None:
        if not any(
            is_open(one.cadence, facts.zones, at) for at in (one.at, max(one.mark, one.at - GRACE))
        ):
            self._says("hours", one, f"in {facts.zones}")
        for name in ("everything", one.cadence):
            if name in self.off and (self.off[name] is None or one.at < self.off[name]):
                self._says("switch", one, f"{name} is off")

    def _person(self, one: Submission, facts: Facts, before: list[Submission]) -> None:
        if facts.is_opted_out:
            self._says("consent", one, f"opted out {max(facts.refusals)}")
        if facts.paused_until and one.at < facts.paused_until:
            self._says("pause", one, f"paused until {facts.paused_until}")
        if one.number != facts.number:
            self._says("number", one, f"theirs is {facts.number}, not {one.number}")
        if one.stage is not None:
            self._stage(one, facts)
        quiet = LIVE if one.cadence == "crisis_followup" else DAY
        wrote = max(facts.contacts, default=None)
        if not one.is_ordered and wrote and one.at - wrote < quiet:
            self._says("conversation", one, f"they wrote {wrote}")
        self._stop(one, facts, before)

    def _stage(self, one: Submission, facts: Facts) -> None:
        assert one.stage is not None and one.occasion is not None
        since = one.at - one.occasion
        dues = STAGES[one.cadence]
        if since >= dues[one.stage] + GRACE or (since < dues[one.stage - 1] and not one.is_ordered):
            self._says("late limit", one, f"it is {since} since {one.occasion}")
        current = {
            "crisis_followup": facts.crises[-1:],
            "dormant_reactivation": [facts.heard_from],
            "onboarding_nudge": [facts.created_at],
        }.get(one.cadence)
        if current is not None and current != [one.occasion]:
            self._says("occasion", one, f"{one.occasion} is over, it is {current}")

    def _stop(self, one: Submission, facts: Facts, before: list[Submission]) -> None:
        if facts.has_churned:
            self._says("stop", one, "they have churned")
        if one.is_ordered or one.cadence == "onboarding_nudge":
            return
        is_open_cascade = bool(facts.crises) and one.at - facts.crises[-1] < CASCADE
        if one.at - facts.heard_from >= CHURNED_AFTER + GRACE and not is_open_cascade:
            self._says("stop", one, f"not heard from since {facts.heard_from}")
        for other in before:
            if (
                (other.cadence, other.stage) == ("dormant_reactivation", 3)
                and other.answer.takes
                and not other.is_ordered
                and other.occasion == facts.heard_from
            ):
                self._says("stop", one, f"the last reactivation was at {other.at}")
