"""What the declaration of a cadence consists of, and the rules that follow from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache, reduce
from itertools import pairwise
from operator import or_

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from caregiving.models import Caregiver
from proactive import matching
from proactive.clocks import SILENCE, Anchor, Window, duration, local
from proactive.models import Message
from proactive.ripening import Ripening
from proactive.rules import (
    CONSENT,
    GATE_OPEN,
    NOT_CHURNED,
    NOTHING_WAITING,
    PAUSE,
    REACHABLE,
    Rule,
    conjunction,
    conversation,
    in_window,
    standing,
)
from proactive.shares import EVERYBODY, among, in_share, is_among, not_among

# Of every text, whoever sends it and why.
_ALWAYS = (CONSENT, PAUSE, REACHABLE, GATE_OPEN, NOTHING_WAITING)


@dataclass(frozen=True)
class Step:
    """One text of a cadence: a numbered stage, or one tier of a recurring cadence.

    `rules` are its own; the first says whether it is this step's turn at all. Of what they say,
    `binds` is what must hold even if staff have it sent before its turn. A stage is current from
    `due` until `limit` after the anchor.
    """

    stage: int | None
    tier: str
    rules: tuple[Rule, ...]
    due: timedelta | None = None
    limit: timedelta | None = None
    binds: tuple[Rule, ...] = ()

    @property
    def position(self) -> Rule:
        return self.rules[0]

    @property
    def variant(self) -> str:
        """Which wording it takes: the stage's number or the tier's name."""
        return str(self.stage) if self.stage is not None else self.tier


@dataclass(frozen=True)
class Tier:
    """Of a recurring cadence: for `who`, `every` so long since the last proactive text, after so
    much `silence`."""

    name: str
    who: Rule
    every: timedelta
    silence: timedelta


@dataclass(frozen=True)
class Cadence:
    """One kind of outreach with its timing: staged (`due`, `until`, `counter`) or by `tiers`.

    `who`: what must hold whatever the step.
    `anchor`: the event that it counts from. A stage is current from its `due` until the next one's;
    `until` ends the last. `counter`: the field that says how many stages are dealt with; without
    one, the texts that exist say it.
    `quiet`: how long somebody who wrote is left alone.
    `yields`: rules by which it makes room for something more urgent.
    `vital`: a text that cannot go out opens an alert, and unsent stages are accounted for.
    `ends_in_churn`: its sweep also lets go of those who stayed silent after its last stage.
    `share`: for how many percent of people it is on; not declared, staff put it (`limited_to`).
    """

    name: str
    label: str
    purpose: str
    who: tuple[Rule, ...]
    anchor: Anchor
    window: Window
    quiet: timedelta
    due: tuple[timedelta, ...] = ()
    until: timedelta = timedelta()
    counter: str = ""
    tiers: tuple[Tier, ...] = ()
    yields: tuple[Rule, ...] = ()
    vital: bool = False
    ends_in_churn: bool = False
    share: int = EVERYBODY

    def limited_to(self, share: int) -> "Cadence":
        """The same for `share` percent of people only, which is one more rule of `who`.

        The same object each time, by which prepared queries know it.
        """
        return self if share == self.share else _limited(self, share)

    def yielding_within(self, share_of: Callable[[str], int]) -> "Cadence":
        """The same, which makes room for texts of a cadence to those only for whom that is on.

        `share_of`: the name of a cadence -> for how many percent of people it is on. The same
        object each time, as with `limited_to`.
        """
        yields = tuple(
            rule.limited_to(share_of(rule.urgent)) if isinstance(rule, Reservation) else rule
            for rule in self.yields
        )
        return self if yields == self.yields else _yielding(self, yields)

    @property
    def among(self) -> Q:
        """The people for whom it is on; true of everybody, usually."""
        return among(self.name, share=self.share)

    def is_for(self, caregiver: Caregiver) -> bool:
        """Whether the person is among them."""
        return is_among(self.name, caregiver.pk, share=self.share)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return (*self._stages(), *self._tiers())

    def rules(self, step: Step) -> tuple[Rule, ...]:
        """Everything that must hold for `step` to go out, in the order in which it is told."""
        return (*self.who, *step.rules, *self._common)

    def any_step(self, now: datetime) -> Q:
        """The condition for some step to go out: `rules` of any, with what they share once."""
        return conjunction((*self.who, *self._common), now) & self._some_turn(now)

    @cached_property
    def ripening(self) -> Ripening:
        """From when on some step may go to a person, as far as their own row tells.

        Without what it makes room for, which is long to say and holds back few.
        """
        asked = (*self.who, *_ALWAYS, conversation(self.quiet))
        return Ripening(
            self.name,
            lambda now: conjunction(asked, now) & self._some_turn(now),
            lasts=self.until - self.due[0] if self.due else None,
            window=self.window,
        )

    def _some_turn(self, now: datetime) -> Q:
        return reduce(or_, (conjunction(step.rules, now) for step in self.steps))

    def owes(self, step: Step) -> tuple[Rule, ...]:
        """What makes `step` owed: who it is for, whose turn it is, and that they can be texted."""
        return (*self.who, *step.rules, CONSENT, REACHABLE)

    def binding(self, step: Step) -> tuple[Rule, ...]:
        """What must hold also for a text that staff have sent, whoever it is for and due or not.

        Whoever has churned hears nothing until they are back, whatever anybody orders.
        """
        return (NOT_CHURNED, *step.binds, *_ALWAYS, self._in_window)

    @cached_property
    def defers(self) -> tuple[Rule, ...]:
        """What may hold back a text that is owed: it is found again once these let it go."""
        return tuple(rule for rule in self._common if rule not in (CONSENT, REACHABLE))

    @cached_property
    def _common(self) -> tuple[Rule, ...]:
        return (*_ALWAYS, conversation(self.quiet), *self.yields, self._in_window)

    @cached_property
    def _in_window(self) -> Rule:
        return in_window(self.window)

    def _stages(self) -> Iterator[Step]:
        for number, (due, limit) in enumerate(pairwise((*self.due, self.until)), start=1):
            current = _current(self.anchor, number, len(self.due), due, limit)
            owed = (_owed(self.counter, number),) if self.counter else ()
            once = _once(self.name, self.anchor, number)
            binds = (_fits(self.anchor, number, limit), once)
            yield Step(number, "", (current, *owed, once), due, limit, binds)

    def _tiers(self) -> Iterator[Step]:
        for tier in self.tiers:
            yield Step(None, tier.name, (tier.who, _interval(tier.every), _silent(tier.silence)))


@lru_cache(maxsize=64)
def _limited(cadence: Cadence, share: int) -> Cadence:
    who = (*cadence.who, in_share(cadence.name, share))
    return replace(cadence, share=share, who=who)


@lru_cache(maxsize=64)
def _yielding(cadence: Cadence, yields: tuple[Rule, ...]) -> Cadence:
    return replace(cadence, yields=yields)


# --- Rules of a stage ---


def _current(anchor: Anchor, number: int, count: int, due: timedelta, limit: timedelta) -> Rule:
    def says(caregiver: Caregiver, now: datetime) -> str:
        since = anchor.of(caregiver)
        if since is None:
            return f"no {anchor.words} on record"
        return (
            f"{anchor.words} {local(since, caregiver)}: {number} of {count} is due "
            f"{local(since + due, caregiver)} and fits until {local(since + limit, caregiver)}"
        )

    return Rule(
        "stage",
        lambda now: anchor.at_least(due, now) & anchor.less_than(limit, now),
        says,
        means=f"{anchor.words} at least {duration(due)} and less than {duration(limit)} ago",
    )


def _fits(anchor: Anchor, number: int, limit: timedelta) -> Rule:
    """There is an occasion, and the words of this stage still fit it, due or not."""

    def says(caregiver: Caregiver, now: datetime) -> str:
        since = anchor.of(caregiver)
        if since is None:
            return f"no {anchor.words} on record"
        return (
            f"{anchor.words} {local(since, caregiver)}: the words of {number} fit until "
            f"{local(since + limit, caregiver)}"
        )

    return Rule(
        "stage",
        lambda now: anchor.less_than(limit, now),
        says,
        means=f"{anchor.words} less than {duration(limit)} ago",
    )


def _owed(counter: str, number: int) -> Rule:
    def says(caregiver: Caregiver, now: datetime) -> str:
        done = getattr(caregiver, counter) or 0
        return f"{done} dealt with so far" + (f", so {number} is not owed" * (done >= number))

    return Rule(
        "owed",
        lambda now: Q(**{f"{counter}__isnull": True}) | Q(**{f"{counter}__lt": number}),
        says,
        asked_again=False,
        means=f"stage {number} is not dealt with yet",
    )


def _once(cadence: str, anchor: Anchor, stage: int) -> Rule:
    """No text for this stage of this occasion exists, whatever the counter was reset to."""

    def is_free(caregiver: Caregiver, now: datetime) -> bool:
        return (cadence, stage, anchor.of(caregiver)) not in standing(caregiver).taken

    def condition(now: datetime) -> Q:
        outer = [OuterRef(field) for field in anchor.fields]
        return Q(
            ~Exists(
                Message.objects.standing().filter(
                    caregiver=OuterRef("pk"),
                    cadence=cadence,
                    stage=stage,
                    occasion=outer[0] if len(outer) == 1 else Coalesce(*outer),
                )
            )
        )

    return Rule(
        "once",
        condition,
        lambda caregiver, now: (
            f"no text for stage {stage} of this occasion yet"
            if is_free(caregiver, now)
            else f"stage {stage} of this occasion has its text already"
        ),
        asked_again=False,
        test=is_free,
        means=f"no text for stage {stage} of this occasion exists",
    )


# --- Rules of a tier ---


def _interval(every: timedelta) -> Rule:
    def says(caregiver: Caregiver, now: datetime) -> str:
        last = caregiver.last_proactive_message_at
        if last is None:
            return f"every {duration(every)}; none so far"
        return f"every {duration(every)}: next after {local(last + every, caregiver)}"

    return Rule(
        "interval",
        lambda now: (
            Q(last_proactive_message_at__isnull=True)
            | Q(last_proactive_message_at__lte=now - every)
        ),
        says,
        asked_again=False,
        means=f"had no proactive text in the last {duration(every)}",
    )


def _silent(silence: timedelta) -> Rule:
    def says(caregiver: Caregiver, now: datetime) -> str:
        since = SILENCE.of(caregiver)
        assert since is not None  # created_at is never null
        return (
            f"last heard from {local(since, caregiver)}, "
            f"silent for {duration(silence)} at {local(since + silence, caregiver)}"
        )

    return Rule(
        "silence",
        lambda now: SILENCE.at_least(silence, now),
        says,
        means=f"was not heard from for {duration(silence)}",
    )


# --- Making room ---


@dataclass(frozen=True)
class Reservation(Rule):
    """A slot is kept free for texts of the cadence that is named `urgent`."""

    urgent: str = ""

    def limited_to(self, share: int) -> Rule:
        """For those only who are among the `share` percent for whom it is on."""
        return self if share == EVERYBODY else _reserved_for_some(self, share)


@lru_cache(maxsize=64)
def _reserved_for_some(rule: Reservation, share: int) -> Rule:
    def is_for(caregiver: Caregiver) -> bool:
        return is_among(rule.urgent, caregiver.pk, share=share)

    def says(caregiver: Caregiver, now: datetime) -> str:
        if is_for(caregiver):
            return rule.says(caregiver, now)
        return f"no slot is kept: {in_share(rule.urgent, share).says(caregiver, now)}"

    def changes(caregiver: Caregiver, now: datetime) -> Iterator[datetime]:
        if is_for(caregiver):
            yield from matching.turning_points(rule.condition(now), caregiver, now=now)

    return Rule(
        rule.name,
        lambda now: rule.condition(now) | not_among(rule.urgent, share=share),
        says,
        test=lambda caregiver, now: not is_for(caregiver) or rule.holds(caregiver, now),
        changes=changes,
        means=rule.means,
    )


def reserved_for(urgent: Cadence, *, within: timedelta) -> Reservation:
    """No stage of `urgent` is due, or falls due `within` so long: a text would take its slot."""

    def condition(now: datetime) -> Q:
        # Each stage lasts until the next is due, so only the first that is not dealt with counts.
        free = urgent.anchor.unset() | urgent.anchor.at_least(urgent.until, now)
        for dealt_with, due in enumerate(urgent.due):
            before = urgent.anchor.less_than(due - within, now)
            if dealt_with:
                before &= Q(**{f"{urgent.counter}__gte": dealt_with})
            free |= before
        return free | Q(**{f"{urgent.counter}__gte": len(urgent.due)})

    def says(caregiver: Caregiver, now: datetime) -> str:
        since = urgent.anchor.of(caregiver)
        done = getattr(caregiver, urgent.counter) or 0
        for step in urgent.steps:
            assert step.stage is not None and step.due is not None and step.limit is not None
            if since is not None and done < step.stage and now < since + step.limit:
                return (
                    f"{urgent.label.lower()} {step.stage} of {len(urgent.due)} is due "
                    f"{local(since + step.due, caregiver)}; "
                    f"its slot is kept from {duration(within)} before"
                )
        return f"no {urgent.label.lower()} is due soon"

    return Reservation(
        "reservation",
        condition,
        says,
        means=f"no {urgent.label.lower()} is due, or falls due within {duration(within)}",
        urgent=urgent.name,
    )
