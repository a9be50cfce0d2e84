"""Legal hold: a lawyer, an authority or a complaint needs what was written to and by one person.

While it lasts `pruning` deletes nothing of theirs. Texts go on as before: a hold keeps the past and
forbids nothing. As in `care`, each act is foreseen in words first and done under the lock on the
person afterwards; pruning takes the same lock, so nothing of theirs goes once a hold is recorded.
"""

from datetime import datetime

from django.contrib.auth.models import User

from caregiving import events
from caregiving.models import Caregiver
from proactive import clocks
from proactive.care import Deed, Refused, changing


def foresee_hold(caregiver: Caregiver, *, now: datetime) -> str:
    if caregiver.legal_hold_since is not None:
        raise Refused(f"is under legal hold {_since(caregiver)} already")
    return "under legal hold: nothing that was written to or by them is deleted"


def hold(caregiver: Caregiver, *, by: User, reason: str, now: datetime) -> Deed:
    """Nothing of theirs is deleted from now on; `reason`: 500 characters at most."""
    with changing(caregiver) as deed:
        deed.says = foresee_hold(caregiver, now=now)
        events.record_legal_hold(caregiver, by=by, reason=reason, at=now)
    return deed


def foresee_lift(caregiver: Caregiver, *, now: datetime) -> str:
    if caregiver.legal_hold_since is None:
        raise Refused("is not under legal hold")
    return (
        f"no longer under legal hold ({_since(caregiver)}: {caregiver.legal_hold_reason}); what is "
        "old enough goes with the next pruning"
    )


def lift(caregiver: Caregiver, *, now: datetime) -> Deed:
    with changing(caregiver) as deed:
        deed.says = foresee_lift(caregiver, now=now)
        events.lift_legal_hold(caregiver)
    return deed


def _since(caregiver: Caregiver) -> str:
    assert caregiver.legal_hold_since is not None
    there = caregiver.legal_hold_since.astimezone(clocks.home(caregiver))
    return f"since {there:%Y-%m-%d}"  # with the year: a hold lasts for years
