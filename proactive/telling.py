"""One row of a person's history in words. Nothing here asks the database."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db.models import Model

from caregiving.models import ConsentChange, CrisisEvent, InboundMessage, WellnessScore
from proactive.models import AuditEntry, CareAlert, Message, Note, Status
from proactive.naming import in_words


@dataclass(frozen=True)
class Step:
    """One change of state; `at` is None where its time was not kept."""

    says: str
    at: datetime | None = None


@dataclass(frozen=True)
class Told:
    """`says` what it was, `remark` what else the system has to say.

    `body` is what a person reads or wrote, which only some staff may see. `by`: who of the staff.
    `about`: the row whose page says more, as the label of its model and its key.
    """

    says: str
    remark: str = ""
    body: str = ""
    by: str = ""
    steps: tuple[Step, ...] = ()
    about: tuple[str, str] | None = None


def named(user: AbstractBaseUser | None) -> str:
    """A member of staff by name; "" for nobody."""
    if isinstance(user, User):
        return user.get_full_name() or user.username
    return ""


def _about(row: Model) -> tuple[str, str]:
    return row._meta.label_lower, str(row.pk)


# --- Texts ---


def text_out(message: Message) -> Told:
    return Told(
        f"Text: {in_words(message.cadence, message.stage)}",
        remark=message.reason,
        body=message.body,
        by=named(message.ordered_by),
        steps=tuple(_steps(message)),
        about=_about(message),
    )


def _steps(message: Message) -> list[Step]:
    if message.status == Status.SUPERSEDED:
        return [Step("overtaken by a later stage, never sent", message.queued_at)]
    steps = [Step("queued", message.queued_at)]
    if message.sent_at:
        steps.append(Step("sent", message.sent_at))
    match message.status:
        case Status.QUEUED if message.retry_at:
            steps.append(Step("tried, and again from", message.retry_at))
        case Status.SENDING:
            steps.append(Step("being sent since", message.attempt_started_at))
        case Status.DELIVERED:
            steps.append(Step("delivered", message.delivered_at))
        case Status.UNDELIVERED:
            steps.append(Step("not delivered"))
        case Status.FAILED:
            steps.append(Step("failed", message.attempt_started_at))
        case Status.UNKNOWN:
            steps.append(Step("unknown whether it arrived, tried", message.attempt_started_at))
        case Status.CANCELLED:
            steps.append(Step("cancelled"))
    if message.replied_at:
        steps.append(Step("they replied", message.replied_at))
    return steps


def text_in(inbound: InboundMessage) -> Told:
    files = len(inbound.media)
    says = ["They wrote"]
    if files:
        says.append(f"({files} file{'s' if files > 1 else ''})")
    meant = f"Understood as: {inbound.get_intent_display()}" if inbound.intent else ""
    body = inbound.body or "(no words)"
    return Told(" ".join(says), remark=meant, body=body, about=_about(inbound))


# --- How they are ---


def crisis(event: CrisisEvent) -> Told:
    return Told("Crisis", remark=f"Recorded from: {event.source}" if event.source else "")


def score(assessed: WellnessScore) -> Told:
    return Told(f"Wellness score {assessed.score}: {assessed.get_burnout_band_display()}")


def consent(change: ConsentChange) -> Told:
    says = "Opted in" if change.opted_in else "Opted out"
    return Told(says, remark=f"Recorded from: {change.source}" if change.source else "")


# --- Staff ---


def alert_opened(alert: CareAlert) -> Told:
    return Told(f"Alert: {alert.get_kind_display()}", remark=alert.detail, about=_about(alert))


def alert_claimed(alert: CareAlert) -> Told:
    return Told(
        f"Alert claimed: {alert.get_kind_display()}",
        by=named(alert.claimed_by),
        about=_about(alert),
    )


def alert_escalated(alert: CareAlert) -> Told:
    return Told(
        f"Alert sent on by email: {alert.get_kind_display()}",
        remark="Nobody had claimed it.",
        about=_about(alert),
    )


def alert_resolved(alert: CareAlert) -> Told:
    return Told(
        f"Alert resolved: {alert.get_kind_display()}",
        body=alert.note,
        by=named(alert.resolved_by),
        about=_about(alert),
    )


def alert_act(entry: AuditEntry) -> Told:
    says = entry.says[:1].lower() + entry.says[1:]
    return _from_entry(entry, f"Alert {says}: {entry.target_label}")


def staff_action(entry: AuditEntry) -> Told:
    return _from_entry(entry, entry.says[:1].upper() + entry.says[1:])


def _from_entry(entry: AuditEntry, says: str) -> Told:
    by = named(entry.by) or entry.via or "the command line"
    return Told(says, body=entry.reason, by=by, about=(entry.target_type, entry.target_id))


def note(written: Note) -> Told:
    return Told("Note", body=written.body, by=named(written.by))
