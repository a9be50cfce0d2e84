"""What the home page and the badge look up: texts by when they went out, the last finished sweep."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("proactive", "0004_back_office")]

    operations = [
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=Q(("attempt_started_at__isnull", False)),
                fields=["attempt_started_at"],
                name="messages_handed_over",
            ),
        ),
        AddIndexConcurrently(
            "sweep",
            models.Index(
                condition=Q(("dry_run", False), ("finished_at__isnull", False)),
                fields=["-finished_at"],
                name="sweeps_finished",
            ),
        ),
    ]
