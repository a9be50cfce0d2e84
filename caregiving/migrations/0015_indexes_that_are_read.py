"""Without indexes that nobody reads: each costs an entry for every row that is written."""

import django.db.models.deletion
from django.db import migrations, models

from caregiving.migration_operations import DropIndexOfColumn, RemoveIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0014_erasure")]

    operations = [
        # Sweeps look for reminders by what is ripe.
        RemoveIndexConcurrently("caregiver", "by_last_assessment"),
        migrations.SeparateDatabaseAndState(
            [
                DropIndexOfColumn(
                    "caregiving_wellnessscore_caregiver_id_0b954b5c",
                    "caregiving_wellnessscore",
                    "caregiver_id",
                ),
                DropIndexOfColumn(
                    "caregiving_inboundmessage_caregiver_id_3452e484",
                    "caregiving_inboundmessage",
                    "caregiver_id",
                ),
                DropIndexOfColumn(
                    "caregiving_inboundmessage_provider_sid_7d9e337e_like",
                    "caregiving_inboundmessage",
                    "provider_sid varchar_pattern_ops",
                ),
            ],
            [
                migrations.AlterField(
                    "wellnessscore",
                    "caregiver",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scores",
                        to="caregiving.caregiver",
                    ),
                ),
                migrations.AlterField(
                    "inboundmessage",
                    "caregiver",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="inbound",
                        to="caregiving.caregiver",
                        verbose_name="person",
                    ),
                ),
            ],
        ),
    ]
