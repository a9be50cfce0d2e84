"""The few rules about timing: time, events, sweeps and deliveries with nothing in their way."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from caregiving.models import Caregiver
from proactive.delivery import deliver_queued
from tests.proactive.machine import consistency, drawing
from tests.proactive.machine.drawing import MINUTE
from tests.proactive.machine.edges import edges
from tests.proactive.machine.machine import Outreach
from tests.proactive.people import DAY, HOUR, MOMENT

people = Bundle("people")
texts = Bundle("texts")


class Core(Outreach):
    """Time, events, sweeps and deliveries with nothing in their way."""

    @initialize(
        target=people,
        begins=st.sampled_from(drawing.BEGINNINGS),
        who=st.lists(
            st.tuples(drawing.places, st.sampled_from(["crisis", "silent", "new", "assessed"])),
            min_size=2,
            max_size=4,
        ),
    )
    def begin(self, begins, who):
        self.clock.wait(begins - self.clock.now)
        self.swept_at = self.clock.now
        return multiple(*(self._somebody(*one) for one in who))

    def _somebody(self, place, state):
        if state == "new":
            return self.staff.sign_up(place, 40 * HOUR, first_name="", journey_phase="onboarding")
        someone, now = self.staff.sign_up(place, 9 * DAY), self.clock.now
        if state == "silent":
            self.incoming.contact(someone, now - 6 * DAY)
        elif state == "assessed":
            self.incoming.score(someone, "high", now - 6 * DAY)
        else:
            self.incoming.score(someone, "crisis", now - 20 * HOUR)
        return someone

    # --- Time ---

    @rule(step=drawing.steps)
    def time_passes(self, step):
        self.let_pass(step)

    @rule(
        someone=people,
        which=st.integers(0, 7),
        near=st.sampled_from([timedelta(), timedelta(), -MOMENT, MOMENT]),
    )
    def an_edge_comes(self, someone, which, near):
        now = self.clock.now
        row = Caregiver.objects.filter(pk=someone.key).values(*consistency.FIELDS).get()
        coming = edges(row, someone.zones, now)
        self.let_pass(max(coming[which % len(coming)] + near - now, timedelta()))

    @rule(target=texts, step=drawing.moments, times=drawing.few)
    def life_goes_on(self, step, times):
        before = len(self.provider.submissions)
        self.staff.mend()
        for _ in range(times):
            self.moment(step)
            self.tick()
            self.accounted()
        return self.taken(before)

    def moment(self, when):
        if isinstance(when, timedelta):
            self.let_pass(when)
        else:
            self.until(is_due=when == drawing.DUE)

    # --- What people do ---

    @rule(someone=people, late=drawing.late, what=st.sampled_from(drawing.NEWS))
    def news(self, someone, late, what):
        at = self.clock.now - late
        if what == "contact":
            self.incoming.contact(someone, at)
        elif what == "a crisis":
            self.incoming.crisis(someone, at)
        else:
            self.incoming.score(someone, what, at)

    # --- What the system does ---

    @rule(
        when=drawing.moments,
        chosen=st.none() | st.none() | st.lists(drawing.cadences, min_size=1, max_size=2),
        twice=st.booleans(),
    )
    def a_sweep(self, when, chosen, twice):
        self.moment(when)
        self.sweep(chosen, twice=twice)

    @rule(
        target=texts,
        when=drawing.moments,
        late=st.sampled_from([timedelta(), MINUTE, 3 * HOUR, 13 * HOUR, 3 * DAY]),
    )
    def a_sweep_and_a_late_delivery(self, when, late):
        self.moment(when)
        self.sweep()
        self.let_pass(late)
        before = len(self.provider.submissions)
        deliver_queued()
        return self.taken(before)

    @rule(target=texts, wait=st.sampled_from([timedelta(), timedelta(), MINUTE, 13 * HOUR]))
    def a_delivery(self, wait):
        self.let_pass(wait)
        before = len(self.provider.submissions)
        deliver_queued()
        return self.taken(before)

    def taken(self, since):
        return multiple(*(one for one in self.provider.submissions[since:] if one.answer.takes))

    # --- What must hold ---

    @invariant()
    def promises_are_kept(self):
        wrong = self.wrong()
        assert not wrong, "\n".join(wrong)
