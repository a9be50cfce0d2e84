"""The four proactive fields, as a live system takes them: nullable, no row rewritten.

Null means "never". The columns come and go within one short transaction; the indexes are built
beside the writers on PostgreSQL, which is why the migration as a whole has no transaction.
"""

from django.db import migrations, models

from caregiving.migration_operations import AddFields, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0001_initial")]

    operations = [
        AddFields(
            "caregiver",
            [
                ("last_proactive_message_at", models.DateTimeField(blank=True, null=True)),
                ("last_crisis_event_at", models.DateTimeField(blank=True, null=True)),
                ("crisis_followup_count", models.SmallIntegerField(blank=True, null=True)),
                ("reactivation_message_count", models.SmallIntegerField(blank=True, null=True)),
            ],
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(fields=["last_proactive_message_at"], name="by_last_proactive"),
        ),
        AddIndexConcurrently(
            "caregiver", models.Index(fields=["last_crisis_event_at"], name="by_crisis_event")
        ),
    ]
