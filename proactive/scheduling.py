"""The one entry in beat's schedule. Staff own it: it is created, never changed."""

from django_celery_beat.models import IntervalSchedule, PeriodicTask

NAME = "tick"
TICK_SECONDS = 60


def sync_schedules() -> list[str]:
    """Create what is missing from the schedule; returns the names of what was created.

    A plain interval in UTC: a crontab in a zone with daylight saving skips or repeats an hour.
    A tick that waited for longer than until the next one is dropped.
    """
    # Asked first, so that an interval that staff changed is not created anew beside theirs.
    if PeriodicTask.objects.filter(name=NAME).exists():
        return []
    # Not get_or_create: nothing keeps staff from having two alike.
    every_minute = {"every": TICK_SECONDS, "period": IntervalSchedule.SECONDS}
    interval = IntervalSchedule.objects.filter(**every_minute).first()
    task, created = PeriodicTask.objects.get_or_create(
        name=NAME,
        defaults={
            "task": "proactive.tasks.tick",
            "interval": interval or IntervalSchedule.objects.create(**every_minute),
            "expire_seconds": TICK_SECONDS,
            "description": "Finds who is due and delivers what is queued. Disable to stop it all.",
        },
    )
    return [task.name] if created else []
