"""The entries of beat's schedule. Staff own them: they are created, never changed."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

TICK_SECONDS = 60
DAY_SECONDS = 24 * 3600
# Beat writes down what it rang about every three minutes.
MAY_BE_QUIET_FOR = timedelta(minutes=10)
QUARTER_SECONDS = 15 * 60
WEBHOOK_SECONDS = 30


@dataclass(frozen=True)
class Entry:
    """A task that is rung every so many `seconds`, in UTC."""

    name: str
    task: str
    seconds: int
    description: str


ENTRIES = (
    Entry(
        "tick",
        "proactive.tasks.tick",
        TICK_SECONDS,
        "Finds who is due and delivers what is queued. Disable to stop it all.",
    ),
    Entry(
        "promises",
        "proactive.tasks.check_promises",
        DAY_SECONDS,
        "Counts the crisis follow-ups by what became of them; alerts when one is lost sight of.",
    ),
    Entry(
        "housekeeping",
        "proactive.tasks.tidy_up",
        DAY_SECONDS,
        "Forgets ended sessions, old sign-ins and files that were brought for import.",
    ),
    Entry(
        "weekly report",
        "proactive.tasks.send_weekly_report",
        QUARTER_SECONDS,
        "Asks whether it is Monday, 08:00, where the service is; then counts the week and sends "
        "it by email, once.",
    ),
    Entry(
        "webhooks",
        "proactive.tasks.deliver_webhooks",
        WEBHOOK_SECONDS,
        "Tells other services what outreach did, where they are to hear of it.",
    ),
)


def sync_schedules() -> list[str]:
    """Create what is missing from the schedule; returns the names of what was created.

    Plain intervals in UTC: a crontab in a zone with daylight saving skips or repeats an hour. A
    task that waited for longer than until its next one is dropped.
    """
    present = set(PeriodicTask.objects.values_list("name", flat=True))
    # Asked first, so that an interval that staff changed is not created anew beside theirs.
    return [entry.name for entry in ENTRIES if entry.name not in present and _create(entry)]


def tick_entry() -> PeriodicTask | None:
    """The entry of the tick, with when beat last wrote down that it rang it; None without one."""
    return PeriodicTask.objects.filter(name=ENTRIES[0].name).first()


def set_enabled(task: PeriodicTask, enabled: bool) -> bool:
    """Have beat ring this task, or not; returns False when it was so already.

    Beat reads its schedule again when it sees that it has changed, within some seconds.
    """
    with transaction.atomic():
        locked = PeriodicTask.objects.select_for_update().get(pk=task.pk)
        if locked.enabled == enabled:
            return False
        locked.enabled = enabled
        # Saved, not updated: saving is what tells beat. Beat itself counts in the other fields.
        locked.save(update_fields=["enabled", "last_run_at", "date_changed"])
    return True


def _create(entry: Entry) -> bool:
    # Not get_or_create: nothing keeps staff from having two alike.
    every = {"every": entry.seconds, "period": IntervalSchedule.SECONDS}
    interval = IntervalSchedule.objects.filter(**every).first()
    _, created = PeriodicTask.objects.get_or_create(
        name=entry.name,
        defaults={
            "task": entry.task,
            "interval": interval or IntervalSchedule.objects.create(**every),
            "expire_seconds": entry.seconds,
            "description": entry.description,
        },
    )
    return created
