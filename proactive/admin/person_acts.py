"""What staff do for a person, or for several: each act over a function of the outreach itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from caregiving.models import Caregiver, JourneyPhase
from proactive import care, cascades, erasing, holding, ordering
from proactive.admin.confirming import Act, Done, Skip
from proactive.admin.person_forms import (
    STAGED,
    CadenceForm,
    ContactForm,
    CrisisForm,
    OptInForm,
    OptOutForm,
    PauseForm,
    SendForm,
)
from proactive.cadences import BY_NAME, CRISIS_FOLLOWUP, DORMANT_REACTIVATION
from proactive.care import Deed, Refused
from proactive.clocks import duration
from proactive.declaring import Cadence
from proactive.rules import CHURN_AFTER, look_up_standings

# Who may keep things from being deleted may also let them be deleted again.
MAY_HOLD = "caregiving.hold_caregiver"

Look = Callable[[Caregiver, dict[str, Any], datetime], str]
Do = Callable[[Caregiver, dict[str, Any], User, datetime], Deed]


def _act(
    name: str,
    label: str,
    explains: str,
    look: Look,
    do: Do,
    permission: str = "caregiving.act_on_caregiver",
    **options: Any,
) -> Act:
    def foresee(caregiver: Caregiver, data: dict[str, Any], now: datetime) -> str:
        try:
            return look(caregiver, data, now)
        except Refused as refused:
            raise Skip(str(refused)) from refused

    def perform(caregiver: Caregiver, data: dict[str, Any], by: User, now: datetime) -> Done:
        try:
            deed = do(caregiver, data, by, now)
        except Refused as refused:
            raise Skip(str(refused)) from refused
        return Done(deed.says, deed.changes)

    return Act(
        name=name,
        label=label,
        explains=explains,
        permission=permission,
        foresee=foresee,
        perform=perform,
        **options,
    )


def _look_at_words(caregiver: Caregiver, data: dict[str, Any], now: datetime) -> str:
    if not data.get("wording"):
        return "choose the words below, and look at what would go out"
    cadence, step = ordering.find(*data["wording"].split(":"))
    text = ordering.foresee_sending(caregiver, cadence, step, now=now)
    segments = "1 segment" if text.segments == 1 else f"{text.segments} segments"
    says = f"\u201c{text.body}\u201d ({segments}) goes out now"
    if text.not_asked:
        says += f". By itself it would not: {'; '.join(text.not_asked)}"
    return says


def _send(caregiver: Caregiver, data: dict[str, Any], by: User, now: datetime) -> Deed:
    cadence, step = ordering.find(*data["wording"].split(":"))
    return ordering.send_now(caregiver, cadence, step, by=by, now=now)


SEND_NOW = _act(
    "send_now",
    "Send a text now",
    "One text to one person, at once and whether or not it is due. Consent, pauses, the 24 hours "
    "between two texts, the hours of the day and the switches hold all the same. A numbered text "
    "counts as sent, and the sweep goes on with the next; a check-in counts as the latest text.",
    _look_at_words,
    _send,
    form=SendForm,
    icon="send",
    # Words are read for one person. What goes to many is for the sweep, and its guard.
    in_bulk=False,
    also_needs=("proactive.see_body",),
)
RECORD_CONTACT = _act(
    "record_contact",
    "Record a contact",
    "They called, or were reached by phone. Silence counts from then: routine texts leave them "
    "alone for 24 hours, crisis follow-ups for one, and reactivation begins from the start.",
    lambda one, data, now: care.foresee_contact(one, at=data["at"], now=now),
    lambda one, data, by, now: care.record_contact(one, at=data["at"], now=now),
    form=ContactForm,
    icon="call",
)
RECORD_CRISIS = _act(
    "record_crisis",
    "Record a crisis",
    "Seven follow-ups are owed from then on. It counts as contact. What is queued for an earlier "
    "crisis is not sent.",
    lambda one, data, now: cascades.foresee_crisis(one, at=data["at"], now=now),
    lambda one, data, by, now: cascades.record_crisis(
        one, at=data["at"], source=data["source"], now=now
    ),
    form=CrisisForm,
    icon="emergency",
    in_bulk=False,
    prepare=look_up_standings,
)
PAUSE = _act(
    "pause",
    "Pause",
    "No texts until that day is over where they are, crisis follow-ups included: one whose time "
    "passes meanwhile opens an alert. What is queued is not sent, and is owed again afterwards.",
    lambda one, data, now: care.foresee_pause(one, last_day=data["last_day"], now=now),
    lambda one, data, by, now: care.pause(one, last_day=data["last_day"], now=now),
    form=PauseForm,
    icon="pause",
)
RESUME = _act(
    "resume",
    "End the pause",
    "Texts go out again as they fall due, from the next sweep on.",
    lambda one, data, now: care.foresee_resume(one, now=now),
    lambda one, data, by, now: care.resume(one, now=now),
    icon="play_arrow",
    offered=lambda one, now: (
        one.outreach_paused_until is not None and one.outreach_paused_until > now
    ),
)
OPT_OUT = _act(
    "opt_out",
    "Opt out",
    "They asked us to stop. Nothing is sent from now on; what is queued is cancelled.",
    lambda one, data, now: care.foresee_opt_out(one, now=now),
    lambda one, data, by, now: care.opt_out(one, how=data["how"], now=now),
    form=OptOutForm,
    icon="do_not_disturb_on",
    offered=lambda one, now: one.opted_out_at is None,
)
OPT_IN = _act(
    "opt_in",
    "Opt in",
    "They allow us to text again, in words that you can point to. If they had texted STOP, the "
    "provider blocks our texts until they text START themselves: ask them to.",
    lambda one, data, now: care.foresee_opt_in(one, now=now),
    lambda one, data, by, now: care.opt_in(one, where=data["where"], now=now),
    form=OptInForm,
    icon="how_to_reg",
    # A consent is each person's own.
    in_bulk=False,
    offered=lambda one, now: one.opted_out_at is not None,
)
CLEAR_UNREACHABLE = _act(
    "clear_unreachable",
    "The number works",
    "You have checked it: it can be texted again. If it cannot, the next text will say so.",
    lambda one, data, now: care.foresee_clearing(one, now=now),
    lambda one, data, by, now: care.clear_unreachable(one, now=now),
    icon="phone_enabled",
    in_bulk=False,
    offered=lambda one, now: one.unreachable_at is not None,
)
REACTIVATE = _act(
    "reactivate",
    "Reactivate",
    "Who has churned hears nothing until they are heard from. Say when that was: silence counts "
    f"from then. If they stay silent, reactivation begins after "
    f"{duration(DORMANT_REACTIVATION.due[0])}, and after {duration(CHURN_AFTER)} they are churned "
    "again.",
    lambda one, data, now: care.foresee_reactivation(one, at=data["at"], now=now),
    lambda one, data, by, now: care.reactivate(one, at=data["at"], now=now),
    form=ContactForm,
    icon="favorite",
    offered=lambda one, now: one.journey_phase == JourneyPhase.CHURNED,
)


def _reset(name: str, label: str, cadence: Cadence) -> Act:
    return _act(
        name,
        label,
        "The stages count from 0 again. What has its text already does not get another: only "
        "stages without one are owed again.",
        lambda one, data, now: cascades.foresee_reset(one, cadence, now=now),
        lambda one, data, by, now: cascades.reset(one, cadence, now=now),
        icon="restart_alt",
        is_rare=True,
        offered=lambda one, now: cascades.dealt_with(cadence, one) > 0,
        prepare=look_up_standings,
    )


RESET_CRISIS = _reset("reset_crisis_counter", "Reset the crisis counter", CRISIS_FOLLOWUP)
RESET_REACTIVATION = _reset(
    "reset_reactivation_counter", "Reset the reactivation counter", DORMANT_REACTIVATION
)
RESTART = _act(
    "restart_crisis_followups",
    "Start the crisis follow-ups again",
    "All seven again, counted from now, as if the crisis were today; it counts as contact. Other "
    "texts begin anew by what happens: a contact, an assessment.",
    lambda one, data, now: cascades.foresee_restart(one, now=now),
    lambda one, data, by, now: cascades.restart_crisis_followups(one, now=now),
    icon="replay",
    is_rare=True,
    in_bulk=False,
    offered=lambda one, now: one.last_crisis_event_at is not None,
    prepare=look_up_standings,
)
END = _act(
    "end_cascade",
    "End a series of texts",
    "The texts of that series which remain are not sent, and each is on record with your reason. "
    "Check-ins and other series go on. It cannot be undone: only a new crisis, a new silence or a "
    "new assessment begins the series anew.",
    lambda one, data, now: cascades.foresee_end(one, BY_NAME[data["cadence"]], now=now),
    lambda one, data, by, now: cascades.end(
        one, BY_NAME[data["cadence"]], reason=data["reason"], now=now
    ),
    form=CadenceForm,
    icon="stop_circle",
    is_rare=True,
    in_bulk=False,
    offered=lambda one, now: any(cadence.anchor.of(one) for cadence in STAGED),
)
HOLD = _act(
    "hold",
    "Put under legal hold",
    "Nothing that was written to or by them is deleted while it lasts, however old it is. Texts go "
    "on as before.",
    lambda one, data, now: holding.foresee_hold(one, now=now),
    lambda one, data, by, now: holding.hold(one, by=by, reason=data["reason"], now=now),
    permission=MAY_HOLD,
    icon="gavel",
    is_rare=True,
    offered=lambda one, now: one.legal_hold_since is None,
)
LIFT_HOLD = _act(
    "lift_hold",
    "Lift the legal hold",
    "What is older than the service keeps anything goes for good with the next pruning. First ask "
    "whoever wanted the hold.",
    lambda one, data, now: holding.foresee_lift(one, now=now),
    lambda one, data, by, now: holding.lift(one, now=now),
    permission=MAY_HOLD,
    icon="lock_open",
    # Each hold has a reason of its own, to be read before it is lifted.
    in_bulk=False,
    offered=lambda one, now: one.legal_hold_since is not None,
)
ERASE = _act(
    "erase",
    "Erase for good",
    "For whoever asks to be forgotten. Gone: name, number, ZIP code, all words that went either "
    "way, notes, what alerts and the audit say of them. Kept, without saying who it was: when "
    "which kind of text went out and what became of it, crises and scores with their times, which "
    "act staff did when. If they had opted out, their number is never texted again, also if "
    "somebody adds it. It cannot be undone. Backups, archives and the provider keep their copies "
    "until those go: tell an operator.",
    lambda one, data, now: erasing.foresee(one, now=now),
    lambda one, data, by, now: erasing.erase(one, reason=data["reason"], by=by, now=now),
    permission="caregiving.erase_caregiver",
    icon="delete_forever",
    is_rare=True,
    # Each has asked for themselves.
    in_bulk=False,
    offered=lambda one, now: one.erased_at is None,
)

PERSON_ACTS = (
    *(SEND_NOW, RECORD_CONTACT, RECORD_CRISIS),
    *(PAUSE, RESUME, OPT_OUT, OPT_IN, CLEAR_UNREACHABLE, REACTIVATE),
    *(RESET_CRISIS, RESET_REACTIVATION, RESTART, END),
    *(HOLD, LIFT_HOLD, ERASE),
)
