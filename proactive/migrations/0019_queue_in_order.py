"""The queue in the very order in which delivery takes it: a sweep queues many at one instant."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddIndexConcurrently, RemoveIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("proactive", "0018_webhooks_out")]

    operations = [
        AddIndexConcurrently(
            "message",
            models.Index(
                fields=["priority", "queued_at", "id"],
                name="messages_in_line",
                condition=Q(("status", "queued")),
            ),
        ),
        RemoveIndexConcurrently("message", "messages_queued"),
    ]
