"""Rows for whatever the admin shows: one of each, or as many as you like.

Half of all that hangs on a person hangs on the first one, so that their page has the longest
history of all; the row that is shown is the newest.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)

from caregiving import zones
from caregiving.models import Caregiver, InboundMessage, WellnessScore
from proactive.models import (
    ApiToken,
    AuditEntry,
    CadenceSwitch,
    CareAlert,
    Message,
    Note,
    RefusedWebhook,
    Simulation,
    Status,
    Sweep,
    WebhookDelivery,
    WebhookEndpoint,
)
from proactive.scheduling import sync_schedules
from proactive.weekly.remembering import remember
from proactive.weekly.weeks import Week
from tests import admin_site
from tests.factories import CaregiverFactory

# Tables that stay small however many people there are.
TINY = {
    "proactive.apitoken": "one a client",
    "proactive.webhookendpoint": "one a listener",
    "auth.group": "a role each, and a few of an organisation's own",
    "proactive.messagetemplate": "one a stage and language",
    "proactive.cadenceswitch": "one a cadence",
    "django_celery_beat.periodictask": "what the clock does",
    "django_celery_beat.intervalschedule": "how often",
    "django_celery_beat.crontabschedule": "how often",
    "django_celery_beat.solarschedule": "how often",
    "django_celery_beat.clockedschedule": "how often",
    "proactive.weeklyreport": "one a week",
}
ENDS = ("unknown", "delivered", "sent", "undelivered", "failed", "cancelled", "superseded")
# What nobody may read without a permission; to be looked for on pages.
BODY = "Only for whoever may read it"
WRITTEN = "Mom fell again, only for whoever may read it"
# What came of a comparison, as it is kept.
COMPARISON = json.loads(
    Path(__file__).parent.joinpath("proactive/simulation/sample_comparison.json").read_text()
)


def one_of_each() -> dict[str, Model]:
    """A row for every registered model, by its label, each in a state in which it can be acted on.

    Raises LookupError for a model that nobody has said here how to make.
    """
    grow_to(1)
    sync_schedules()
    CrontabSchedule.objects.create()
    SolarSchedule.objects.create(event="solar_noon", latitude=41, longitude=-87)
    ClockedSchedule.objects.create(clocked_time=timezone.now())
    CadenceSwitch.objects.create(cadence="wellness", reason="Words are being looked at")
    ApiToken.objects.create(name="assistant", scopes=["events:write"], prefix="outreach_abc123")
    now = timezone.now()
    remember(Week.last_ended(now), now=now)
    rows = {}
    for label, model_admin in admin_site.models().items():
        row = model_admin.model._default_manager.order_by("pk").first()
        if row is None:
            raise LookupError(f"{label}: say in tests/admin_rows.py how to make a row")
        rows[label] = row
    # Whoever stands in the audit cannot be deleted.
    rows["auth.user"] = User.objects.create(username="newcomer-of-today", is_staff=True)
    # The roles follow their declaration, and a rhythm that is in use stays.
    rows["auth.group"] = Group.objects.create(name="Weekend shift")
    rows["django_celery_beat.intervalschedule"] = IntervalSchedule.objects.create(
        every=5, period=IntervalSchedule.DAYS
    )
    return rows


def make_ready(row: Model, act: str) -> None:
    """Bring `row` into a state in which `act` finds something to do."""
    now = timezone.now()
    if act == "send_now":
        # It goes by their clock, whatever the time is here.
        noon = next(zone for zone in zones.known() if now.astimezone(ZoneInfo(zone)).hour == 12)
        ago = now - timedelta(days=2)
        _set(row, time_zone=noon, last_contact_at=ago, last_crisis_event_at=ago)
    elif act in READY:
        _set(row, **READY[act](now))


def _set(row: Model, **values: Any) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(**values)


READY: dict[str, Callable[[datetime], dict[str, Any]]] = {
    "record_contact": lambda now: {"last_contact_at": now - timedelta(days=2)},
    "resume": lambda now: {"outreach_paused_until": now + timedelta(days=2)},
    "opt_in": lambda now: {"opted_out_at": now - timedelta(days=2)},
    "clear_unreachable": lambda now: {"unreachable_at": now - timedelta(days=2)},
    "reactivate": lambda now: {
        "journey_phase": "churned",
        "last_contact_at": now - timedelta(days=2),
    },
    "reset_crisis_counter": lambda now: {
        "crisis_followup_count": 2,
        "last_crisis_event_at": now - timedelta(days=4),
    },
    "reset_reactivation_counter": lambda now: {"reactivation_message_count": 2},
    "restart_crisis_followups": lambda now: {"last_crisis_event_at": now - timedelta(days=4)},
    "end_cascade": lambda now: {"last_crisis_event_at": now - timedelta(days=4)},
    "lift_hold": lambda now: {"legal_hold_since": now, "legal_hold_reason": "Case 12"},
    "enable_task": lambda now: {"enabled": False},
    "switch_on": lambda now: {"is_on": False},
    "enable_endpoint": lambda now: {"enabled": False},
    "back_to_original": lambda now: {"body": "Hello from somebody else."},
    "release": lambda now: {"claimed_by": User.objects.first(), "claimed_at": now},
    "stop": lambda now: {"state": "waiting", "finished_at": None},
    "reopen": lambda now: {"resolved_at": now},
}


def grow_to(count: int) -> None:
    """Every table that grows has `count` rows afterwards; what is there stays."""
    people = _grow(Caregiver, count, lambda i: CaregiverFactory.build())

    def whose(i: int) -> Caregiver:
        return people[i] if i % 2 else people[0]

    now = timezone.now()

    def before(i: int):
        return now - timedelta(minutes=i)

    sweeps = _grow(
        Sweep,
        count,
        lambda i: Sweep(now=before(i), started_at=before(i), held="Far more than usual: 900."),
    )
    messages = _grow(
        Message,
        count,
        lambda i: Message(
            caregiver=whose(i),
            to_number=whose(i).phone_number,
            cadence="crisis_followup",
            stage=i % 7 + 1,
            occasion=before(i),
            sweep=sweeps[i],
            body=BODY,
            segments=1,
            status=Status(ENDS[i % len(ENDS)]),
            queued_at=before(i),
            attempt_started_at=before(i),
        ),
    )
    _grow(
        CareAlert,
        count,
        lambda i: CareAlert(
            kind=CareAlert.Kind.OUTCOME_UNKNOWN,
            caregiver=messages[i].caregiver,
            message=messages[i],
            opened_at=before(i),
        ),
    )
    _grow(
        InboundMessage,
        count,
        lambda i: InboundMessage(
            caregiver=whose(i),
            from_number=whose(i).phone_number,
            body=WRITTEN,
            received_at=before(i),
            provider_sid=f"SM-in-{i}",
        ),
    )
    _grow(
        WellnessScore,
        count,
        lambda i: WellnessScore(
            caregiver=whose(i), score=i % 100, burnout_band="moderate", created_at=before(i)
        ),
    )
    endpoint = WebhookEndpoint.objects.first() or WebhookEndpoint.objects.create(
        name="assistant", url="https://app.example.org/hook", kinds=["message.sent"]
    )
    WebhookEndpoint.objects.assume_none()  # it is to be looked at, not to be told of all this
    _grow(
        WebhookDelivery,
        count,
        lambda i: WebhookDelivery(
            event_id=uuid4(),
            endpoint=endpoint,
            kind="message.sent",
            payload={"type": "message.sent", "timestamp": before(i).isoformat(), "data": {}},
            created_at=before(i),
            expires_at=before(i),
            given_up_at=before(i),
        ),
    )
    users = _grow(
        User, count, lambda i: User(username=f"member{i}", first_name="Lin", is_staff=True)
    )
    _grow(
        Note,
        count,
        lambda i: Note(caregiver=whose(i), by=users[i], at=before(i), body="Called, no answer."),
    )
    _grow(
        AuditEntry,
        count,
        lambda i: AuditEntry(
            at=before(i),
            by=users[i],
            action="pause",
            says="Paused for a week",
            reason="Holiday",
            target_type="caregiving.caregiver",
            target_id=str(whose(i).pk),
            target_label=str(whose(i)),
            caregiver=whose(i),
        ),
    )
    _grow(
        Simulation,
        count,
        lambda i: Simulation(
            question="Would fewer texts do?",
            by=users[i],
            request=COMPARISON["request"],
            changed="; ".join(COMPARISON["changes"]),
            state=Simulation.State.DONE,
            created_at=before(i),
            started_at=before(i),
            finished_at=before(i),
            progress=100,
            # Of the row that is shown; ten thousand of them would be most of what is made here.
            result=None if i else COMPARISON,
        ),
    )
    _grow(
        RefusedWebhook,
        count,
        lambda i: RefusedWebhook(day=(now - timedelta(days=i)).date(), endpoint="inbound", count=3),
    )
    for log in (AccessAttempt, AccessFailureLog, AccessLog):
        _grow(log, count, lambda i, log=log: _sign_in(log, i))


def _sign_in(log: type[Model], i: int) -> Model:
    row = log(username=f"member{i}", ip_address="192.0.2.1", user_agent=f"Browser {i}")
    if log is AccessAttempt:
        row.failures_since_start = 1
    return row


def _grow(model: type[Model], count: int, make: Callable[[int], Model]) -> list:
    """All rows, in the order in which they were made."""
    rows = list(model._default_manager.order_by(*_MADE.get(model, ("pk",))))
    rows += model._default_manager.bulk_create(
        [make(i) for i in range(len(rows), count)], batch_size=1000
    )
    return rows


# Keys are random: the newest was made first.
_MADE: dict[type[Model], tuple[str, ...]] = {Message: ("-queued_at",)}
