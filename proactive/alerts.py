"""Opening what a person must look at, once however often it is found."""

from datetime import datetime

from proactive.models import CareAlert, Message


def open_alert(
    kind: CareAlert.Kind, *, now: datetime, detail: str, message: Message | None = None
) -> None:
    """Open an alert about `message`, or about the service as a whole when there is none."""
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
        ],
        # The constraints on CareAlert say what "the same alert" is.
        ignore_conflicts=True,
    )
