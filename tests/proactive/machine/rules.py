"""State machines: `Core` with the few rules that are about timing, `Whole` with everything."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from caregiving import events
from proactive import alerts, blast_guard, care, cascades, ordering
from proactive.cadences import BY_NAME
from proactive.delivery import deliver_queued
from proactive.models import CareAlert, Message, Sweep
from proactive.reconciliation import reconcile, send_again, settle_as_arrived
from proactive.sweeps import run_sweep
from tests.proactive.machine import drawing
from tests.proactive.machine.drawing import MINUTE, SECOND
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
        self.wait(begins - self.now)
        self.swept_at = self.now
        return multiple(*(self._somebody(*one) for one in who))

    def _somebody(self, place, state):
        if state == "new":
            return self.sign_up(place, 40 * HOUR, first_name="", journey_phase="onboarding")
        someone = self.sign_up(place, 9 * DAY)
        ago = {"crisis": 20 * HOUR, "silent": 6 * DAY, "assessed": 6 * DAY}[state]
        if state == "silent":
            events.record_contact(self.caregiver(someone), at=self.now - ago)
            someone.contact(self.now - ago)
        else:
            band = "crisis" if state == "crisis" else "high"
            self.score(someone, band, self.now - ago)
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
        edges = self.edges(someone)
        at = edges[which % len(edges)] + near
        self.let_pass(max(at - self.now, timedelta()))

    @rule(target=texts, step=drawing.moments, times=drawing.few)
    def life_goes_on(self, step, times):
        before = len(self.provider.submissions)
        self.mend()
        for _ in range(times):
            self.moment(step)
            self.tick()
            self.accounted()
        return self.taken(before)

    def moment(self, when):
        if when == drawing.DUE:
            self.until_due()
        else:
            self.let_pass(when)

    # --- What people do ---

    @rule(someone=people, late=drawing.late, what=st.sampled_from(drawing.NEWS))
    def news(self, someone, late, what):
        at = self.now - late
        if what == "contact":
            events.record_contact(self.caregiver(someone), at=at)
            someone.change(self.now)
            someone.contact(at)
        elif what == "a crisis":
            self.crisis(someone, at)
        else:
            self.score(someone, what, at)

    # --- What the system does ---

    @rule(
        when=drawing.moments,
        chosen=st.none() | st.none() | st.lists(drawing.cadences, min_size=1, max_size=2),
        twice=st.booleans(),
    )
    def a_sweep(self, when, chosen, twice):
        self.moment(when)
        self.sweep(chosen, twice=twice)

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


class Whole(Core):
    """Also a provider in trouble, crashes, other workers, webhooks and staff."""

    @rule(back=st.sampled_from([MOMENT, SECOND, MINUTE, 90 * SECOND]))
    def the_clock_is_set_back(self, back):
        self.wait(-back)

    # --- What people do ---

    @rule(
        someone=people,
        words=st.sampled_from(drawing.WORDS),
        times=st.integers(1, 2),
        interruption=drawing.interruptions,
    )
    def they_write(self, someone, words, times, interruption):
        with self.work([], interruption) as broken_off:
            self.text(someone, words, times=times)
        if broken_off:
            self.text(someone, words, sid=f"IN{self._number}")

    @rule(someone=people, late=drawing.late, what=st.sampled_from(drawing.ABOUT_A_NUMBER))
    def news_about_a_number(self, someone, late, what):
        at = self.now - late
        {
            "opted out": events.record_opt_out,
            "opted in": events.record_opt_in,
            "dead": events.record_unreachable,
            "alive": events.record_reachable,
        }[what](self.caregiver(someone), at=at)
        someone.change(self.now)
        if what == "opted out":
            someone.refusals.append(at)
        elif what == "opted in":
            someone.consents.append(at)

    @rule(target=people, place=drawing.places, named=st.booleans())
    def somebody_signs_up(self, place, named):
        if len(self.people) >= 6:
            return multiple()
        phase = "active" if named else "onboarding"
        return self.sign_up(
            place, timedelta(), first_name="Ben" if named else "", journey_phase=phase
        )

    # --- What the system does, and what breaks ---

    @rule(
        target=texts,
        when=drawing.moments,
        script=drawing.scripts,
        interruption=drawing.interruptions,
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
        interruption=drawing.interruptions,
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
        interruption=drawing.interruptions,
        is_down=st.booleans(),
    )
    def a_reconciliation(self, wait, interruption, is_down):
        self.wait(wait)
        self.provider.is_down = is_down
        with self.work([], interruption):
            reconcile()
        self.provider.is_down = False

    @rule(
        one=texts,
        report=st.sampled_from(drawing.REPORTS),
        interruption=st.none() | drawing.interruptions,
        repeated=st.booleans(),
    )
    def a_report(self, one, report, interruption, repeated):
        with self.work([], interruption) as broken_off:
            self.report(one, *report)
        if broken_off and repeated:
            self.report(one, *report)

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
        declared = BY_NAME[cadence]
        step = declared.steps[which % len(declared.steps)]
        before = len(self.provider.submissions)
        self.act(
            someone,
            lambda one: ordering.send_now(one, declared, step, by=self.staff, now=self.now),
        )
        if goes_out:
            deliver_queued()
        return self.taken(before)

    @rule(
        someone=people,
        act=st.sampled_from(drawing.ACTS),
        cadence=drawing.cadences,
        ago=drawing.late,
    )
    def staff_act(self, someone, act, cadence, ago):
        now, declared = self.now, BY_NAME[cadence]
        if act == "end":
            if cadence != "wellness":
                self.act(someone, lambda one: cascades.end(one, declared, reason="enough", now=now))
        elif act == "reset":
            declared = BY_NAME[drawing.RESET.get(cadence, "crisis_followup")]
            if self.act(someone, lambda one: cascades.reset(one, declared, now=now)):
                since = declared.anchor.of(self.caregiver(someone))
                someone.resets.add((declared.name, since))
        elif act == "restart":
            if self.act(someone, lambda one: cascades.restart_crisis_followups(one, now=now)):
                someone.crisis(now)
        elif act == "reactivate":
            if self.act(someone, lambda one: care.reactivate(one, at=now - ago, now=now)):
                someone.contact(now - ago)
        elif act == "clear":
            self.act(someone, lambda one: care.clear_unreachable(one, now=now))
        elif act == "pause":
            self.pause(someone, now + ago)
        elif act == "no pause":
            self.pause(someone, None)
        elif act == "number":
            self.correct(someone, phone_number=f"+1415555{5000 + self._next():04}")
        else:
            self.correct(someone, first_name="Cleo")

    def pause(self, someone, until):
        events.record_pause(self.caregiver(someone), until=until)
        someone.change(self.now)
        someone.paused_until = until

    @rule(
        name=st.sampled_from(["everything", *drawing.WINDOWS]),
        how=st.sampled_from(["off", "on", "on", "pause", "mend", "mend", "go on", "resolve"]),
    )
    def staff_look_after_the_service(self, name, how):
        if how == "mend":
            self.mend()
        elif how == "go on":
            held = Sweep.objects.exclude(held="").order_by("-pk").first()
            if held is not None:
                blast_guard.approve(held, by=self.staff, reason="as it should be", now=self.now)
        elif how == "resolve":
            for alert in CareAlert.objects.filter(resolved_at=None).order_by("pk"):
                alerts.resolve_by_staff(alert, by=self.staff, done="called", now=self.now)
        else:
            self.switch(name, how)

    @rule(arrived=st.booleans())
    def staff_decide_about_what_is_unknown(self, arrived):
        decide = settle_as_arrived if arrived else send_again
        for message in Message.objects.filter(status="unknown").order_by("queued_at", "pk"):
            if decide(message, by=self.staff, note="asked", now=self.now) and not arrived:
                obligation = message.caregiver_id, message.cadence, message.stage, message.occasion
                self.judge.again[obligation] += 1
