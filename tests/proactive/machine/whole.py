"""Everything: also a provider in trouble, crashes, other workers, webhooks and staff."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from proactive.delivery import deliver_queued
from proactive.reconciliation import reconcile
from proactive.sweeps import run_sweep
from tests.proactive.machine import drawing
from tests.proactive.machine.core import Core, people, texts
from tests.proactive.machine.drawing import MINUTE, SECOND
from tests.proactive.machine.numbers import WINDOWS
from tests.proactive.people import HOUR, MOMENT


class Whole(Core):
    """`numbers`: how many telephone numbers staff have corrected."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    @rule(back=st.sampled_from([MOMENT, SECOND, MINUTE, 90 * SECOND]))
    def the_clock_is_set_back(self, back):
        self.clock.wait(-back)

    # --- What people do ---

    @rule(
        someone=people,
        words=st.sampled_from(drawing.WORDS),
        times=st.integers(1, 2),
        interruption=drawing.interruptions(15),
    )
    def they_write(self, someone, words, times, interruption):
        with self.work([], interruption) as broken_off:
            self.incoming.text(someone, words, times=times)
        if broken_off:
            self.incoming.text(someone, words, once_more=True)

    @rule(someone=people, late=drawing.late, what=st.sampled_from(drawing.ABOUT_A_NUMBER))
    def news_about_a_number(self, someone, late, what):
        self.incoming.about_the_number(someone, what, self.clock.now - late)

    @rule(target=people, place=drawing.places, named=st.booleans())
    def somebody_signs_up(self, place, named):
        if len(self.people) >= 6:
            return multiple()
        phase = "active" if named else "onboarding"
        return self.staff.sign_up(
            place, timedelta(), first_name="Ben" if named else "", journey_phase=phase
        )

    # --- What the system does, and what breaks ---

    @rule(
        target=texts,
        when=drawing.moments,
        script=drawing.scripts,
        interruption=drawing.interruptions(100),
        forced=st.booleans(),
    )
    def a_beat(self, when, script, interruption, forced):
        self.moment(when)
        before = len(self.provider.submissions)
        with self.work(script, interruption):
            reconcile()
            run_sweep(force=forced)
            deliver_queued()
        return self.taken(before)

    @rule(
        target=texts,
        when=drawing.moments,
        script=drawing.scripts,
        interruption=drawing.interruptions(25),
    )
    def a_delivery_in_trouble(self, when, script, interruption):
        self.moment(when)
        self.sweep()
        before = len(self.provider.submissions)
        with self.work(script, interruption):
            deliver_queued()
        return self.taken(before)

    @rule(
        wait=st.sampled_from([MINUTE, 5 * MINUTE, 2 * HOUR]),
        interruption=drawing.interruptions(10),
        is_down=st.booleans(),
    )
    def a_reconciliation(self, wait, interruption, is_down):
        self.clock.wait(wait)
        self.provider.is_down = is_down
        with self.work([], interruption):
            reconcile()
        self.provider.is_down = False

    @rule(
        one=texts,
        report=st.sampled_from(drawing.REPORTS),
        interruption=drawing.interruptions(15),
        repeated=st.booleans(),
    )
    def a_report(self, one, report, interruption, repeated):
        with self.work([], interruption) as broken_off:
            self.incoming.report(one, *report)
        if broken_off and repeated:
            self.incoming.report(one, *report)

    # --- What staff do ---

    @rule(someone=people)
    def staff_look(self, someone):
        self.explained(someone)

    @rule(
        target=texts,
        someone=people,
        cadence=drawing.cadences,
        which=st.integers(0, 2),
        goes_out=st.booleans(),
    )
    def staff_send_now(self, someone, cadence, which, goes_out):
        before = len(self.provider.submissions)
        self.staff.send_now(someone, cadence, which)
        if goes_out:
            deliver_queued()
        return self.taken(before)

    @rule(
        someone=people,
        what=st.sampled_from(drawing.ACTS),
        cadence=drawing.cadences,
        ago=drawing.late,
    )
    def staff_act(self, someone, what, cadence, ago):
        if what == "number":
            self.staff.correct(someone, phone_number=f"+1415556{self.numbers:04}")
            self.numbers += 1
        elif what == "profile":
            self.staff.correct(someone, first_name="Cleo")
        else:
            if what == "reset" and cadence not in drawing.RESETTABLE:
                cadence = "crisis_followup"
            self.staff.act(someone, what, cadence, ago)

    @rule(name=st.sampled_from(["everything", *WINDOWS]), how=st.sampled_from(drawing.CARE))
    def staff_look_after_the_service(self, name, how):
        self.staff.look_after(how, name)

    @rule(arrived=st.booleans())
    def staff_decide_about_what_is_unknown(self, arrived):
        self.staff.decide_about_unknown(arrived=arrived)
