"""Without indexes that nobody reads, and with one for what did not arrive."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddIndexConcurrently, DropIndexOfColumn


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("caregiving", "0015_indexes_that_are_read"),
        ("proactive", "0019_queue_in_order"),
    ]

    operations = [
        AddIndexConcurrently(
            "message",
            models.Index(
                fields=["attempt_started_at"],
                name="messages_not_arrived",
                condition=Q(("status__in", ["failed", "undelivered"])),
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [
                DropIndexOfColumn(
                    "proactive_message_caregiver_id_0f94f354", "proactive_message", "caregiver_id"
                ),
                DropIndexOfColumn(
                    "proactive_message_provider_sid_717fa2c5_like",
                    "proactive_message",
                    "provider_sid varchar_pattern_ops",
                ),
                DropIndexOfColumn(
                    "proactive_carealert_caregiver_id_1b9bd72d",
                    "proactive_carealert",
                    "caregiver_id",
                ),
            ],
            [
                migrations.AlterField(
                    "message",
                    "caregiver",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="caregiving.caregiver",
                        verbose_name="person",
                    ),
                ),
                migrations.AlterField(
                    "carealert",
                    "caregiver",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
        ),
    ]
