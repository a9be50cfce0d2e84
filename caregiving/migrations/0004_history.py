"""Crises and consent as they were recorded: what a single timestamp on the person forgets."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q


def _id() -> tuple[str, models.Field]:
    return (
        "id",
        models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("caregiving", "0003_cadence_fields")]

    operations = [
        migrations.CreateModel(
            name="CrisisEvent",
            fields=[
                _id(),
                ("at", models.DateTimeField()),
                ("source", models.CharField(blank=True, max_length=40)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "replaced_at",
                    models.DateTimeField(
                        blank=True, help_text="When a newer crisis took its place.", null=True
                    ),
                ),
                (
                    "settled_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When its unsent follow-ups were accounted for.",
                        null=True,
                    ),
                ),
                (
                    "caregiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="crises",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [
                    models.Index(
                        condition=Q(("replaced_at__isnull", False), ("settled_at__isnull", True)),
                        fields=["replaced_at"],
                        name="crises_to_settle",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caregiver", "at"), name="one_crisis_an_instant"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ConsentChange",
            fields=[
                _id(),
                ("opted_in", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("source", models.CharField(blank=True, max_length=40)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "caregiver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="consents",
                        to="caregiving.caregiver",
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caregiver", "opted_in", "at"),
                        name="one_consent_change_an_instant",
                    )
                ],
            },
        ),
    ]
