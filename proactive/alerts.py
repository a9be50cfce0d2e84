"""Opening what a person must look at, once however often it is found; and closing it."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Case, QuerySet, TextField, Value, When
from django.db.models.functions import Concat

from caregiving.models import Caregiver
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
    CareAlert.objects.bulk_create(
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
        # The constraints on CareAlert say what "the same alert" is.
        ignore_conflicts=True,
    )


def open_for_people(
    kind: CareAlert.Kind, about: Iterable[tuple[Caregiver, datetime | None, str]], *, now: datetime
) -> None:
    """Open one alert for each person and occasion with its detail, about no text in particular."""
    CareAlert.objects.bulk_create(
        [
            CareAlert(
                kind=kind, caregiver=caregiver, occasion=occasion, detail=detail, opened_at=now
            )
            for caregiver, occasion, detail in about
        ],
        ignore_conflicts=True,
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
    _close(CareAlert.objects.filter(kind=kind, message=message), note=note, now=now, by=by)


def resolve_for_service(
    kind: CareAlert.Kind, *, note: str, now: datetime, by: AbstractBaseUser | None = None
) -> None:
    """The same for the alert about the service as a whole: one conditional UPDATE."""
    _close(CareAlert.objects.filter(kind=kind, caregiver=None), note=note, now=now, by=by)


def _close(
    alerts: QuerySet[CareAlert], *, note: str, now: datetime, by: AbstractBaseUser | None
) -> None:
    alerts.filter(resolved_at=None).update(
        resolved_at=now,
        resolved_by=by,
        # What staff have noted stays; ours is a line below it.
        note=Case(
            When(note="", then=Value(note)),
            default=Concat("note", Value(f"\n{note}")),
            output_field=TextField(),
        ),
    )
