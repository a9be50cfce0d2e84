"""Opening what a person must look at, once however often it is found; what staff do about it;
and closing it."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Concat

from caregiving.models import Caregiver
from proactive.hooks import outbox
from proactive.models import CareAlert, Message


def open_alert(
    kind: CareAlert.Kind, *, now: datetime, detail: str, message: Message | None = None
) -> None:
    """Open an alert about `message`, or about the service as a whole when there is none."""
    open_alerts(kind, [(message, detail)], now=now)


def open_alerts(
    kind: CareAlert.Kind, about: Iterable[tuple[Message | None, str]], *, now: datetime
) -> None:
    """Open one alert for each text with its detail, in one statement."""
    outbox.open_alerts(
        [
            CareAlert(
                kind=kind,
                caregiver_id=message.caregiver_id if message else None,
                message=message,
                occasion=message.occasion if message else None,
                detail=detail,
                opened_at=now,
            )
            for message, detail in about
        ],
        now=now,
    )


def open_for_people(
    kind: CareAlert.Kind, about: Iterable[tuple[Caregiver, datetime | None, str]], *, now: datetime
) -> None:
    """Open one alert for each person and occasion with its detail, about no text in particular."""
    outbox.open_alerts(
        [
            CareAlert(
                kind=kind, caregiver=caregiver, occasion=occasion, detail=detail, opened_at=now
            )
            for caregiver, occasion, detail in about
        ],
        now=now,
    )


def resolve(
    kind: CareAlert.Kind,
    message: Message,
    *,
    note: str,
    now: datetime,
    by: AbstractBaseUser | None = None,
) -> None:
    """Close the alert about `message`, if one is open; `by` nobody when it has settled itself."""
    resolve_each((kind,), message, note=note, now=now, by=by)


def resolve_each(
    kinds: Collection[CareAlert.Kind],
    message: Message,
    *,
    note: str,
    now: datetime,
    by: AbstractBaseUser | None = None,
) -> None:
    """The same for alerts of several kinds, in one statement."""
    _close(CareAlert.objects.filter(kind__in=kinds, message=message), note=note, now=now, by=by)


def resolve_for_service(
    kind: CareAlert.Kind, *, note: str, now: datetime, by: AbstractBaseUser | None = None
) -> None:
    """The same for the alert about the service as a whole: one conditional UPDATE."""
    _close(CareAlert.objects.filter(kind=kind, caregiver=None), note=note, now=now, by=by)


# --- What staff do about one alert ---
#
# Each is one conditional UPDATE that says whether it took place: of two people at once one is
# faster, and the alert as the other reads it again tells who. The person is locked first, as
# everywhere: a report about a text holds them while it closes the alert, and what staff do goes on
# to the audit, which refers to them.


class OpenAlready(Exception):
    """Another alert of the same kind about the same is open: that one is to be worked on."""


def claim(alert: CareAlert, *, by: User, now: datetime) -> bool:
    """`by` looks after it. False when somebody does already, or it is resolved."""
    return _change(
        alert, Q(resolved_at=None, claimed_by=None), {"claimed_by": by, "claimed_at": now}
    )


def release(alert: CareAlert) -> bool:
    """Nobody looks after it any more; also by a colleague, as when a shift has ended.

    False when nobody did, or it is resolved. If it is due for escalation by now and has not been
    escalated, the next tick does it.
    """
    claimed = Q(resolved_at=None, claimed_by__isnull=False)
    return _change(alert, claimed, {"claimed_by": None, "claimed_at": None})


def add_note(alert: CareAlert, *, by: User, text: str, now: datetime) -> None:
    """Add a line to its notes, signed with `by` and the time in UTC; also once it is resolved."""
    _change(alert, Q(), {"note": _appended(_signed(text, by, now))})


def resolve_by_staff(alert: CareAlert, *, by: User, done: str, now: datetime) -> bool:
    """Close it, with what was done as a signed line of its notes. False when it is closed."""
    changes = {"resolved_at": now, "resolved_by": by, "note": _appended(_signed(done, by, now))}
    return _change(alert, Q(resolved_at=None), changes)


def reopen(alert: CareAlert, *, by: User, why: str, now: datetime) -> bool:
    """Open it again, claimed by whoever does so. False when it is open.

    It may be escalated once more. Raises OpenAlready where the same has been found again since.
    """
    changes = {
        "resolved_at": None,
        "resolved_by": None,
        "claimed_by": by,
        "claimed_at": now,
        "escalated_at": None,
        "note": _appended(_signed(f"Reopened: {why}", by, now)),
    }
    try:
        # A savepoint: what the caller has done before stays.
        with transaction.atomic():
            return _change(alert, Q(resolved_at__isnull=False), changes)
    except IntegrityError as error:
        raise OpenAlready from error


def _change(alert: CareAlert, expected: Q, changes: dict[str, Any]) -> bool:
    with transaction.atomic():
        if alert.caregiver_id is not None:
            Caregiver.objects.select_for_update().get(pk=alert.caregiver_id)
        changed = CareAlert.objects.filter(expected, pk=alert.pk).update(**changes)
    # Also where nothing was changed: who was faster is the answer.
    alert.refresh_from_db(fields=["claimed_by", "claimed_at", "resolved_at", "resolved_by", "note"])
    return bool(changed)


def _signed(text: str, by: User, now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {by.get_username()}: {text}"


def _appended(line: str) -> Case:
    """What stands in the notes, and `line` below it."""
    return Case(
        When(note="", then=Value(line)),
        default=Concat("note", Value(f"\n{line}")),
        output_field=TextField(),
    )


def _close(
    alerts: QuerySet[CareAlert], *, note: str, now: datetime, by: AbstractBaseUser | None
) -> None:
    # What staff have noted stays; ours is a line below it.
    alerts.filter(resolved_at=None).update(resolved_at=now, resolved_by=by, note=_appended(note))
